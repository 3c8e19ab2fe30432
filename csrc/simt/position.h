// threadIdx, blockIdx, blockDim and gridDim: variables that hold what belongs to the running lane.
#pragma once

#include "types.h"

namespace nbv::simt {

struct Position {
    uint3 thread{0, 0, 0}, block{0, 0, 0};
    dim3 block_dim, grid_dim;
};
extern constinit Position position;

}  // namespace nbv::simt

inline constexpr const uint3& threadIdx = nbv::simt::position.thread;
inline constexpr const uint3& blockIdx = nbv::simt::position.block;
inline constexpr const dim3& blockDim = nbv::simt::position.block_dim;
inline constexpr const dim3& gridDim = nbv::simt::position.grid_dim;
