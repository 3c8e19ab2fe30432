// The launchers of neighborhood attention: which path a call takes. Its kernels are in a file of their own. No headers
// of torch: nvcc would read them once per architecture.
#include "start.h"

namespace nbv {
namespace {

Launch* launch_of(FmaPath<float>) { return launch_fma_float; }
Launch* launch_of(FmaPath<double>) { return launch_fma_double; }
Launch* launch_of(MmaPath<float>) { return launch_mma_tf32; }
Launch* launch_of(MmaPath<Half>) { return launch_mma_half; }
Launch* launch_of(MmaPath<BFloat16>) { return launch_mma_bfloat16; }

cudaError_t launch(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                   Direction direction) {
    cudaError_t error = cudaSuccess;
    with_path(args, device, [&](auto path) { error = launch_of(path)(args, device, stream, direction); });
    return error;
}

}  // namespace

cudaError_t launch_neighborhood_forward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                        cudaStream_t stream) {
    return launch(args, device, stream, Direction::kForward);
}

cudaError_t launch_neighborhood_backward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                         cudaStream_t stream) {
    return launch(args, device, stream, Direction::kBackward);
}

int64_t neighborhood_backward_scratch(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    return neighborhood_scratch_bytes(args, device);
}

}  // namespace nbv
