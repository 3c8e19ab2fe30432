// Partial sums become gradients: added in the order of their numbers, so that a result is the same every time.
#pragma once

#include "pass.h"
#include "vectors.h"

namespace nbv {
namespace {

constexpr int kReduceThreads = 128;

// T is what tensors hold. A thread for each entry of each head's bias.
template <class T>
__global__ void __launch_bounds__(kReduceThreads) neighborhood_reduce_bias(const __grid_constant__ NeighborhoodPass p) {
    const int64_t entries = BiasIndex(p.args).size(p.args);
    const int64_t index = static_cast<int64_t>(blockIdx.x) * kReduceThreads + threadIdx.x;
    if (index >= entries * p.args.heads) return;
    const auto* part =
        static_cast<const Compute<T>*>(p.bias_parts) + index / entries * p.splits * entries + index % entries;
    Compute<T> sum = 0;
    for (int split = 0; split < p.splits; ++split) sum += part[split * entries];
    static_cast<T*>(p.args.grad_bias)[index] = narrow<T>(sum);
}

// A thread for each channel of a key and value of each additional token.
template <class T>
__global__ void __launch_bounds__(kReduceThreads)
    neighborhood_reduce_extra(const __grid_constant__ NeighborhoodPass p) {
    const NeighborhoodCudaArgs& args = p.args;
    const int channels = args.dim + args.dim_v;
    const int64_t rows = static_cast<int64_t>(args.batch) * args.heads_kv * args.extra;
    const int64_t index = static_cast<int64_t>(blockIdx.x) * kReduceThreads + threadIdx.x;
    if (index >= rows * channels) return;
    const auto* part = static_cast<const Compute<T>*>(p.extra_parts) + index;
    Compute<T> sum = 0;
    for (int chunk = 0; chunk < p.chunks; ++chunk) sum += part[chunk * rows * channels];
    const int64_t row = index / channels, token = row % args.extra, head = row / args.extra % args.heads_kv;
    const int64_t to = (row / args.extra / args.heads_kv * args.extra + token) * args.heads_kv + head;
    const int channel = static_cast<int>(index % channels);
    if (channel < args.dim)
        static_cast<T*>(args.grad_extra_key)[to * args.dim + channel] = narrow<T>(sum);
    else
        static_cast<T*>(args.grad_extra_value)[to * args.dim_v + channel - args.dim] = narrow<T>(sum);
}

}  // namespace
}  // namespace nbv
