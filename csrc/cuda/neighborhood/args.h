// What a call of neighborhood attention on CUDA asks for, as plain data: for the kernels, and for the glue that fills
// it in.
#pragma once

#include <cstdint>

#include "../../geometry/window.h"

namespace nbv {

constexpr int64_t kMostNeighborhoodDim = 256;  // of a head: MAX_CUDA_DIM of vision/ops/neighborhood/native.py

// What tensors hold. Sums are in double for kDouble and in float for all others.
enum class CudaType : int { kFloat, kDouble, kBFloat16, kHalf };

// A tensor [batch, z, y, x, heads, channels]; strides count elements, that of the last axis is 1. Additional tokens
// [batch, tokens, heads, channels] have their stride in axis[2].
struct CudaView {
    const void* data = nullptr;
    int64_t batch = 0, axis[3] = {0, 0, 0}, head = 0;
};

// All tensors hold `type` and lie on one device; what is said to be in the compute type holds float, or double where
// type is kDouble. No size is 0 but `extra`. An axis has less than 2^30 tokens, a launch at most 2^31 - 1 work items.
// Outputs and gradients are contiguous and uninitialized: the launchers write every element of them.
struct NeighborhoodCudaArgs {
    CudaType type = CudaType::kFloat;
    bool tf32 = false;           // kFloat: products may be on tensor cores, in TF32
    BasicAxis<int32_t> axis[3];  // z, y, x: leading axes of length 1 where the input has fewer
    int32_t batch = 1, heads = 1, heads_kv = 1, dim = 1, dim_v = 1;
    int32_t extra = 0;  // additional tokens, attended by every query
    double scale = 1.0;
    CudaView query, key, value, extra_key, extra_value;
    const void* bias = nullptr;  // [heads, 2 kz - 1, 2 ky - 1, 2 kx - 1] in the compute type, or null

    // Forward: written. Backward: read.
    void* out = nullptr;  // [batch, z, y, x, heads, dim_v]; backward reads `out_view` instead
    void* lse = nullptr;  // [batch, z, y, x, heads] in the compute type, natural logarithm

    // Backward.
    CudaView out_view, grad_out;
    const void* grad_lse = nullptr;  // as lse
    void *grad_query = nullptr, *grad_key = nullptr, *grad_value = nullptr;
    void *grad_extra_key = nullptr, *grad_extra_value = nullptr;  // [batch, extra, heads_kv, channels], if extra > 0
    void* grad_bias = nullptr;                                    // as bias, but of `type`; null without bias
    void* scratch = nullptr;  // as many bytes as neighborhood_backward_scratch says, aligned to 256, uninitialized
};

// What of a device decides how work is cut up for it.
struct CudaDevice {
    int32_t architecture = 80;         // 75, 80, ...
    int32_t multiprocessors = 108;     // blocks run on these side by side
    int64_t block_shared = 48 * 1024;  // bytes of shared memory that a block may ask for
};

}  // namespace nbv
