// From products to logits in base 2, for the forward and the backward alike.
#pragma once

#include "../vectors.h"
#include "products.h"

namespace nbv {
namespace {

constexpr float kLn2 = 0.6931471805599453f;

// All columns that a row tile's rows see together.
__device__ __forceinline__ RowWindow union_window(const RowTile& t) {
    return {{t.columns[0], t.columns[1], t.columns[2]}};
}

// Products times `scale`, plus bias * log2 e; -inf where a row does not see a column. Products of groups that are left
// out are not touched. `bias` points to the entry for position 0 of rows and the tile's first column, or is null; lane
// i has the entry of row i (modulo kRows) relative to that, `columns` those of the tile's columns.
template <bool kWhole, int kRows, int kColumns>
__device__ __forceinline__ void make_logits(float (&products)[kRows / 16][kColumns / 8][4],
                                            const WarpMask<kRows, kColumns>& mask, int lane, float scale,
                                            const float* bias, int bias_row, const int32_t* columns) {
#pragma unroll
    for (int i = 0; i < kRows / 8; ++i) {
        const int r = i / 2, half = i % 2;
        const uint64_t seen = kWhole ? ~uint64_t{0} : mask.row(r, half, lane);
        const float* const entries =
            bias == nullptr ? nullptr : bias + __shfl_sync(0xFFFFFFFFu, bias_row, 8 * i + lane / 4);
#pragma unroll
        for (int j = 0; j < kColumns / 8; ++j) {
            if (!kWhole && !mask.holds(j / 2)) continue;
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                float& x = products[r][j][2 * half + e];
                const bool sees = kWhole || (seen >> (8 * j + e) & 1) != 0;
                x = sees ? x * scale : -INFINITY;
                if (bias != nullptr && sees)
                    x += __ldg(entries + columns[8 * j + lane % 4 * 2 + e]) * static_cast<float>(kLog2E);
            }
        }
    }
}

}  // namespace
}  // namespace nbv
