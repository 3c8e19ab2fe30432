// The slots of a window: where their pixels are in memory, and to which of the four sub-windows each belongs.
#pragma once

#include "../../geometry/match_window.h"
#include "../common/simd.h"
#include "problem.h"

namespace nbv {
namespace {

constexpr int kSubWindows = 4;  // north-west, north-east, south-west, south-east

// The four sub-windows are those around the four pixels next to the center, so each lacks one row and one column of the
// window. Membership is kept as ones and zeros to multiply with: sums over all four then take one pass, without
// branches. Slots go row by row; whole vectors of them are computed, and those past the last one repeat the first pixel
// and belong to no sub-window.
template <class T>
struct Slots {
    int64_t count, vectors;
    int64_t key[kMostMatchSlots], value[kMostMatchSlots];  // elements from the window's first pixel
    T member[kSubWindows][kMostMatchSlots];                // 1 or 0

    explicit Slots(const MatchProblem& p) : count(p.slots()), vectors((count + kLanes<T> - 1) / kLanes<T>) {
        const int64_t columns = 2 * p.radius_x + 2, rows = 2 * p.radius_y + 2;
        for (int64_t m = 0; m < vectors * kLanes<T>; ++m) {
            const int64_t y = m < count ? m / columns : 0, x = m < count ? m % columns : 0;
            key[m] = y * p.key.axis[1] + x * p.key.axis[2];
            value[m] = y * p.value.axis[1] + x * p.value.axis[2];
            for (int w = 0; w < kSubWindows; ++w) {
                const bool in_rows = w < 2 ? y < rows - 1 : y > 0, in_columns = w % 2 == 0 ? x < columns - 1 : x > 0;
                member[w][m] = m < count && in_rows && in_columns;
            }
        }
    }
};

// One query of one head: its window.
template <class T>
struct Place {
    MatchCenter<T> x, y;

    Place(const MatchProblem& p, const T* offset)
        : x(match_center(offset[0], p.radius_x, p.width)), y(match_center(offset[1], p.radius_y, p.height)) {}

    // First pixel of the window in a view.
    NBV_INLINE const T* in(const View& view, int64_t batch, int64_t head) const {
        return reinterpret_cast<const T*>(view.data) + batch * view.batch + y.first * view.axis[1] +
               x.first * view.axis[2] + head * view.head;
    }

    // How much each sub-window counts: bilinear weights of the four pixels around the center.
    NBV_INLINE T share(int w) const {
        return (w % 2 == 0 ? 1 - x.fraction : x.fraction) * (w < 2 ? 1 - y.fraction : y.fraction);
    }
};

template <class T>
NBV_INLINE const T* token(const View& view, int64_t batch, int64_t y, int64_t x, int64_t head) {
    return reinterpret_cast<const T*>(view.data) + batch * view.batch + y * view.axis[1] + x * view.axis[2] +
           head * view.head;
}

}  // namespace
}  // namespace nbv
