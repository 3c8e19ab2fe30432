// The window of a query along one axis, in one place for CPU and GPU.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define NBV_HOST_DEVICE __host__ __device__
#else
#define NBV_HOST_DEVICE
#endif

namespace nbv {

struct Axis {
    int64_t length = 1;  // tokens, all residue groups together
    int64_t kernel = 1;
    int64_t stride = 1;
    int64_t dilation = 1;
    bool causal = false;
};

namespace {  // every translation unit compiles its own copy, for its own instruction set

// Tokens i with i mod dilation == group form an axis of their own, on which the window is dense.
NBV_HOST_DEVICE inline int64_t group_length(const Axis& axis, int64_t group) {
    return (axis.length - group + axis.dilation - 1) / axis.dilation;
}

NBV_HOST_DEVICE inline int64_t num_groups(const Axis& axis) {
    return axis.dilation < axis.length ? axis.dilation : axis.length;
}

// First key of the query at `position` of a group of `length` tokens (GNA, arXiv 2504.16922).
NBV_HOST_DEVICE inline int64_t window_start(const Axis& axis, int64_t length, int64_t position) {
    const int64_t block = position / axis.stride * axis.stride;
    const int64_t ahead = axis.causal ? axis.stride - 1 : axis.stride / 2;
    const int64_t leader = block + ahead < length ? block + ahead : length - 1;
    const int64_t start = leader - (axis.causal ? axis.kernel - 1 : axis.kernel / 2);
    const int64_t last = axis.causal ? start : length - axis.kernel;
    const int64_t clamped = start < last ? start : last;
    return clamped > 0 ? clamped : 0;
}

// One past the last key.
NBV_HOST_DEVICE inline int64_t window_end(const Axis& axis, int64_t length, int64_t position) {
    return axis.causal ? position + 1 : window_start(axis, length, position) + axis.kernel;
}

// Most keys that `queries` neighboring queries of a group have together.
NBV_HOST_DEVICE inline int64_t max_keys(const Axis& axis, int64_t queries) {
    const int64_t length = group_length(axis, 0), keys = queries + axis.kernel + axis.stride - 2;
    return keys < length ? keys : length;
}

}  // namespace
}  // namespace nbv
