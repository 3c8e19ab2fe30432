// csrc/cuda/match/op.cpp as it is, for CPU tensors: its launches go to the emulator. Registered as the CPU's kernels.
#include "cpu_tensors.h"

// After the above.
#include "../../csrc/cuda/match/op.cpp"
#include "../../csrc/cuda/match/plan.h"

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
