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

// The bias of a warp's rows with a tile's columns.
struct TileBias {
    const float* entries;    // for position 0 of rows and the tile's first column; null without bias
    int32_t row;             // lane i: what row i (modulo the warp's rows) adds to the index
    const int32_t* columns;  // what the tile's columns add
};

// Products times `scale`, plus bias * log2 e; -inf where a row does not see a column. Groups that no row sees are left
// as they are.
template <int kRows, int kColumns>
__device__ __forceinline__ void make_logits(float (&products)[kRows / 16][kColumns / 8][4],
                                            const WarpMask<kRows, kColumns>& mask, int lane, float scale,
                                            const TileBias& bias) {
    uint64_t seen[kRows / 8];
    int32_t entry[kRows / 8];
    if (!mask.whole)
#pragma unroll
        for (int i = 0; i < kRows / 8; ++i) seen[i] = mask.row(i / 2, i % 2, lane);
    if (bias.entries != nullptr)
#pragma unroll
        for (int i = 0; i < kRows / 8; ++i) entry[i] = __shfl_sync(0xFFFFFFFFu, bias.row, 8 * i + lane / 4);
#pragma unroll
    for (int g = 0; g < kColumns / 16; ++g) {
        if (!mask.holds(g)) continue;
        // visit(logit, i, column): row 8 i + g and column + 2 q of a lane 4 g + q.
        const auto for_products = [&](const auto& visit) {
#pragma unroll
            for (int i = 0; i < kRows / 8; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    visit(products[i / 2][2 * g + j / 2][i % 2 * 2 + j % 2], i, 16 * g + j / 2 * 8 + j % 2);
        };
        for_products([&](float& x, int, int) { x *= scale; });
        if (!mask.whole)
            for_products([&](float& x, int i, int column) {
                if ((seen[i] >> column & 1) == 0) x = -INFINITY;
            });
        if (bias.entries != nullptr)
            for_products([&](float& x, int i, int column) {
                if (mask.whole || (seen[i] >> column & 1) != 0)
                    x += __ldg(bias.entries + entry[i] + bias.columns[column + lane % 4 * 2]) *
                         static_cast<float>(kLog2E);
            });
    }
}

}  // namespace
}  // namespace nbv
