// C = A B^T by tensor cores: copies of two tiles ahead of the products, rows of 64 bytes swizzled so that ldmatrix
// finds every bank once. With faults to plant, each of which some check must find.
#pragma once

#include "../../csrc/cuda/common/gpu.h"

namespace nbv {

enum class Planted {
    kNothing,
    kNoBarrierBefore,  // products start before all copies have arrived
    kNoBarrierAfter,   // copies overwrite what products still read
    kWaitTooShort,     // one group more may be under way
    kNoWait,
    kSwappedFragment,  // rows of b in the wrong order
    kNoPredicate,      // rows behind the end of a matrix are read
    kShortRow,         // one item is never written
    kUnswizzled,       // right, but slow: banks conflict
};

struct MatmulArgs {
    const void *a, *b;  // [m, k] and [n, k]
    float* c;           // [m, n]
    int m, n, k;        // k is a multiple of 8
};

constexpr int kMatmulTile = 32, kMatmulStage = kMatmulTile * 64, kMatmulShared = 4 * kMatmulStage;
constexpr int kMatmulThreads = 128;

template <Planted kPlanted>
__device__ __forceinline__ int matmul_chunk(int row, int chunk) {
    return row * 64 + (kPlanted == Planted::kUnswizzled ? chunk : chunk ^ (row >> 1 & 3)) * 16;
}

// One tile of 32 rows and 32 columns; a chunk of 16 bytes per thread.
template <class T, Planted kPlanted>
__device__ __forceinline__ void matmul_copy(unsigned char* to, const void* from, int row0, int rows, int k0, int k) {
    const int row = threadIdx.x / 4, chunk = threadIdx.x % 4, column = k0 + chunk * 8;
    const bool inside = (row0 + row < rows || kPlanted == Planted::kNoPredicate) && column < k;
    const T* const source = static_cast<const T*>(from) + (inside ? int64_t{row0 + row} * k + column : 0);
    cp_async16(to + matmul_chunk<kPlanted>(row, chunk), source, inside);
}

template <class T, Planted kPlanted>
__global__ void __launch_bounds__(kMatmulThreads) matmul(const MatmulArgs args) {
    NBV_SHARED(memory);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int row0 = blockIdx.y * kMatmulTile, column0 = blockIdx.x * kMatmulTile;
    const int warp_row = warp / 2 * 16, warp_column = warp % 2 * 16;
    const int tiles = (args.k + kMatmulTile - 1) / kMatmulTile;
    const auto copy_tile = [&](int tile) {
        unsigned char* const stage = memory + tile % 2 * 2 * kMatmulStage;
        matmul_copy<T, kPlanted>(stage, args.a, row0, args.m, tile * kMatmulTile, args.k);
        matmul_copy<T, kPlanted>(stage + kMatmulStage, args.b, column0, args.n, tile * kMatmulTile, args.k);
    };
    float sums[2][4] = {};
    copy_tile(0);
    cp_async_commit();
    for (int tile = 0; tile < tiles; ++tile) {
        if (tile + 1 < tiles) copy_tile(tile + 1);
        cp_async_commit();  // an empty group at the end, so that the count of the wait stays
        if (kPlanted != Planted::kNoWait) cp_async_wait<kPlanted == Planted::kWaitTooShort ? 2 : 1>();
        if (kPlanted != Planted::kNoBarrierBefore) __syncthreads();
        const unsigned char* const stage = memory + tile % 2 * 2 * kMatmulStage;
        for (int step = 0; step < 2; ++step) {
            uint32_t a[4], b[4];
            ldmatrix4(a, stage + matmul_chunk<kPlanted>(warp_row + (lane & 15), 2 * step + (lane >> 4)));
            ldmatrix4(
                b, stage + kMatmulStage +
                       matmul_chunk<kPlanted>(warp_column + (lane & 7) + 8 * (lane >> 4), 2 * step + (lane >> 3 & 1)));
            const int first = kPlanted == Planted::kSwappedFragment ? 1 : 0;
            for (int n = 0; n < 2; ++n) mma_16x8x16<T>(sums[n], a, b[2 * n + first], b[2 * n + 1 - first]);
        }
        if (kPlanted != Planted::kNoBarrierAfter) __syncthreads();
        if (threadIdx.x == 0) count_tile();
    }
    for (int n = 0; n < 2; ++n)
        for (int i = 0; i < 4; ++i) {
            const int row = row0 + warp_row + lane / 4 + i / 2 * 8;
            const int column = column0 + warp_column + n * 8 + lane % 4 * 2 + i % 2;
            const int end = kPlanted == Planted::kShortRow ? args.n - 1 : args.n;
            if (row < args.m && column < end) args.c[int64_t{row} * args.n + column] = sums[n][i];
        }
}

}  // namespace nbv
