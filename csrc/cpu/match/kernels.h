// The table of match-attention kernels as this translation unit's flags compile them.
#pragma once

#include "backward.h"

namespace nbv {
namespace {

// Head dims of one to four whole vectors have code of their own.
#define NBV_BY_DIM(T, function, ...)                          \
    switch (p.dim % kLanes<T> == 0 ? p.dim / kLanes<T> : 0) { \
        case 1:                                               \
            return function<1, T>(__VA_ARGS__);               \
        case 2:                                               \
            return function<2, T>(__VA_ARGS__);               \
        case 3:                                               \
            return function<3, T>(__VA_ARGS__);               \
        case 4:                                               \
            return function<4, T>(__VA_ARGS__);               \
        default:                                              \
            return function<0, T>(__VA_ARGS__);               \
    }

void match_forward(const MatchProblem& p, int64_t row) {
    if (p.is_double) NBV_BY_DIM(double, forward_row, p, row)
    NBV_BY_DIM(float, forward_row, p, row)
}

void match_backward(const MatchProblem& p, int64_t task) {
    if (p.is_double) NBV_BY_DIM(double, backward_head, p, task)
    NBV_BY_DIM(float, backward_head, p, task)
}

constexpr MatchKernels kMatchKernels = {match_forward, match_backward};

}  // namespace
}  // namespace nbv
