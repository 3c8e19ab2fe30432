// What a call of match attention on CUDA asks for, as plain data: for the kernels, and for the glue that fills it in.
#pragma once

#include <cstdint>

namespace nbv {

constexpr int64_t kMostMatchCudaSlots = 1024;  // of a window: (2 radius + 2)^2; MAX_SLOTS of vision/ops/match/native.py

// A tensor [batch, y, x, heads, last]; strides count elements, that of the last axis is 1. The glue refuses tensors
// that reach over 2^31 - 1 elements.
struct MatchCudaView {
    const void* data = nullptr;
    int64_t batch = 0, y = 0, x = 0, head = 0;
};

// All data is float, or double where is_double says so, and lies on one device. No size is 0. Outputs and gradients are
// contiguous and uninitialized: the launchers write every element of them.
struct MatchCudaArgs {
    bool is_double = false;
    bool need_weights = false;  // forward: write attn
    int64_t batch = 1, height = 1, width = 1, heads = 1, dim = 1;
    int64_t radius_x = 0, radius_y = 0;
    double scale = 1.0;
    MatchCudaView query, key, value, offset;  // offset [batch, y, x, heads, 2], (x, y)

    // Forward.
    void* out = nullptr;   // [batch, y, x, heads, dim]
    void* attn = nullptr;  // [batch, y, x, heads, slots], or null without need_weights

    // Backward.
    MatchCudaView grad_out, grad_attn;  // grad_attn [batch, y, x, heads, slots]: data is null if there is none
    void *grad_query = nullptr, *grad_key = nullptr, *grad_value = nullptr, *grad_offset = nullptr;
    void* scratch = nullptr;  // as many bytes as match_backward_scratch says, aligned to 256, uninitialized

#ifdef __CUDACC__
    __host__ __device__
#endif
        int64_t slots() const {
        return (2 * radius_x + 2) * (2 * radius_y + 2);
    }
};

}  // namespace nbv
