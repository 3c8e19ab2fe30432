// Rows of residuals, of what they become, and of the histograms' cells.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../common/simd.h"
#include "problem.h"

namespace nbv {
namespace {

// Rows are padded, so that whole vectors may be read and written beyond their end.
constexpr int64_t kResidualPadding = 64;

// f(x) for all vectors that hold any of n floats.
template <class F>
NBV_INLINE void for_each_vector(int64_t n, const F& f) {
    for (int64_t x = 0; x < n; x += kLanes<float>) f(x);
}

// What a round to nearest, ties to even, of x / step makes of it, truncated to +-2 and moved to 0 to 4. By comparisons
// with what lies between: no tie of x / step is rounded otherwise than those of x.
NBV_INLINE Mask<float> residual_level(Vec<float> x, float step) {
    const float half = 0.5f * step, more = 1.5f * step;
    return -((x > -more) + (x >= -half) + (x > half) + (x >= more));
}

// The residuals of one row and color: from the row, and the two below it where the kind looks there.
void difference_row(int64_t kind, const float* row, int64_t stride, int64_t width, float* column, float* out) {
    const float *below = row + stride, *further = row + 2 * stride;
    const auto second = [](float a, float b, float c) { return 0.5f * (a + c) - b; };
    switch (kind) {
        case 0:
            for (int64_t x = 0; x < width - 1; ++x) out[x] = row[x + 1] - row[x];
            break;
        case 1:
            for (int64_t x = 0; x < width; ++x) out[x] = below[x] - row[x];
            break;
        case 2:
            for (int64_t x = 0; x < width - 2; ++x) out[x] = second(row[x], row[x + 1], row[x + 2]);
            break;
        case 3:
            for (int64_t x = 0; x < width; ++x) out[x] = second(row[x], below[x], further[x]);
            break;
        default:
            for (int64_t x = 0; x < width; ++x) column[x] = second(row[x], below[x], further[x]);
            for (int64_t x = 0; x < width - 2; ++x) out[x] = second(column[x], column[x + 1], column[x + 2]);
    }
}

// Luma, red - green and blue - green of a row of red, green and blue.
void plane_rows(const float* const rgb[3], int64_t n, float* const planes[3]) {
    for_each_vector(n, [&](int64_t x) {
        const Vec<float> red = load(rgb[0] + x), green = load(rgb[1] + x), blue = load(rgb[2] + x);
        store<float>(planes[0] + x, 0.299f * red + 0.587f * green + 0.114f * blue);
        store<float>(planes[1] + x, red - green);
        store<float>(planes[2] + x, blue - green);
    });
}

void level_row(const float* from, int64_t n, float step, uint8_t* to) {
    typedef uint8_t Bytes __attribute__((vector_size(kLanes<float>)));
    for_each_vector(n, [&](int64_t x) {
        const Bytes levels = __builtin_convertvector(residual_level(load(from + x), step), Bytes);
        __builtin_memcpy(to + x, &levels, sizeof(levels));
    });
}

// Cells of three levels each.
void cell_row(const uint8_t* a, const uint8_t* b, const uint8_t* c, int64_t n, uint8_t* to) {
    for (int64_t x = 0; x < n; ++x) to[x] = static_cast<uint8_t>(25 * a[x] + 5 * b[x] + c[x]);
}

// How often each cell is met. Four tables take turns: neighbors are often alike, and would wait for each other.
class CellCounts {
  public:
    void add(const uint8_t* cells, int64_t n) {
        int64_t x = 0;
        for (; x + 4 <= n; x += 4)
            for (int i = 0; i < 4; ++i) ++tables_[i][cells[x + i]];
        for (; x < n; ++x) ++tables_[0][cells[x]];
        total_ += n;
    }
    void shares(float* out) const {
        for (int64_t cell = 0; cell < kResidualCells; ++cell) {
            int64_t count = 0;
            for (const auto& table : tables_) count += table[cell];
            out[cell] = static_cast<float>(static_cast<double>(count) / static_cast<double>(total_));
        }
    }

  private:
    uint32_t tables_[4][128] = {};
    int64_t total_ = 0;
};

}  // namespace
}  // namespace nbv
