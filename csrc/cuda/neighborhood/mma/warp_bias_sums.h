// Gradients of the bias: sums over pairs of one head, by warps, in tables of their own. Pairs of one row have different
// entries, so lanes add a row's columns side by side; rows go one after another, always in the same order. Where a
// group has 16 columns, a half of the lanes adds the rows of a half of the warp, each half to its own table.
#pragma once

#include "backward_products.h"

namespace nbv {
namespace {

template <int kGroup>
struct WarpBiasSums {
    static constexpr int kTables = 32 / kGroup;  // of a warp
    static constexpr int kStride = kGroup + 8;   // floats per row: eight rows' pairs of columns lie in different banks
    static constexpr int64_t kStaging = 16 * kStride * sizeof(float);  // of a warp: from its rows to its lanes

    float *staging, *table;  // of the warp, of the lane; null without gradients of the bias
    int32_t entries;

    // Shared memory, with `entries` to a table; 0 where tables are in global memory.
    __host__ __device__ static constexpr int64_t bytes(int warps, int64_t entries) {
        return warps * (kStaging + kTables * entries * static_cast<int64_t>(sizeof(float)));
    }

    // A part of a head's sums is a block's where tables are in shared memory, else a table.
    __device__ __forceinline__ static float* find_part(const NeighborhoodPass& p, int64_t entries, int head, int part) {
        return static_cast<float*>(p.bias_parts) + (static_cast<int64_t>(head) * p.splits + part) * entries;
    }

    // Begins with zeros, when a barrier has followed. `block`: number of the block among those of its head.
    __device__ __forceinline__ WarpBiasSums(const NeighborhoodPass& p, unsigned char* memory, int head, int block)
        : staging(nullptr), table(nullptr), entries(BiasIndex(p.args).size(p.args)) {
        if (p.bias_parts == nullptr) return;
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
        const int number = static_cast<int>(threadIdx.x) / kGroup;
        staging = reinterpret_cast<float*>(memory + warp * kStaging);
        table = p.bias_in_shared ? reinterpret_cast<float*>(memory + warps * kStaging) + number * entries
                                 : find_part(p, entries, head, block * warps * kTables + number);
        for (int i = lane % kGroup; i < entries; i += kGroup) table[i] = 0.0f;
    }

    // Rows of a block of 16, one number per lane as in WarpSums; seen and row as in add_bias, of the lane's row.
    // `from`: the table at the column tile's first position.
    template <int kBlocks>
    __device__ __forceinline__ void add(const float (&grads)[kBlocks][4], int first_row, uint32_t seen, int32_t row,
                                        int32_t from, const int32_t* columns, int lane) const {
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
            for (int j = 0; j < kBlocks; ++j)
                *reinterpret_cast<float2*>(staging + (8 * half + lane / 4) * kStride + 8 * j + lane % 4 * 2) =
                    make_float2(grads[j][2 * half], grads[j][2 * half + 1]);
        __syncwarp();  // rows are there, for all lanes
        constexpr int kSteps = 16 / kTables;
        const int column = lane % kGroup, first = lane / kGroup * kSteps;
        const int32_t to = from + columns[column];
        uint32_t bits = __shfl_sync(0xFFFFFFFFu, seen, first_row + first);
        int32_t entry = __shfl_sync(0xFFFFFFFFu, row, first_row + first);
        for (int r = first; r < first + kSteps; ++r) {
            const bool sees = (bits >> column & 1) != 0;
            float* const sum = table + entry + to;
            bits = __shfl_sync(0xFFFFFFFFu, seen, (first_row + r + 1) % 32);  // ahead: additions wait for each other
            entry = __shfl_sync(0xFFFFFFFFu, row, (first_row + r + 1) % 32);
            if (sees) *sum += staging[r * kStride + column];
            __syncwarp();  // the next row adds to the same entries by other lanes, or other rows take their place
        }
    }

    // The block's part, from its tables in their order.
    __device__ __forceinline__ void finish(const NeighborhoodPass& p, int head, int block) const {
        if (p.bias_parts == nullptr || !p.bias_in_shared) return;
        __syncthreads();  // all warps have added what they have
        const int tables = static_cast<int>(blockDim.x) / kGroup;
        const float* const first = table - static_cast<int>(threadIdx.x) / kGroup * entries;
        float* const part = find_part(p, entries, head, block);
        for (int i = threadIdx.x; i < entries; i += blockDim.x) {
            float sum = 0.0f;
            for (int t = 0; t < tables; ++t) sum += first[t * entries + i];
            part[i] = sum;
        }
    }
};

}  // namespace
}  // namespace nbv
