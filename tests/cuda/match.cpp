// Match attention's kernels under the emulator, for Python: an empty text, or what a kernel did wrong.
#include <string>

#include "../../csrc/cuda/match/plan.h"

#define NBV_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace nbv;

std::string said;

template <class Plan>
const char* run(const MatchCudaArgs& args, const Plan& plan) {
    said.clear();
    try {
        plan([&](void (*kernel)(MatchCudaArgs), int64_t blocks, int64_t threads, int64_t bytes) {
            simt::launch(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes, [&] { kernel(args); });
        });
    } catch (const simt::Fault& fault) {
        said = fault.what();
    }
    return said.c_str();
}

}  // namespace

NBV_EXPORT int64_t match_args_bytes() { return sizeof(MatchCudaArgs); }

NBV_EXPORT int64_t match_backward_scratch(const MatchCudaArgs& args) {
    return args.is_double ? MatchScratch<double>::bytes(args) : MatchScratch<float>::bytes(args);
}

NBV_EXPORT const char* match_forward(const MatchCudaArgs& args) {
    return run(args, [&](const auto& run) {
        args.is_double ? plan_match_forward<double>(args, run) : plan_match_forward<float>(args, run);
    });
}

NBV_EXPORT const char* match_backward(const MatchCudaArgs& args) {
    return run(args, [&](const auto& run) {
        args.is_double ? plan_match_backward<double>(args, run) : plan_match_backward<float>(args, run);
    });
}
