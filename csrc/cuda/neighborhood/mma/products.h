// Products of a warp's rows: by columns of a tile, and of their weights by the columns' channels. Groups of 16 columns
// that no row sees are left out.
#pragma once

#include "mask.h"
#include "policy.h"

namespace nbv {
namespace {

// Sums of kRows rows: blocks of 16 rows and 8 columns, see WarpMask.
template <int kRows, int kColumns>
using WarpSums = float[kRows / 16][kColumns / 8][4];

template <int kRows, int kColumns>
__device__ __forceinline__ void clear(WarpSums<kRows, kColumns>& sums) {
#pragma unroll
    for (int r = 0; r < kRows / 16; ++r)
#pragma unroll
        for (int j = 0; j < kColumns / 8; ++j)
#pragma unroll
            for (int e = 0; e < 4; ++e) sums[r][j][e] = 0.0f;
}

// The left operands of a warp's rows, step by step: read anew each time, or once for all columns.
template <class T, int D, int kRows, bool kKeep>
class RowOperands {
  public:
    __device__ __forceinline__ explicit RowOperands(const SharedTile<T, D>& rows) : rows_(rows) {}

    // When the rows are there.
    __device__ __forceinline__ void keep(int lane, int dim) {
        if constexpr (kKeep) {
            const RowReader<T, D> reader(lane);
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
                if (step * Mma<T>::kDepth >= dim) break;
#pragma unroll
                for (int r = 0; r < kRows / 16; ++r) reader.load(kept_[step][r], rows_, 16 * r, step);
            }
        }
    }

    __device__ __forceinline__ void load(uint32_t (&a)[kRows / 16][4], int lane, int step) const {
        const RowReader<T, D> reader(lane);
#pragma unroll
        for (int r = 0; r < kRows / 16; ++r) {
            if constexpr (kKeep) {
#pragma unroll
                for (int i = 0; i < 4; ++i) a[r][i] = kept_[step][r][i];
            } else {
                reader.load(a[r], rows_, 16 * r, step);
            }
        }
    }

  private:
    static constexpr int kSteps = D / Mma<T>::kDepth;
    SharedTile<T, D> rows_;
    uint32_t kept_[kKeep ? kSteps : 1][kRows / 16][4];
};

// sums = rows times columns, over `dim` channels.
template <class T, int D, int kRows, int kColumns, bool kKeep>
__device__ __forceinline__ void multiply_columns(WarpSums<kRows, kColumns>& sums,
                                                 const RowOperands<T, D, kRows, kKeep>& rows,
                                                 const SharedTile<T, D>& columns, const WarpMask<kRows, kColumns>& mask,
                                                 int lane, int dim) {
    const ColumnReader<T, D> reader(lane);
    constexpr int kGroups = kColumns / 16;
    clear<kRows, kColumns>(sums);
#pragma unroll
    for (int step = 0; step < D / Mma<T>::kDepth; ++step) {
        if (step * Mma<T>::kDepth >= dim) break;
        uint32_t a[kRows / 16][4], b[2][4];
        rows.load(a, lane, step);
        const auto load = [&](int g) { reader.load(b[g % 2], columns, 16 * g, step); };
        const auto multiply = [&](int g) {
            const uint32_t (&operand)[4] = b[g % 2];
#pragma unroll
            for (int r = 0; r < kRows / 16; ++r) {
                Mma<T>::multiply(sums[r][2 * g], a[r], operand[0], operand[1]);
                Mma<T>::multiply(sums[r][2 * g + 1], a[r], operand[2], operand[3]);
            }
        };
        if (mask.every_group()) {  // one way through, so that loads run ahead of products
            load(0);
#pragma unroll
            for (int g = 0; g < kGroups; ++g) {
                if (g + 1 < kGroups) load(g + 1);
                multiply(g);
            }
        } else {
#pragma unroll
            for (int g = 0; g < kGroups; ++g) {
                if (!mask.holds(g)) continue;
                load(g);
                multiply(g);
            }
        }
    }
}

// sums += weights (rows by columns) times columns (by `dim` channels).
template <class T, int D, int kRows, int kColumns>
__device__ __forceinline__ void add_weighted_columns(WarpSums<kRows, D>& sums, const WarpSums<kRows, kColumns>& weights,
                                                     const SharedTile<T, D>& columns,
                                                     const WarpMask<kRows, kColumns>& mask, int lane, int dim) {
    const TransposedReader<T, D> reader(lane);
    constexpr int kDepth = Mma<T>::kDepth, kBlocks = D / 16;
#pragma unroll
    for (int step = 0; step < kColumns / kDepth; ++step) {
        if (!mask.holds(step * kDepth / 16)) continue;
        uint32_t a[kRows / 16][4], b[2][4];
        reader.load(b[0], columns, step * kDepth, 0);
#pragma unroll
        for (int r = 0; r < kRows / 16; ++r) Mma<T>::from_sums(a[r], &weights[r][step * kDepth / 8]);
#pragma unroll
        for (int block = 0; block < kBlocks; ++block) {
            if (16 * block >= dim) break;
            // Loads run ahead of products; what is behind `dim` is not used.
            if (block + 1 < kBlocks) reader.load(b[(block + 1) % 2], columns, step * kDepth, block + 1);
            const uint32_t (&operand)[4] = b[block % 2];
#pragma unroll
            for (int r = 0; r < kRows / 16; ++r) {
                Mma<T>::multiply(sums[r][2 * block], a[r], operand[0], operand[1]);
                Mma<T>::multiply(sums[r][2 * block + 1], a[r], operand[2], operand[3]);
            }
        }
    }
}

}  // namespace
}  // namespace nbv
