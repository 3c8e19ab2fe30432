// What a call of match attention asks for, as plain data, and the kernels that do it.
#pragma once

#include <cstdint>

#include "../common/view.h"

namespace nbv {

constexpr int64_t kMostMatchSlots = 1024;  // of a window: (2 radius + 2)^2

// Views have no z: axis[1] is y, axis[2] is x. Outputs and gradients are contiguous.
struct MatchProblem {
    bool is_double = false;
    int64_t batch = 1, height = 1, width = 1, heads = 1, dim = 1;
    int64_t radius_x = 0, radius_y = 0;
    double scale = 1.0;
    View query, key, value, offset;  // offset [batch, y, x, heads, 2], (x, y)
    void* out = nullptr;
    void* attn = nullptr;  // [batch, y, x, heads, slots], or null

    // Backward only. The gradients of key and value start as zeros.
    View grad_out, grad_attn;  // grad_attn: without data if there is none
    void *grad_query = nullptr, *grad_key = nullptr, *grad_value = nullptr, *grad_offset = nullptr;

    int64_t slots() const { return (2 * radius_x + 2) * (2 * radius_y + 2); }
};

// The kernels as compiled for one instruction set.
struct MatchKernels {
    void (*forward)(const MatchProblem&, int64_t row);    // of batch x y
    void (*backward)(const MatchProblem&, int64_t head);  // of batch x heads: they alone write to their keys and values
};

}  // namespace nbv
