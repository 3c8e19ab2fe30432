// csrc/cuda/match/op.cpp as it is, for CPU tensors: its launches go to the emulator. Registered as the CPU's kernels.
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/macros.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include "../../csrc/cuda/match/launch.h"
#include "../../csrc/cuda/match/plan.h"

struct NoGuard {
    explicit NoGuard(int) {}
};
namespace torch::stable::accelerator {
using ::NoGuard;
}

#define DeviceGuard NoGuard
#define is_cuda is_cpu
#define CUDA CPU
#define aoti_torch_get_current_cuda_stream(index, stream) (*(stream) = nullptr, (index) < 0 ? 0 : 1)
#undef STD_CUDA_CHECK
#define STD_CUDA_CHECK(launch) STD_TORCH_CHECK((launch) == cudaSuccess, "not launched")
#include "../../csrc/cuda/match/op.cpp"

namespace nbv {
namespace {

// A Fault comes out as the operator's error.
template <class Plan>
cudaError_t emulate(const Plan& plan) {
    plan([](auto kernel, int64_t blocks, int64_t threads, int64_t bytes, const MatchCudaArgs& args) {
        simt::launch(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes, [&] { kernel(args); });
    });
    return cudaSuccess;
}

}  // namespace

cudaError_t launch_match_forward(const MatchCudaArgs& args, cudaStream_t) {
    return emulate([&](const auto& start) {
        const auto run = [&](auto... launch) { start(launch..., args); };
        args.is_double ? plan_match_forward<double>(args, run) : plan_match_forward<float>(args, run);
    });
}

cudaError_t launch_match_backward(const MatchCudaArgs& args, cudaStream_t) {
    return emulate([&](const auto& start) {
        const auto run = [&](auto... launch) { start(launch..., args); };
        args.is_double ? plan_match_backward<double>(args, run) : plan_match_backward<float>(args, run);
    });
}

int64_t match_backward_scratch(const MatchCudaArgs& args) {
    return args.is_double ? MatchScratch<double>::bytes(args) : MatchScratch<float>::bytes(args);
}

}  // namespace nbv
