// Which kernels a call needs and on what grids: run(kernel, blocks, threads, bytes of shared memory) starts one. CUDA
// and the emulator go by the same plan.
#pragma once

#include "backward.h"
#include "forward.h"

namespace nbv {
namespace {

constexpr int64_t kMatchShared = 48 * 1024;  // what a block has on every device without asking

// A warp for each token, as many to a block as their shared memory allows.
template <class Run, class Kernel>
void run_warps(const MatchCudaArgs& args, int64_t bytes, const Run& run, Kernel kernel) {
    const int64_t most = bytes == 0 ? kMatchWarps : kMatchShared / bytes;
    const int64_t warps = most < kMatchWarps ? most : kMatchWarps;
    const int64_t tokens = args.batch * args.height * args.width * args.heads;
    run(kernel, (tokens + warps - 1) / warps, 32 * warps, warps * bytes);
}

template <class T, class Run>
void plan_match_forward(const MatchCudaArgs& args, const Run& run) {
    run_warps(args, args.slots() * sizeof(T), run, match_forward<T>);
}

template <class T, class Run>
void plan_match_backward(const MatchCudaArgs& args, const Run& run) {
    run_warps(args, 2 * args.slots() * sizeof(T), run, match_backward_queries<T>);
    run(match_backward_order<T>, args.batch * args.heads, kOrderThreads, kOrderThreads * sizeof(int));
    run_warps(args, 0, run, match_backward_pixels<T>);
}

}  // namespace
}  // namespace nbv
