// The launchers of neighborhood attention: what the glue calls and the .cu files define. Not for kernels: it needs a
// toolkit.
#pragma once

#include <cuda_runtime_api.h>

#include "args.h"

namespace nbv {

// On the current device, which `device` describes; they start kernels on the stream and wait for nothing. The first
// error is returned.
cudaError_t launch_neighborhood_forward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                        cudaStream_t stream);
cudaError_t launch_neighborhood_backward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                         cudaStream_t stream);

// Bytes of device memory that the backward needs beside its results.
int64_t neighborhood_backward_scratch(const NeighborhoodCudaArgs& args, const CudaDevice& device);

}  // namespace nbv
