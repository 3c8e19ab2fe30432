// Where the window of a match-attention query lies along one axis, in one place for CPU and GPU.
#pragma once

#include <cstdint>

#include "window.h"

namespace nbv {
namespace {

constexpr double kMatchMargin = 1e-3;  // keeps the whole window inside, also when the center lies on the last pixel

template <class T>
struct MatchCenter {
    int64_t first;  // pixel of the window
    T fraction;     // of the way from the pixel before the center to the one after it
    bool inside;    // or on the limits: the center moves with the offset
};

template <class T>
NBV_HOST_DEVICE inline MatchCenter<T> match_center(T offset, int64_t radius, int64_t length) {
    const T low = static_cast<T>(radius), high = static_cast<T>(length - 1 - radius - kMatchMargin);
    const T clamped = offset > low ? (offset < high ? offset : high) : low;  // low for NaN
    const bool inside = !(offset < low || offset > high);                    // NaN comes out as NaN
    int64_t before = static_cast<int64_t>(clamped);                          // never negative
    if (before > length - 2 - radius) before = length - 2 - radius;          // far out, floats lose the margin
    return {before - radius, (inside ? offset : clamped) - static_cast<T>(before), inside};
}

}  // namespace
}  // namespace nbv
