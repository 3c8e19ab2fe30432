// Which kernels a call needs and on what grids: run(kernel, blocks, threads, bytes of shared memory, pass) starts one.
// CUDA and the emulator go by the same plan. Whoever starts kernels checks pass.items <= kMostItems: it is set in every
// pass.
//
// A path is a family of kernels for tensors of one type: FmaPath<T> or MmaPath<T>. Its functions start the kernels of
// the forward, of the gradients of queries (and of the bias in parts), of keys and values, and of additional tokens (in
// parts). Those with parts return their pass, which says how many parts there are.
#pragma once

#include "delta.h"
#include "fma/plan.h"
#include "mma/plan.h"
#include "reduce.h"

namespace nbv {
namespace {

inline bool on_tensor_cores(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    if (args.type == CudaType::kFloat) return args.tf32 && device.architecture >= 80;
    return args.type != CudaType::kDouble;
}

// use(path) for the path that a call takes.
template <class Use>
void with_path(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Use& use) {
    const bool matrix = on_tensor_cores(args, device);
    if (args.type == CudaType::kHalf)
        use(MmaPath<Half>{});
    else if (args.type == CudaType::kBFloat16)
        use(MmaPath<BFloat16>{});
    else if (args.type == CudaType::kDouble)
        use(FmaPath<double>{});
    else if (matrix)
        use(MmaPath<float>{});
    else
        use(FmaPath<float>{});
}

template <class Path, class Run>
void plan_backward_of(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run) {
    using T = typename Path::Type;
    const NeighborhoodScratch scratch(args, device);
    NeighborhoodPass pass;
    pass.args = args;
    pass.aligned = is_aligned(args);
    pass.items = count_delta_rows(args);
    scratch.give(pass);
    run(neighborhood_delta<T>, count_delta_blocks(args) * args.batch, kDeltaThreads, 0, pass);

    const auto reduce = [&](void (*kernel)(NeighborhoodPass), int64_t sums, const NeighborhoodPass& of) {
        run(kernel, (sums + kReduceThreads - 1) / kReduceThreads, kReduceThreads, 0, of);
    };
    const NeighborhoodPass queries = Path::queries(args, device, scratch, run);
    if (args.grad_bias != nullptr) reduce(neighborhood_reduce_bias<T>, bias_entries(args) * args.heads, queries);
    Path::keys(args, device, scratch, run);
    if (args.extra == 0) return;
    const NeighborhoodPass extra = Path::extra(args, device, scratch, run);
    const int64_t tokens = static_cast<int64_t>(args.batch) * args.heads_kv * args.extra;
    reduce(neighborhood_reduce_extra<T>, tokens * (args.dim + args.dim_v), extra);
}

template <class Run>
void plan_neighborhood_forward(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run) {
    with_path(args, device, [&](auto path) { path.forward(args, device, run); });
}

template <class Run>
void plan_neighborhood_backward(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run) {
    with_path(args, device, [&](auto path) { plan_backward_of<decltype(path)>(args, device, run); });
}

inline int64_t neighborhood_scratch_bytes(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    return NeighborhoodScratch(args, device).bytes;
}

}  // namespace
}  // namespace nbv
