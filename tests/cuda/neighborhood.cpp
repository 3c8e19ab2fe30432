// Neighborhood attention's kernels under the emulator, for Python: an empty text, or what a kernel did wrong. Those of
// one path, NBV_PATH, and NBV_PARTS of its passes: they take long to compile.
#include <exception>
#include <string>
#include <type_traits>

#include "../../csrc/cuda/neighborhood/plan.h"

#ifndef NBV_PARTS
#define NBV_PARTS 15
#endif
#define NBV_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace nbv;

constexpr int kParts = NBV_PARTS, kForward = 1, kQueries = 2, kKeys = 4, kExtra = 8;

std::string said;

// The path without the passes that are not asked for: no kernels of theirs are compiled.
struct Path : NBV_PATH {
    template <class Run>
    static void forward(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run) {
        if constexpr (kParts & kForward) NBV_PATH::forward(args, device, run);
    }
    template <class Run>
    static NeighborhoodPass queries(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                    const NeighborhoodScratch& scratch, const Run& run) {
        if constexpr (kParts & kQueries) return NBV_PATH::queries(args, device, scratch, run);
        return nothing(args, scratch);
    }
    template <class Run>
    static void keys(const NeighborhoodCudaArgs& args, const CudaDevice& device, const NeighborhoodScratch& scratch,
                     const Run& run) {
        if constexpr (kParts & kKeys) NBV_PATH::keys(args, device, scratch, run);
    }
    template <class Run>
    static NeighborhoodPass extra(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                  const NeighborhoodScratch& scratch, const Run& run) {
        if constexpr (kParts & kExtra) return NBV_PATH::extra(args, device, scratch, run);
        return nothing(args, scratch);
    }

  private:
    static NeighborhoodPass nothing(const NeighborhoodCudaArgs& args, const NeighborhoodScratch& scratch) {
        NeighborhoodPass pass;
        pass.args = args;
        scratch.give(pass);
        return pass;
    }
};

// Of what all kernels of a call did: Counts of emulated_neighborhood.py.
struct Counts {
    int64_t atomics = 0, unwaited = 0, conflicts = 0, tiles = 0;

    void add(const simt::Counters& counters) {
        atomics += counters.atomics;
        unwaited += counters.unwaited;
        conflicts += counters.ldmatrix_wavefronts - counters.ldmatrix_phases;
        tiles += counters.tiles;
    }
};

template <class Plan>
const char* run(const CudaDevice& device, Counts& counts, const Plan& plan) {
    said.clear();
    counts = {};
    try {
        plan([&](void (*kernel)(NeighborhoodPass), int64_t blocks, int64_t threads, int64_t bytes,
                 const NeighborhoodPass& pass) {
            counts.add(simt::launch(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes,
                                    [&] { kernel(pass); }, {.shared_limit = device.block_shared}));
        });
    } catch (const std::exception& fault) {
        said = fault.what();
    }
    return said.c_str();
}

}  // namespace

NBV_EXPORT int64_t neighborhood_args_bytes() { return sizeof(NeighborhoodCudaArgs); }

NBV_EXPORT int64_t neighborhood_parts() { return kParts; }

NBV_EXPORT int64_t neighborhood_scratch(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    return neighborhood_scratch_bytes(args, device);
}

NBV_EXPORT const char* neighborhood_forward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                            Counts& counts) {
    return run(device, counts, [&](const auto& run) { Path::forward(args, device, run); });
}

NBV_EXPORT const char* neighborhood_backward(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                             Counts& counts) {
    return run(device, counts, [&](const auto& run) { plan_backward_of<Path>(args, device, run); });
}

// Which path the plan takes.
NBV_EXPORT const char* neighborhood_path(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    with_path(args, device, [](auto path) { said = std::is_same_v<decltype(path), NBV_PATH> ? "this" : "another"; });
    return said.c_str();
}
