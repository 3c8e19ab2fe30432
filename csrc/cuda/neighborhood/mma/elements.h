// What matrix instructions multiply: two-byte items, 16 deep, or floats in TF32, 8 deep. Either way a step of a product
// takes 32 bytes of a row, and kernels are the same source.
#pragma once

#include "../../common/gpu.h"

namespace nbv {
namespace {

template <class T>
struct Mma {  // Half, BFloat16
    static constexpr int kDepth = 16;

    // d += a b
    __device__ __forceinline__ static void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
        mma_16x8x16<T>(d, a, b0, b1);
    }

    // What was read of a tile, before the products.
    __device__ __forceinline__ static void settle(uint32_t (&)[4]) {}

    // Sums of 16 rows as the left operand of the next product: of its columns [0, kDepth), blocks of eight. They are
    // where they have to be: a lane needs the very columns whose sums it has.
    __device__ __forceinline__ static void from_sums(uint32_t (&a)[4], const float (*blocks)[4]) {
#pragma unroll
        for (int i = 0; i < 4; ++i) a[i] = pack2<T>(blocks[i / 2][i % 2 * 2], blocks[i / 2][i % 2 * 2 + 1]);
    }

    // Two neighboring channels of a row, as they lie in memory.
    __device__ __forceinline__ static void store2(void* to, float first, float second) {
        *static_cast<uint32_t*>(to) = pack2<T>(first, second);
    }
};

template <>
struct Mma<float> {
    static constexpr int kDepth = 8;

    __device__ __forceinline__ static void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
        mma_16x8x8_tf32(d, a, b0, b1);
    }

    // The instruction leaves out the low 13 bits. That would make every product too small: 3/4 of the last bit is added
    // before. Numbers that TF32 has stay as they are, and so do infinity and NaN.
    __device__ __forceinline__ static void settle(uint32_t (&bits)[4]) {
#pragma unroll
        for (int i = 0; i < 4; ++i) bits[i] = __float_as_uint(__uint_as_float(bits[i]) * (1.0f + 3.0f / 8192.0f));
    }

    // A lane has sums of columns 2 q and 2 q + 1 and gives them as columns q and q + 4: the order of a product's terms
    // is free, if the right operand has it too (TransposedReader).
    __device__ __forceinline__ static void from_sums(uint32_t (&a)[4], const float (*blocks)[4]) {
        a[0] = to_tf32(blocks[0][0]);
        a[1] = to_tf32(blocks[0][2]);
        a[2] = to_tf32(blocks[0][1]);
        a[3] = to_tf32(blocks[0][3]);
    }

    __device__ __forceinline__ static void store2(void* to, float first, float second) {
        *static_cast<float2*>(to) = make_float2(first, second);
    }
};

}  // namespace
}  // namespace nbv
