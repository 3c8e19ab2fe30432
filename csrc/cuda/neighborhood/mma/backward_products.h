// Products of the backward: of rows and columns over channels, and of weights and columns into sums of rows.
#pragma once

#include "backward_policy.h"
#include "logits.h"

namespace nbv {
namespace {

// visit(x, i, j, e) for each x = sums[i][j][e].
template <int kRowBlocks, int kBlocks, class Visit>
__device__ __forceinline__ void for_sums(float (&sums)[kRowBlocks][kBlocks][4], const Visit& visit) {
#pragma unroll
    for (int i = 0; i < kRowBlocks; ++i)
#pragma unroll
        for (int j = 0; j < kBlocks; ++j)
#pragma unroll
            for (int e = 0; e < 4; ++e) visit(sums[i][j][e], i, j, e);
}

// visit(g) for each g below kGroups whose bit is set. Mostly all are: then there is one way through, and loads run
// ahead of products.
template <int kGroups, class Visit>
__device__ __forceinline__ void for_groups(uint32_t groups, const Visit& visit) {
    if (groups == (1u << kGroups) - 1) {
#pragma unroll
        for (int g = 0; g < kGroups; ++g) visit(g);
        return;
    }
#pragma unroll
    for (int g = 0; g < kGroups; ++g)
        if ((groups >> g & 1) != 0) visit(g);
}

// sums = rows times columns from `column` on; 0 for blocks of 16 columns that have no bit in `groups`.
template <class T, int D, int kRows, int kBlocks, bool kKeep>
__device__ __forceinline__ void multiply_tiles(float (&sums)[kRows / 16][kBlocks][4],
                                               const RowOperands<T, D, kRows, kKeep>& rows,
                                               const SharedTile<T, D>& columns, int column, uint32_t groups, int dim,
                                               int lane) {
    constexpr int kSteps = D / Mma<T>::kDepth;
    const ColumnReader<T, D> reader(lane);
    clear<kRows, 8 * kBlocks>(sums);
    const auto multiply = [&](int step) {
        uint32_t a[kRows / 16][4];
        rows.load(a, lane, step);
        for_groups<kBlocks / 2>(groups, [&](int g) {
            uint32_t b[4];
            reader.load(b, columns, column + 16 * g, step);
#pragma unroll
            for (int i = 0; i < kRows / 16; ++i) {
                Mma<T>::multiply(sums[i][2 * g], a[i], b[0], b[1]);
                Mma<T>::multiply(sums[i][2 * g + 1], a[i], b[2], b[3]);
            }
        });
    };
    if constexpr (kKeep) {
#pragma unroll  // kept operands need steps that are constants
        for (int step = 0; step < kSteps; ++step)
            if (step * Mma<T>::kDepth < dim) multiply(step);
    } else {
#pragma unroll 2
        for (int step = 0; step < kSteps; ++step) {
            if (step * Mma<T>::kDepth >= dim) break;
            multiply(step);
        }
    }
}

// sums += weights times columns from `column` on, for the channels from `channel` on that are below `dim`; groups as
// above.
template <class T, int D, int kRowBlocks, int kBlocks, int kChannelBlocks>
__device__ __forceinline__ void add_products(float (&sums)[kRowBlocks][kChannelBlocks][4],
                                             const float (&weights)[kRowBlocks][kBlocks][4],
                                             const SharedTile<T, D>& columns, int column, uint32_t groups, int channel,
                                             int dim, int lane) {
    constexpr int kDepth = Mma<T>::kDepth, kSteps = 16 / kDepth;  // steps of a group
    const TransposedReader<T, D> reader(lane);
    uint32_t a[kBlocks / 2][kSteps][kRowBlocks][4];
#pragma unroll
    for (int g = 0; g < kBlocks / 2; ++g)
#pragma unroll
        for (int step = 0; step < kSteps; ++step)
#pragma unroll
            for (int i = 0; i < kRowBlocks; ++i)
                Mma<T>::from_sums(a[g][step][i], weights[i] + 2 * g + step * kDepth / 8);
#pragma unroll
    for (int n = 0; n < kChannelBlocks; n += 2) {
        if (channel + 8 * n >= dim) break;
        for_groups<kBlocks / 2>(groups, [&](int g) {
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
                uint32_t b[4];
                reader.load(b, columns, column + 16 * g + step * kDepth, channel / 16 + n / 2);
#pragma unroll
                for (int i = 0; i < kRowBlocks; ++i) {
                    Mma<T>::multiply(sums[i][n], a[g][step][i], b[0], b[1]);
                    Mma<T>::multiply(sums[i][n + 1], a[g][step][i], b[2], b[3]);
                }
            }
        });
    }
}

// visit(i, half, row) for each row 16 i + 8 half + g of lane 4 g + q, by the whole warp: row is what the lane has of
// `of_lane` that holds it, that of row r in lane r modulo the warp's rows.
template <int kRowBlocks, class Value, class Visit>
__device__ __forceinline__ void for_rows(Value of_lane, int lane, const Visit& visit) {
#pragma unroll
    for (int i = 0; i < kRowBlocks; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half)
            visit(i, half, __shfl_sync(0xFFFFFFFFu, of_lane, 16 * i + 8 * half + lane / 4));
}

// Zeros for pairs that do not see each other; `seen` is the lane's row, a bit per column of the group.
template <int kRowBlocks, int kBlocks>
__device__ __forceinline__ void mask_sums(float (&sums)[kRowBlocks][kBlocks][4], uint32_t seen, int lane) {
    for_rows<kRowBlocks>(seen, lane, [&](int i, int half, uint32_t row) {
        const uint32_t bits = row >> (lane % 4 * 2);
#pragma unroll
        for (int j = 0; j < kBlocks; ++j)
#pragma unroll
            for (int e = 0; e < 2; ++e)
                if ((bits >> (8 * j + e) & 1) == 0) sums[i][j][2 * half + e] = 0.0f;
    });
}

// logits += bias, in base 2, of pairs that see each other: no others have an entry. An entry is at
// bias[row +- columns[column]], kSign says which; `row` is of the lane's row.
template <int kSign, int kRowBlocks, int kBlocks>
__device__ __forceinline__ void add_bias(float (&logits)[kRowBlocks][kBlocks][4], uint32_t seen, const float* bias,
                                         int32_t row, const int32_t* columns, int lane) {
    for_rows<kRowBlocks>(seen, lane, [&](int i, int half, uint32_t row_bits) {
        const uint32_t bits = row_bits >> (lane % 4 * 2);
        const float* const entries = bias + __shfl_sync(0xFFFFFFFFu, row, 16 * i + 8 * half + lane / 4);
#pragma unroll
        for (int j = 0; j < kBlocks; ++j)
#pragma unroll
            for (int e = 0; e < 2; ++e)
                if ((bits >> (8 * j + e) & 1) != 0)
                    logits[i][j][2 * half + e] +=
                        __ldg(entries + kSign * columns[8 * j + lane % 4 * 2 + e]) * static_cast<float>(kLog2E);
    });
}

// Sums times `scale`, as rows of `to`: channels from `channel` on, by the warp that has them.
template <class T, int D, int kRowBlocks, int kBlocks>
__device__ __forceinline__ void write_sums(const SharedTile<T, D>& to, const float (&sums)[kRowBlocks][kBlocks][4],
                                           int channel, float scale, int lane) {
#pragma unroll
    for (int i = 0; i < kRowBlocks; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
            for (int j = 0; j < kBlocks; ++j)
                Mma<T>::store2(to.pair(16 * i + 8 * half + lane / 4, channel + 8 * j + lane % 4 * 2),
                               sums[i][j][2 * half] * scale, sums[i][j][2 * half + 1] * scale);
}

}  // namespace
}  // namespace nbv
