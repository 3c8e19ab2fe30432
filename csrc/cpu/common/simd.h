// Vectors by the compiler's vector extensions: one source for AVX-512, AVX2 (32 bytes), NEON and plain SSE2 (16 bytes).
#pragma once

#include <cstdint>

#ifdef __AVX__
#include <immintrin.h>
#endif

#define NBV_INLINE inline __attribute__((always_inline))

namespace nbv {
namespace {

#ifdef __AVX__
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct Lanes;
template <>
struct Lanes<float> {
    typedef int32_t integer;
    typedef float vector __attribute__((vector_size(kVectorBytes)));
    typedef int32_t mask __attribute__((vector_size(kVectorBytes)));
};
template <>
struct Lanes<double> {
    typedef int64_t integer;
    typedef double vector __attribute__((vector_size(kVectorBytes)));
    typedef int64_t mask __attribute__((vector_size(kVectorBytes)));
};
typedef uint32_t Word __attribute__((vector_size(kVectorBytes)));
template <class T>
using Vec = typename Lanes<T>::vector;
template <class T>
using Mask = typename Lanes<T>::mask;
template <class T>
constexpr int kLanes = kVectorBytes / sizeof(T);

template <class T>
NBV_INLINE Vec<T> load(const T* from) {
    Vec<T> v;
    __builtin_memcpy(&v, from, sizeof(v));
    return v;
}

template <class T>
NBV_INLINE void store(T* to, Vec<T> v) {
    __builtin_memcpy(to, &v, sizeof(v));
}

template <class T>
NBV_INLINE Vec<T> broadcast(T x) {
    return Vec<T>{} + x;
}

// A load into a register, once: left alone, the compiler loads again for every use.
template <class T>
NBV_INLINE Vec<T> load_once(const T* from) {
    Vec<T> v = load(from);
#ifdef __AVX__
    asm("" : "+v"(v));
#endif
    return v;
}

template <class T>
NBV_INLINE Vec<T> select(Mask<T> mask, Vec<T> yes, Vec<T> no) {
    return (Vec<T>)((mask & (Mask<T>)yes) | (~mask & (Mask<T>)no));
}

// Lanes below `count`.
template <class T>
NBV_INLINE Mask<T> first_lanes(int64_t count) {
    Mask<T> lane;
    for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
    return lane < (Mask<T>{} + static_cast<typename Lanes<T>::integer>(count < kLanes<T> ? count : kLanes<T>));
}

// b where either is NaN.
template <class T>
NBV_INLINE Vec<T> maximum(Vec<T> a, Vec<T> b) {
#ifdef __AVX__
    if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_max_ps((__m256)a, (__m256)b);
#endif
    return a > b ? a : b;
}

template <class T>
NBV_INLINE T horizontal_max(Vec<T> v) {
    for (int width = kLanes<T> / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
    return v[0];
}

template <class T>
NBV_INLINE T horizontal_sum(Vec<T> v) {
    for (int width = kLanes<T> / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) v[i] += v[i + width];
    return v[0];
}

// 2^x for x <= 128, relative error below 2e-7; below 2^-126 it stays there, so that nothing is denormal. NaN stays NaN.
// x = n + r with |r| <= 1/2; the polynomial of 2^r is that of the Cephes library's exp2f.
NBV_INLINE Vec<float> exponential2(Vec<float> x) {
    const Vec<float> clamped = maximum<float>(broadcast(-126.0f), x);
    const Vec<float> shifted = clamped + 12582912.0f;  // 1.5 * 2^23: rounds to an integer, which is in the last bits
    const Vec<float> r = clamped - (shifted - 12582912.0f);
    Vec<float> p = r * 1.535336188319500e-4f + 1.339887440266574e-3f;
    p = p * r + 9.618437357674640e-3f;
    p = p * r + 5.550332471162809e-2f;
    p = p * r + 2.402264791363012e-1f;
    p = p * r + 6.931472028550421e-1f;
    p = p * r + 1.0f;
    const Word power = ((Word)shifted << 23) + 0x3F800000u;  // unsigned: lanes without keys hold anything
    return p * (Vec<float>)power;
}

// Natural logarithm of positive normal numbers, relative error below 3e-7 (polynomial of the Cephes library's logf).
NBV_INLINE Vec<float> logarithm(Vec<float> x) {
    const Word bits = (Word)x;
    // x = 2^n m with m in [sqrt(1/2), sqrt(2))
    const Mask<float> exponent = (Mask<float>)(bits - 0x3F3504F3u) >> 23;
    const Vec<float> n = __builtin_convertvector(exponent, Vec<float>);
    const Vec<float> m = (Vec<float>)(bits - ((Word)exponent << 23)) - 1.0f;
    Vec<float> p = m * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    const Vec<float> square = m * m;
    return m + (p * m * square - 0.5f * square) + n * 0.6931471805599453f;
}

NBV_INLINE Vec<double> logarithm(Vec<double> x) {
    for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_log(x[i]);
    return x;
}

NBV_INLINE Vec<double> exponential2(Vec<double> x) {
    for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_exp2(x[i]);
    return x;
}

// Storage types: bf16 and fp16 as their bits.
struct BFloat16 {
    uint16_t bits;
};
struct Half {
    uint16_t bits;
};

NBV_INLINE float to_compute(float x) { return x; }
NBV_INLINE double to_compute(double x) { return x; }
NBV_INLINE float to_compute(BFloat16 x) {
    const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof(value));
    return value;
}
NBV_INLINE float to_compute(Half x) {
#ifdef __F16C__
    return _cvtsh_ss(x.bits);
#else
    const uint32_t sign = (x.bits & 0x8000u) << 16, rest = x.bits & 0x7FFFu;
    uint32_t bits = sign;
    if (rest >= 0x7C00u) {
        bits |= 0x7F800000u | (rest & 0x3FFu) << 13;
    } else if (rest >= 0x400u) {
        bits |= (rest + (112u << 10)) << 13;
    } else {  // subnormal: an exact product
        float value = static_cast<float>(rest) * 5.9604644775390625e-8f;
        uint32_t magnitude;
        __builtin_memcpy(&magnitude, &value, sizeof(value));
        bits |= magnitude;
    }
    float value;
    __builtin_memcpy(&value, &bits, sizeof(value));
    return value;
#endif
}

template <class S>
NBV_INLINE Vec<float> load_compute(const S* from) {
    Vec<float> v;
    for (int i = 0; i < kLanes<float>; ++i) v[i] = to_compute(from[i]);
    return v;
}
NBV_INLINE Vec<float> load_compute(const float* from) { return load(from); }
NBV_INLINE Vec<double> load_compute(const double* from) { return load(from); }
NBV_INLINE Vec<float> load_compute(const BFloat16* from) {
    typedef uint16_t Short __attribute__((vector_size(kVectorBytes / 2)));
    Short bits;
    __builtin_memcpy(&bits, from, sizeof(bits));
    return (Vec<float>)(__builtin_convertvector(bits, Word) << 16);
}
#ifdef __F16C__
NBV_INLINE Vec<float> load_compute(const Half* from) {
    return (Vec<float>)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
#endif

NBV_INLINE void from_compute(float x, float* to) { *to = x; }
NBV_INLINE void from_compute(double x, double* to) { *to = x; }
NBV_INLINE void from_compute(float x, BFloat16* to) {  // to nearest, ties to even
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof(bits));
    to->bits = static_cast<uint16_t>(x != x ? 0x7FC0u : (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}
NBV_INLINE void from_compute(float x, Half* to) {
#ifdef __F16C__
    to->bits = static_cast<uint16_t>(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT));
#else
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof(bits));
    const uint32_t sign = (bits >> 16) & 0x8000u;
    bits &= 0x7FFFFFFFu;
    uint32_t half;
    if (bits > 0x7F800000u) {
        half = 0x7E00u;
    } else if (bits >= 0x47800000u) {  // 65536 and above
        half = 0x7C00u;
    } else if (bits < 0x38800000u) {  // below the smallest normal: the adder rounds
        float value;
        __builtin_memcpy(&value, &bits, sizeof(value));
        value += 0.5f;
        __builtin_memcpy(&half, &value, sizeof(half));
        half -= 0x3F000000u;
    } else {
        half = (bits - (112u << 23) + 0xFFFu + ((bits >> 13) & 1u)) >> 13;
    }
    to->bits = static_cast<uint16_t>(sign | half);
#endif
}

template <class S>
NBV_INLINE void store_compute(S* to, Vec<float> v) {
    for (int i = 0; i < kLanes<float>; ++i) from_compute(v[i], to + i);
}
NBV_INLINE void store_compute(float* to, Vec<float> v) { store(to, v); }
NBV_INLINE void store_compute(double* to, Vec<double> v) { store(to, v); }
NBV_INLINE void store_compute(BFloat16* to, Vec<float> v) {
    typedef uint16_t Short __attribute__((vector_size(kVectorBytes / 2)));
    const Word bits = (Word)v;
    const Word rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    const Word nan = (Word)(v != v);
    const Short halves = __builtin_convertvector((nan & 0x7FC0u) | (~nan & rounded), Short);
    __builtin_memcpy(to, &halves, sizeof(halves));
}
#ifdef __F16C__
NBV_INLINE void store_compute(Half* to, Vec<float> v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
}
#endif

}  // namespace
}  // namespace nbv
