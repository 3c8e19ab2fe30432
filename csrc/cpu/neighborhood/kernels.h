// The table of kernels as this translation unit's flags compile them.
#pragma once

#include "backward.h"
#include "delta.h"
#include "forward.h"
#include "reduce.h"

namespace nbv {
namespace {

template <class T>
int64_t scratch_bytes_of(const Problem& p, bool backward) {
    const Sizes<T> sizes(p);
    Arena<T> arena(nullptr);
    if (!backward) {
        ForwardScratch<T>(arena, p, sizes);
        return arena.used();
    }
    BackwardScratch<T>(arena, p, sizes);
    const int64_t row = group_length(p.axis[2], 0) * larger(sizes.dim, sizes.dim_v) * sizeof(T);
    return larger(arena.used(), row);
}

int64_t scratch_bytes(const Problem& p, bool backward) {
    return p.storage == Storage::kDouble ? scratch_bytes_of<double>(p, backward) : scratch_bytes_of<float>(p, backward);
}

int64_t partial_key_size(const Problem& p) {
    if (p.storage == Storage::kDouble) return Sizes<double>(p).keys * Sizes<double>(p).dim;
    return Sizes<float>(p).keys * Sizes<float>(p).dim;
}

int64_t partial_value_size(const Problem& p) {
    if (p.storage == Storage::kDouble) return Sizes<double>(p).keys * Sizes<double>(p).dim_v;
    return Sizes<float>(p).keys * Sizes<float>(p).dim_v;
}

// Calls `function`<compute type, storage type> by the tensors' storage type.
#define NBV_BY_STORAGE(storage, function, ...)             \
    switch (storage) {                                     \
        case Storage::kFloat:                              \
            return function<float, float>(__VA_ARGS__);    \
        case Storage::kDouble:                             \
            return function<double, double>(__VA_ARGS__);  \
        case Storage::kBFloat16:                           \
            return function<float, BFloat16>(__VA_ARGS__); \
        case Storage::kHalf:                               \
            return function<float, Half>(__VA_ARGS__);     \
    }

void forward(const Problem& p, int64_t task, char* scratch) {
    NBV_BY_STORAGE(p.storage, forward_tile, p, task, scratch)
}

void delta(const Problem& p, int64_t first_token, int64_t last_token) {
    NBV_BY_STORAGE(p.storage, delta_of, p, first_token, last_token)
}

void backward(const Problem& p, int64_t bundle, char* scratch) {
    NBV_BY_STORAGE(p.storage, backward_bundle, p, bundle, scratch)
}

void sum_key_row(const Problem& p, int64_t row, char* scratch) {
    NBV_BY_STORAGE(p.storage, sum_key_row_of, p, row, scratch)
}

void sum_extra(const Problem& p, int64_t token) { NBV_BY_STORAGE(p.storage, sum_extra_of, p, token) }

void sum_bias(const Problem& p, int64_t head) { NBV_BY_STORAGE(p.storage, sum_bias_of, p, head) }

constexpr NeighborhoodKernels kNeighborhoodKernels = {
    scratch_bytes, partial_key_size, partial_value_size, forward, delta, backward, sum_key_row, sum_extra, sum_bias};

}  // namespace
}  // namespace nbv
