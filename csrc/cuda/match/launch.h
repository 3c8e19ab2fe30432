// The launchers of match attention: what the glue calls and kernels.cu defines. Not for kernels: it needs a toolkit.
#pragma once

#include <cuda_runtime_api.h>

#include "args.h"

namespace nbv {

// On the current device; they start kernels on the stream and wait for nothing. The first error is returned.
cudaError_t launch_match_forward(const MatchCudaArgs& args, cudaStream_t stream);
cudaError_t launch_match_backward(const MatchCudaArgs& args, cudaStream_t stream);

// Bytes of device memory that the backward needs beside its results; 0 if none.
int64_t match_backward_scratch(const MatchCudaArgs& args);

}  // namespace nbv
