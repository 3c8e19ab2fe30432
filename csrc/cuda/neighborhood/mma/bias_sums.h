// Gradients of the bias: sums over pairs of one head, by warps, each in a table of its own. Pairs of one row have
// different entries, so lanes add a row's columns side by side; rows go one after another, always in the same order.
#pragma once

#include "backward_products.h"

namespace nbv {
namespace {

// Shared memory of the sums: what each warp's rows pass on to its lanes, and tables where they fit.
template <int kGroup>
struct BiasMemory {
    static constexpr int kStride = kGroup + 8;  // floats per row: eight rows' pairs of columns lie in different banks
    static constexpr int64_t kStaging = 16 * kStride * sizeof(float);  // of a warp

    __host__ __device__ static constexpr int64_t bytes(int warps, int64_t entries) {
        return warps * (kStaging + entries * static_cast<int64_t>(sizeof(float)));
    }
};

template <int kGroup>
struct BiasSums {
    using Memory = BiasMemory<kGroup>;

    float *staging, *table;  // of the warp; null without gradients of the bias
    int32_t entries;

    // Sums of `part` of a head: of the block where tables are in shared memory, else of the warp.
    __device__ __forceinline__ static float* find_part(const NeighborhoodPass& p, int64_t entries, int head, int part) {
        return static_cast<float*>(p.bias_parts) + (static_cast<int64_t>(head) * p.splits + part) * entries;
    }

    // Begins with zeros. `block`: number of the block among those of its head.
    __device__ __forceinline__ BiasSums(const NeighborhoodPass& p, unsigned char* memory, int head, int block)
        : staging(nullptr), table(nullptr), entries(BiasIndex(p.args).size(p.args)) {
        if (p.bias_parts == nullptr) return;
        const int warp = threadIdx.x / 32, warps = blockDim.x / 32;
        staging = reinterpret_cast<float*>(memory + warp * Memory::kStaging);
        if (p.bias_in_shared)
            table = reinterpret_cast<float*>(memory + warps * Memory::kStaging) + warp * entries;
        else
            table = find_part(p, entries, head, block * warps + warp);
        for (int i = threadIdx.x % 32; i < entries; i += 32) table[i] = 0.0f;
        __syncwarp();  // sums begin at zero, whichever lane adds first
    }

    // Rows of a block of 16, one number per lane as in WarpSums; seen and row as in add_bias, of the lane's row.
    // `from`: the table at the column tile's first position.
    template <int kBlocks>
    __device__ __forceinline__ void add(const float (&grads)[kBlocks][4], int first_row, uint32_t seen, int32_t row,
                                        int32_t base, const int32_t* columns, int lane) const {
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
            for (int j = 0; j < kBlocks; ++j)
                *reinterpret_cast<float2*>(staging + (8 * half + lane / 4) * Memory::kStride + 8 * j + lane % 4 * 2) =
                    make_float2(grads[j][2 * half], grads[j][2 * half + 1]);
        __syncwarp();  // rows are there, for all lanes
        const int32_t column = lane < kGroup ? base + columns[lane] : 0;
        for (int r = 0; r < 16; ++r) {
            const uint32_t bits = __shfl_sync(0xFFFFFFFFu, seen, first_row + r);
            const int32_t entry = __shfl_sync(0xFFFFFFFFu, row, first_row + r) + column;
            if ((bits >> lane & 1) != 0) table[entry] += staging[r * Memory::kStride + lane];
            __syncwarp();  // the next row adds to the same entries by other lanes, or another block replaces the rows
        }
    }

    // The block's part, from the tables of its warps in their order.
    __device__ __forceinline__ void finish(const NeighborhoodPass& p, int head, int block) const {
        if (p.bias_parts == nullptr || !p.bias_in_shared) return;
        __syncthreads();  // all warps have added what they have
        const float* const tables = table - threadIdx.x / 32 * entries;
        float* const part = find_part(p, entries, head, block);
        for (int i = threadIdx.x; i < entries; i += blockDim.x) {
            float sum = 0.0f;
            for (int warp = 0; warp < static_cast<int>(blockDim.x / 32); ++warp) sum += tables[warp * entries + i];
            part[i] = sum;
        }
    }
};

}  // namespace
}  // namespace nbv
