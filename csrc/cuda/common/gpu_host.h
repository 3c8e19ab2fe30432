// gpu.h for a compiler without CUDA: the same names, run by the emulator. gpu_device.h says what they do.
#pragma once

#include "../../simt/runtime.h"

#define NBV_SHARED(name) unsigned char* const name = ::nbv::simt::shared_memory()

namespace nbv {

using simt::BFloat16, simt::Half, simt::to_float, simt::to_tf32;

inline float to_float(float x) { return x; }

template <class T>
T from_float(float x);
template <>
inline float from_float<float>(float x) {
    return x;
}
template <>
inline Half from_float<Half>(float x) {
    return simt::to_half(x);
}
template <>
inline BFloat16 from_float<BFloat16>(float x) {
    return simt::to_bfloat16(x);
}

template <class T>
uint32_t pack2(float low, float high) {
    return from_float<T>(low).bits | static_cast<uint32_t>(from_float<T>(high).bits) << 16;
}

template <class T>
float2 unpack2(uint32_t bits) {
    return {to_float(T{static_cast<uint16_t>(bits)}), to_float(T{static_cast<uint16_t>(bits >> 16)})};
}

inline float exp2_fast(float x) {
    simt::add_exp2();
    return x < -126.0f ? 0.0f : std::exp2(x);
}

inline int forget(int x) { return x; }

inline void ldmatrix4(uint32_t (&out)[4], const void* row, NBV_HERE) { simt::load_matrices(out, 4, false, row, place); }
inline void ldmatrix4_trans(uint32_t (&out)[4], const void* row, NBV_HERE) {
    simt::load_matrices(out, 4, true, row, place);
}
inline void ldmatrix2(uint32_t (&out)[2], const void* row, NBV_HERE) { simt::load_matrices(out, 2, false, row, place); }
inline void ldmatrix2_trans(uint32_t (&out)[2], const void* row, NBV_HERE) {
    simt::load_matrices(out, 2, true, row, place);
}

template <class T>
void mma_16x8x16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, NBV_HERE) {
    simt::multiply_matrices(T{}, d, a, b0, b1, place);
}

inline void mma_16x8x8_tf32(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, NBV_HERE) {
    simt::multiply_matrices_tf32(d, a, b0, b1, place);
}

inline void cp_async16(void* to, const void* from, bool predicate = true, NBV_HERE) {
    simt::async_copy(to, from, 16, predicate, place);
}
inline void cp_async4(void* to, const void* from, bool predicate = true, NBV_HERE) {
    simt::async_copy(to, from, 4, predicate, place);
}
inline void cp_async_commit() { simt::async_commit(); }
template <int kPending>
void cp_async_wait() {
    simt::async_wait(kPending);
}

inline void count_tile() { simt::add_tiles(1); }

}  // namespace nbv
