// Neighborhood attention's kernels under the emulator, for Python: an empty text, or what a kernel did wrong.
#include <cstring>
#include <string>

#include "../../csrc/cuda/neighborhood/plan.h"

#define NBV_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace nbv;

std::string said;

void add(simt::Counters& sum, const simt::Counters& counters) {
    constexpr int kNumbers = sizeof(simt::Counters) / sizeof(int64_t);
    int64_t to[kNumbers], from[kNumbers];
    std::memcpy(to, &sum, sizeof(to));
    std::memcpy(from, &counters, sizeof(from));
    for (int i = 0; i < kNumbers; ++i) to[i] += from[i];
    std::memcpy(&sum, to, sizeof(to));
}

template <class Plan>
const char* run(const CudaDevice& device, simt::Counters& counters, const Plan& plan) {
    said.clear();
    counters = {};
    try {
        plan([&](void (*kernel)(NeighborhoodPass), int64_t blocks, int64_t threads, int64_t bytes,
                 const NeighborhoodPass& pass) {
            add(counters, simt::launch(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes,
                                       [&] { kernel(pass); }, {.shared_limit = device.block_shared}));
        });
    } catch (const simt::Fault& fault) {
        said = fault.what();
    }
    return said.c_str();
}

}  // namespace

NBV_EXPORT int64_t neighborhood_args_bytes() { return sizeof(NeighborhoodCudaArgs); }

NBV_EXPORT int64_t neighborhood_counters_bytes() { return sizeof(simt::Counters); }

NBV_EXPORT int64_t neighborhood_scratch(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    return neighborhood_scratch_bytes(args, device);
}

NBV_EXPORT const char* neighborhood_forward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                            simt::Counters& counters) {
    return run(device, counters, [&](const auto& run) { plan_neighborhood_forward(args, device, run); });
}

NBV_EXPORT const char* neighborhood_backward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                             simt::Counters& counters) {
    return run(device, counters, [&](const auto& run) { plan_neighborhood_backward(args, device, run); });
}
