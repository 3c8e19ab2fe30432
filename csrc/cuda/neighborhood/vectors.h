// Sixteen bytes at once, and numbers in the type that sums are in.
#pragma once

#include <type_traits>

#include "../common/gpu.h"

namespace nbv {
namespace {

constexpr double kLog2E = 1.44269504088896340736;

// A log-sum-exp in base 2, as it is taken off logits. What lies beyond this leaves too few bits behind the point for
// weights to come from, and would make infinities of them: the bias masks a whole window, with -inf or large numbers.
// Such a query has no weights here, and so no gradient.
template <class T>
__device__ __forceinline__ T subtrahend(T lse2) {
    constexpr T most = sizeof(T) == sizeof(double) ? T(1ll << 40) : T(1 << 17);
    return lse2 > most || lse2 < -most ? static_cast<T>(INFINITY) : lse2;
}

// What outputs are multiplied by; that of such a query, whose total is zero, has none.
template <class T>
__device__ __forceinline__ T share_of(T total) {
    return total == 0 ? T(0) : 1 / total;
}

template <class T>
using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
__device__ __forceinline__ Compute<T> widen(T x) {
    if constexpr (std::is_same_v<T, double>)
        return x;
    else
        return to_float(x);
}

template <class T>
__device__ __forceinline__ T narrow(Compute<T> x) {
    if constexpr (std::is_same_v<T, double>)
        return x;
    else
        return from_float<T>(x);
}

template <class T>
struct alignas(16) Vector {
    static constexpr int kSize = 16 / sizeof(T);
    T at[kSize];
};

// Channels from `first` of a row of `count`, zeros behind its end; `aligned` as in NeighborhoodPass.
template <class T>
__device__ __forceinline__ Vector<T> load_vector(const T* row, int first, int count, bool aligned) {
    Vector<T> vector;
    if (aligned) return *reinterpret_cast<const Vector<T>*>(row + first);
#pragma unroll
    for (int i = 0; i < Vector<T>::kSize; ++i) vector.at[i] = first + i < count ? row[first + i] : T{};
    return vector;
}

template <class T>
__device__ __forceinline__ void store_vector(T* row, int first, int count, bool aligned, const Vector<T>& vector) {
    if (aligned) {
        *reinterpret_cast<Vector<T>*>(row + first) = vector;
        return;
    }
#pragma unroll
    for (int i = 0; i < Vector<T>::kSize; ++i)
        if (first + i < count) row[first + i] = vector.at[i];
}

}  // namespace
}  // namespace nbv
