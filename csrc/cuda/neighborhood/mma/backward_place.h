// Where a warp's rows lie, in shared memory: registers are for sums. And what else both backward passes need there.
#pragma once

#include "backward_products.h"

namespace nbv {
namespace {

// What does not change while columns pass by.
struct BackwardPlace {
    Item item;
    RowTile tile;
    Position start;        // of the first column tile that passes by
    int32_t column_tiles;  // of a head
};

struct BackwardTables {
    ColumnBits& bits;
    BackwardPlace* places;  // of each warp

    __host__ __device__ static constexpr int64_t bytes(int warps) {
        return (sizeof(ColumnBits) + warps * sizeof(BackwardPlace) + 127) / 128 * 128;
    }

    __device__ __forceinline__ explicit BackwardTables(unsigned char* memory)
        : bits(*reinterpret_cast<ColumnBits*>(memory)),
          places(reinterpret_cast<BackwardPlace*>(memory + sizeof(ColumnBits))) {}

    // By all threads of the block; a barrier must follow.
    __device__ __forceinline__ void fill(const Tiling& tiling) const {
        if (threadIdx.x == 0) bits = ColumnBits(tiling.columns);
    }
};

__device__ __forceinline__ int64_t map_tokens(const NeighborhoodCudaArgs& p) {
    return static_cast<int64_t>(p.axis[0].length) * p.axis[1].length * p.axis[2].length;
}

// The first row of a head of a sample.
template <class T>
__device__ __forceinline__ const T* begin_of(const CudaView& view, int32_t sample, int32_t head) {
    return static_cast<const T*>(view.data) + sample * view.batch + head * view.head;
}

}  // namespace
}  // namespace nbv
