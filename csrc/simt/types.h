// Names of CUDA's language that kernels use, for a compiler without CUDA: keywords, vector types, intrinsics.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// may_alias: kernels move any type of 8 or 16 bytes through them.
#define NBV_VECTOR_TYPES(scalar, name)                                                             \
    struct __attribute__((may_alias, aligned(2 * sizeof(scalar)))) name##2 { scalar x, y; };       \
    struct __attribute__((may_alias, aligned(4 * sizeof(scalar)))) name##4 { scalar x, y, z, w; }; \
    inline name##2 make_##name##2(scalar x, scalar y) { return {x, y}; }                           \
    inline name##4 make_##name##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }
NBV_VECTOR_TYPES(float, float)
NBV_VECTOR_TYPES(int, int)
NBV_VECTOR_TYPES(unsigned, uint)
#undef NBV_VECTOR_TYPES

using std::max, std::min;

template <class T>
T __ldg(const T* from) {
    return *from;
}
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
