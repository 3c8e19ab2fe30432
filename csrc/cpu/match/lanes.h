// A vector's worth of slots at a time: each slot's channels are summed across lanes.
#pragma once

#include "../common/simd.h"

namespace nbv {
namespace {

// Lane i of the result is the sum of all lanes of v[i].
#ifdef __AVX__
NBV_INLINE Vec<float> lane_sums(const Vec<float> (&v)[8]) {
    const __m256 ab = _mm256_hadd_ps((__m256)v[0], (__m256)v[1]), cd = _mm256_hadd_ps((__m256)v[2], (__m256)v[3]);
    const __m256 ef = _mm256_hadd_ps((__m256)v[4], (__m256)v[5]), gh = _mm256_hadd_ps((__m256)v[6], (__m256)v[7]);
    const __m256 low = _mm256_hadd_ps(ab, cd), high = _mm256_hadd_ps(ef, gh);  // each: sums of a half, twice
    return (Vec<float>)_mm256_permute2f128_ps(low, high, 0x20) + (Vec<float>)_mm256_permute2f128_ps(low, high, 0x31);
}
NBV_INLINE Vec<double> lane_sums(const Vec<double> (&v)[4]) {
    const __m256d ab = _mm256_hadd_pd((__m256d)v[0], (__m256d)v[1]), cd = _mm256_hadd_pd((__m256d)v[2], (__m256d)v[3]);
    return (Vec<double>)_mm256_permute2f128_pd(ab, cd, 0x20) + (Vec<double>)_mm256_permute2f128_pd(ab, cd, 0x31);
}
#else
template <class V, int kCount>
NBV_INLINE V lane_sums(const V (&v)[kCount]) {
    V sums{};
    for (int i = 0; i < kCount; ++i)
        for (int j = 0; j < kCount; ++j) sums[i] += v[i][j];
    return sums;
}
#endif

// The first `count` values, zeros after them.
template <class T>
NBV_INLINE Vec<T> load_part(const T* from, int64_t count) {
    Vec<T> v{};
    for (int64_t i = 0; i < count; ++i) v[i] = from[i];
    return v;
}

template <class T>
NBV_INLINE void store_part(T* to, Vec<T> v, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] = v[i];
}

// Calls f(first channel, channels) for every vector of `dim` channels. kVectors: how many, all of them whole; 0: any.
template <int kVectors, class T, class F>
NBV_INLINE void for_each_part(int64_t dim, F f) {
    if constexpr (kVectors > 0) {
#pragma GCC unroll 4
        for (int64_t i = 0; i < kVectors; ++i) f(i * kLanes<T>, kLanes<T>);
    } else {
        int64_t d = 0;
        for (; d + kLanes<T> <= dim; d += kLanes<T>) f(d, kLanes<T>);
        if (d < dim) f(d, dim - d);
    }
}

template <class T>
NBV_INLINE Vec<T> load_some(const T* from, int64_t count) {
    return count == kLanes<T> ? load(from) : load_part(from, count);
}

// to[m] = sum over the channels of combine(x, pixels[offsets[m]]), whole vectors of m. Channels are in the lanes, for
// so they lie in memory; kLanes slots together make one vector of results, and lane_sums adds across lanes for all at
// once.
template <int kVectors, class T, class F>
NBV_INLINE void reduce_channels(const T* x, const T* pixels, const int64_t* offsets, int64_t vectors, int64_t dim,
                                T* to, F combine) {
    for (int64_t v = 0; v < vectors; ++v) {
        Vec<T> sums[kLanes<T>];
#pragma GCC unroll 8
        for (int lane = 0; lane < kLanes<T>; ++lane) {
            const T* pixel = pixels + offsets[v * kLanes<T> + lane];
            Vec<T> sum{};
            for_each_part<kVectors, T>(
                dim, [&](int64_t d, int64_t n) { sum += combine(load_some(x + d, n), load_some(pixel + d, n)); });
            sums[lane] = sum;
        }
        store(to + v * kLanes<T>, lane_sums(sums));
    }
}

template <class T>
NBV_INLINE Mask<T> sign_bits() {
    return (Mask<T>)(-Vec<T>{});
}

template <class T>
NBV_INLINE Vec<T> absolute(Vec<T> x) {
    return (Vec<T>)((Mask<T>)x & ~sign_bits<T>());
}

// magnitude with the sign of `of`, 0 where that is 0.
template <class T>
NBV_INLINE Vec<T> signed_as(Vec<T> magnitude, Vec<T> of) {
    return (Vec<T>)(((Mask<T>)magnitude ^ ((Mask<T>)of & sign_bits<T>())) & (of != Vec<T>{}));
}

}  // namespace
}  // namespace nbv
