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
    ColumnBits bits;
    BackwardPlace places[kMostWarps];

    static constexpr int64_t kBytes = 640;

    // By all threads of the block; a barrier must follow.
    __device__ __forceinline__ void fill(const Tiling& tiling) {
        if (threadIdx.x == 0) bits = ColumnBits(tiling.columns);
    }
};
static_assert(sizeof(BackwardTables) <= BackwardTables::kBytes);

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
