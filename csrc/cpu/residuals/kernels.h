// Histograms and moments of one kind of residual of an image, row by row.
#pragma once

#include <utility>

#include "rows.h"

namespace nbv {
namespace {

constexpr int64_t kDown[kResidualLags] = {0, 0, 0, 1, 2, 3, 1}, kRight[kResidualLags] = {1, 2, 3, 0, 0, 0, 1};
constexpr float kPlaneSteps[3] = {1.0f, 0.7f, 0.7f}, kColorSteps[2] = {1.0f, 2.5f};
constexpr int64_t kKeptRows = 4;  // the lags look three rows back, cells two

int64_t residual_row_floats(int64_t width) { return width + kResidualPadding; }

int64_t residual_scratch_bytes(int64_t width) {
    const int64_t float_rows = 3 + 3 * kKeptRows + 1, byte_rows = 3 * kKeptRows + 3 + 1;
    return residual_row_floats(width) * (float_rows * 4 + byte_rows);
}

// The memory of a task: rows of floats, then rows of bytes.
struct ResidualRows {
    float *rgb[3], *planes[kKeptRows][3], *column;
    uint8_t *levels[kKeptRows][3], *colors[3], *cells;

    ResidualRows(char* memory, int64_t width) {
        const int64_t n = residual_row_floats(width);
        float* floats = reinterpret_cast<float*>(memory);
        const auto next = [&] { return std::exchange(floats, floats + n); };
        for (auto& row : rgb) row = next();
        for (auto& rows : planes)
            for (auto& row : rows) row = next();
        column = next();
        uint8_t* bytes = reinterpret_cast<uint8_t*>(floats);
        const auto next_bytes = [&] { return std::exchange(bytes, bytes + n); };
        for (auto& rows : levels)
            for (auto& row : rows) row = next_bytes();
        for (auto& row : colors) row = next_bytes();
        cells = next_bytes();
    }
};

// Adds up f(x), a vector that is zero beyond the row, over a row.
template <class F>
NBV_INLINE double row_sum(int64_t n, const F& f) {
    Vec<float> sum{};
    int64_t x = 0;
    for (; x + kLanes<float> <= n; x += kLanes<float>) sum += f(x);
    double total = horizontal_sum<float>(sum);
    if (x < n) total += horizontal_sum<float>(select<float>(first_lanes<float>(n - x), f(x), Vec<float>{}));
    return total;
}

NBV_INLINE Vec<float> magnitude(Vec<float> x) { return x < 0 ? -x : x; }

void add_moments(const float* const planes[3], const float* const rgb[3], int64_t n, double* sums) {
    const float* const rows[6] = {planes[0], planes[1], planes[2], rgb[0], rgb[1], rgb[2]};
    for (int i = 0; i < 6; ++i) {
        const float* row = rows[i];
        sums[i] += row_sum(n, [&](int64_t x) { return magnitude(load(row + x)); });
        sums[6 + i] += row_sum(n, [&](int64_t x) { return load(row + x) * load(row + x); });
    }
    for (int i = 0; i < 3; ++i) {
        const float *a = rgb[i], *b = rgb[(i + 1) % 3];
        sums[12 + i] += row_sum(n, [&](int64_t x) { return load(a + x) * load(b + x); });
    }
}

void residual_sums(const ResidualProblem& p, int64_t task, char* scratch) {
    const int64_t image = task / kResidualKinds, kind = task % kResidualKinds;
    const bool is_along_x = kind == 0 || kind == 2, is_both = kind == 4;
    const int64_t short_of = kind < 2 ? 1 : 2;  // rows and columns that differences take
    const int64_t height = p.height - (is_along_x ? 0 : short_of);
    const int64_t width = p.width - (is_along_x || is_both ? short_of : 0);
    ResidualRows rows(scratch, p.width);
    CellCounts counts[kResidualHistograms];
    double sums[kResidualMeans] = {}, lagged[3][kResidualLags] = {};

    for (int64_t y = 0; y < height; ++y) {
        const int64_t now = y % kKeptRows;
        for (int c = 0; c < 3; ++c) {
            const float* row = p.levels + ((image * 3 + c) * p.height + y) * p.width;
            difference_row(kind, row, p.width, p.width, rows.column, rows.rgb[c]);
        }
        plane_rows(rows.rgb, width, rows.planes[now]);
        add_moments(rows.planes[now], rows.rgb, width, sums);
        for (int c = 0; c < 3; ++c) {
            uint8_t* levels = rows.levels[now][c];
            level_row(rows.planes[now][c], width, kPlaneSteps[c], levels);
            if (is_along_x || is_both) {
                cell_row(levels, levels + 1, levels + 2, width - 2, rows.cells);
                counts[c].add(rows.cells, width - 2);
            }
            if (!is_along_x && y >= 2) {
                const uint8_t *first = rows.levels[(y - 2) % kKeptRows][c],
                              *second = rows.levels[(y - 1) % kKeptRows][c];
                cell_row(first, second, levels, width, rows.cells);
                counts[is_both ? 5 + c : c].add(rows.cells, width);
            }
        }
        for (int i = 0; i < 2; ++i) {
            for (int c = 0; c < 3; ++c) level_row(rows.rgb[c], width, kColorSteps[i], rows.colors[c]);
            cell_row(rows.colors[0], rows.colors[1], rows.colors[2], width, rows.cells);
            counts[3 + i].add(rows.cells, width);
        }
        for (int64_t lag = 0; is_both && lag < kResidualLags; ++lag) {
            if (y < kDown[lag]) continue;
            for (int c = 0; c < 3; ++c) {
                const float* here = rows.planes[(y - kDown[lag]) % kKeptRows][c];
                const float* there = rows.planes[now][c] + kRight[lag];
                const int64_t n = width - kRight[lag];
                lagged[c][lag] += row_sum(n, [&](int64_t x) { return load(here + x) * load(there + x); });
            }
        }
    }

    const int64_t out = image * kResidualKinds + kind;
    for (int64_t i = 0; i < (is_both ? kResidualHistograms : 5); ++i)
        counts[i].shares(p.shares + (out * kResidualHistograms + i) * kResidualCells);
    const double pixels = static_cast<double>(height * width);
    for (int64_t i = 0; i < kResidualMeans; ++i)
        p.means[out * kResidualMeans + i] = static_cast<float>(sums[i] / pixels);
    for (int64_t c = 0; is_both && c < 3; ++c)
        for (int64_t lag = 0; lag < kResidualLags; ++lag) {
            const double pairs = static_cast<double>((height - kDown[lag]) * (width - kRight[lag]));
            p.lags[(image * 3 + c) * kResidualLags + lag] = static_cast<float>(lagged[c][lag] / pairs);
        }
}

constexpr ResidualKernels kResidualKernels = {residual_sums, residual_scratch_bytes};

}  // namespace
}  // namespace nbv
