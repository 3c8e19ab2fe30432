// The kernels of match attention for the device, and their launchers. No headers of torch: nvcc would read them once
// per architecture.
#include "launch.h"
#include "plan.h"

namespace nbv {
namespace {

template <class Plan>
cudaError_t launch(const MatchCudaArgs& args, cudaStream_t stream, const Plan& plan) {
    cudaError_t error = cudaSuccess;
    plan([&](void (*kernel)(MatchCudaArgs), int64_t blocks, int64_t threads, int64_t bytes) {
        if (error != cudaSuccess) return;
        kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes, stream>>>(args);
        error = cudaGetLastError();
    });
    return error;
}

}  // namespace

cudaError_t launch_match_forward(const MatchCudaArgs& args, cudaStream_t stream) {
    return launch(args, stream, [&](const auto& run) {
        args.is_double ? plan_match_forward<double>(args, run) : plan_match_forward<float>(args, run);
    });
}

cudaError_t launch_match_backward(const MatchCudaArgs& args, cudaStream_t stream) {
    return launch(args, stream, [&](const auto& run) {
        args.is_double ? plan_match_backward<double>(args, run) : plan_match_backward<float>(args, run);
    });
}

int64_t match_backward_scratch(const MatchCudaArgs& args) {
    return args.is_double ? MatchScratch<double>::bytes(args) : MatchScratch<float>::bytes(args);
}

}  // namespace nbv
