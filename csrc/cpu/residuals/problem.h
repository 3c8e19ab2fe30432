// What a call of residual sums asks for, as plain data, and the kernel that does it.
#pragma once

#include <cstdint>

namespace nbv {

// First differences along x and y, half of the second ones along x and y, and the second ones along both.
constexpr int64_t kResidualKinds = 5;
// Of neighbors along the line in luma, red - green, blue - green; of red, green and blue at one place by two steps; and
// of the residual along both axes, which has no line, neighbors along y.
constexpr int64_t kResidualHistograms = 8;
constexpr int64_t kResidualCells = 125;  // three values of five levels
// Magnitudes and squares of luma, the differences, and red, green, blue; products of red, green, blue in pairs.
constexpr int64_t kResidualMeans = 15;
constexpr int64_t kResidualLags = 7;
constexpr int64_t kLeastResidualSide = 6;  // fewer pixels leave no pairs three apart

struct ResidualProblem {
    int64_t batch = 1, height = 1, width = 1;
    const float* levels = nullptr;  // [batch, 3, height, width], contiguous
    float* shares = nullptr;        // [batch, kinds, histograms, cells], zeros at first
    float* means = nullptr;         // [batch, kinds, means]
    float* lags = nullptr;          // [batch, 3, lags]
};

// The kernel as compiled for one instruction set.
struct ResidualKernels {
    void (*sums)(const ResidualProblem&, int64_t task, char* scratch);  // of batch x kinds
    int64_t (*scratch_bytes)(int64_t width);
};

}  // namespace nbv
