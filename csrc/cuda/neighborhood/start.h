// Starts the kernels of a plan on a stream. Not for kernels: it needs a toolkit.
#pragma once

#include <cuda_runtime_api.h>

#include "launch.h"
#include "plan.h"

namespace nbv {

enum class Direction { kForward, kBackward };

// One file each, so that they compile side by side.
using Launch = cudaError_t(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                           Direction direction);
Launch launch_fma_float, launch_fma_double, launch_mma_half, launch_mma_bfloat16, launch_mma_tf32;

namespace {

// The first error ends it. Blocks may ask for more than 48 KB of shared memory only after a word to the driver.
struct Starter {
    static constexpr int64_t kWithoutAsking = 48 * 1024;
    cudaStream_t stream;
    cudaError_t& error;

    void operator()(void (*kernel)(NeighborhoodPass), int64_t blocks, int64_t threads, int64_t bytes,
                    const NeighborhoodPass& pass) const {
        if (error != cudaSuccess) return;
        if (blocks > kMostItems || pass.items > kMostItems) {
            error = cudaErrorInvalidConfiguration;
            return;
        }
        if (bytes > kWithoutAsking)
            error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                         cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
        if (error != cudaSuccess) return;
        kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes, stream>>>(pass);
        error = cudaGetLastError();
    }
};

template <class Path>
cudaError_t start(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                  Direction direction) {
    cudaError_t error = cudaSuccess;
    const Starter run{stream, error};
    direction == Direction::kForward ? Path::forward(args, device, run) : plan_backward_of<Path>(args, device, run);
    return error;
}

}  // namespace
}  // namespace nbv
