// The window of a query along one axis, in one place for CPU and GPU.
#pragma once

#include <cstdint>
#include <type_traits>

#ifdef __CUDACC__
#define NBV_HOST_DEVICE __host__ __device__
#else
#define NBV_HOST_DEVICE
#endif

namespace nbv {

// Of 64-bit integers on a CPU; a GPU divides 32-bit ones several times faster.
template <class Int>
struct BasicAxis {
    Int length = 1;  // tokens, all residue groups together
    Int kernel = 1;
    Int stride = 1;
    Int dilation = 1;
    bool causal = false;
};
using Axis = BasicAxis<int64_t>;

// A number that is converted to the axis's type: a plain 0 is one, too.
template <class Int>
using As = std::type_identity_t<Int>;

namespace {  // every translation unit compiles its own copy, for its own instruction set

// Tokens i with i mod dilation == group form an axis of their own, on which the window is dense.
template <class Int>
NBV_HOST_DEVICE inline Int group_length(const BasicAxis<Int>& axis, As<Int> group) {
    return (axis.length - group + axis.dilation - 1) / axis.dilation;
}

template <class Int>
NBV_HOST_DEVICE inline Int num_groups(const BasicAxis<Int>& axis) {
    return axis.dilation < axis.length ? axis.dilation : axis.length;
}

// First key of the query at `position` of a group of `length` tokens (GNA, arXiv 2504.16922).
template <class Int>
NBV_HOST_DEVICE inline Int window_start(const BasicAxis<Int>& axis, As<Int> length, As<Int> position) {
    const Int block = axis.stride == 1 ? position : position / axis.stride * axis.stride;
    const Int ahead = axis.causal ? axis.stride - 1 : axis.stride / 2;
    const Int leader = block + ahead < length ? block + ahead : length - 1;
    const Int start = leader - (axis.causal ? axis.kernel - 1 : axis.kernel / 2);
    const Int last = axis.causal ? start : length - axis.kernel;
    const Int clamped = start < last ? start : last;
    return clamped > 0 ? clamped : 0;
}

// One past the last key.
template <class Int>
NBV_HOST_DEVICE inline Int window_end(const BasicAxis<Int>& axis, As<Int> length, As<Int> position) {
    return axis.causal ? position + 1 : window_start(axis, length, position) + axis.kernel;
}

// The windows of a group's queries start and end in order, so those that hold a key follow each other. One past the
// last of them: the first query whose window starts behind `key`.
template <class Int>
NBV_HOST_DEVICE inline Int inverse_end(const BasicAxis<Int>& axis, As<Int> length, As<Int> key) {
    if (key >= length - axis.kernel) return length;
    const Int ahead = axis.causal ? axis.stride - 1 : axis.stride / 2;
    const Int behind = axis.causal ? axis.kernel - 1 : axis.kernel / 2;
    const Int block = key + behind - ahead + 1;  // the block of that query begins here or later
    const Int first = axis.stride == 1 ? block : (block + axis.stride - 1) / axis.stride * axis.stride;
    return first < length ? first : length;
}

// The first query whose window holds `key`.
template <class Int>
NBV_HOST_DEVICE inline Int inverse_start(const BasicAxis<Int>& axis, As<Int> length, As<Int> key) {
    if (axis.causal) return key;
    return key < axis.kernel ? 0 : inverse_end(axis, length, key - axis.kernel);
}

// Most keys that `queries` neighboring queries of a group have together.
template <class Int>
NBV_HOST_DEVICE inline Int max_keys(const BasicAxis<Int>& axis, As<Int> queries) {
    const Int length = group_length(axis, 0), keys = queries + axis.kernel + axis.stride - 2;
    return keys < length ? keys : length;
}

}  // namespace
}  // namespace nbv
