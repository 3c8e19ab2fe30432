// Products of a warp's rows: by columns of a tile, and of their weights by the columns' channels. Where not `kWhole`,
// groups of 16 columns that no row sees are left out.
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
    __device__ __forceinline__ RowOperands(const SharedTile<T, D>& tile, int first, int lane)
        : reader_(lane), rows_(tile.from_row(first)) {}

    // When the rows are there.
    __device__ __forceinline__ void keep(int dim) {
        if constexpr (kKeep) {
#pragma unroll
            for (int step = 0; step < kSteps; ++step) {
                if (step * Mma<T>::kDepth >= dim) break;
#pragma unroll
                for (int r = 0; r < kRows / 16; ++r) reader_.load(kept_[step][r], rows_, 16 * r, step);
            }
        }
    }

    __device__ __forceinline__ void load(uint32_t (&a)[kRows / 16][4], int step) const {
#pragma unroll
        for (int r = 0; r < kRows / 16; ++r) {
            if constexpr (kKeep) {
#pragma unroll
                for (int i = 0; i < 4; ++i) a[r][i] = kept_[step][r][i];
            } else {
                reader_.load(a[r], rows_, 16 * r, step);
            }
        }
    }

  private:
    static constexpr int kSteps = D / Mma<T>::kDepth;
    RowReader<T, D> reader_;
    SharedTile<T, D> rows_;
    uint32_t kept_[kKeep ? kSteps : 1][kRows / 16][4];
};

// sums = rows times columns, over `dim` channels.
template <bool kWhole, class T, int D, int kRows, int kColumns, bool kKeep>
__device__ __forceinline__ void multiply_columns(WarpSums<kRows, kColumns>& sums,
                                                 const RowOperands<T, D, kRows, kKeep>& rows,
                                                 const ColumnReader<T, D>& reader, const SharedTile<T, D>& columns,
                                                 const WarpMask<kRows, kColumns>& mask, int dim) {
    clear<kRows, kColumns>(sums);
#pragma unroll
    for (int step = 0; step < D / Mma<T>::kDepth; ++step) {
        if (step * Mma<T>::kDepth >= dim) break;
        uint32_t a[kRows / 16][4];
        rows.load(a, step);
#pragma unroll
        for (int g = 0; g < kColumns / 16; ++g) {
            if (!kWhole && !mask.holds(g)) continue;
            uint32_t b[4];
            reader.load(b, columns, 16 * g, step);
#pragma unroll
            for (int r = 0; r < kRows / 16; ++r) {
                Mma<T>::multiply(sums[r][2 * g], a[r], b[0], b[1]);
                Mma<T>::multiply(sums[r][2 * g + 1], a[r], b[2], b[3]);
            }
        }
    }
}

// sums += weights (rows by columns) times columns (by `dim` channels).
template <bool kWhole, class T, int D, int kRows, int kColumns>
__device__ __forceinline__ void add_weighted_columns(WarpSums<kRows, D>& sums, const WarpSums<kRows, kColumns>& weights,
                                                     const TransposedReader<T, D>& reader,
                                                     const SharedTile<T, D>& columns,
                                                     const WarpMask<kRows, kColumns>& mask, int dim) {
    constexpr int kDepth = Mma<T>::kDepth;
#pragma unroll
    for (int step = 0; step < kColumns / kDepth; ++step) {
        if (!kWhole && !mask.holds(step * kDepth / 16)) continue;
        uint32_t a[kRows / 16][4];
#pragma unroll
        for (int r = 0; r < kRows / 16; ++r) Mma<T>::from_sums(a[r], &weights[r][step * kDepth / 8]);
#pragma unroll
        for (int block = 0; block < D / 16; ++block) {
            if (16 * block >= dim) break;
            uint32_t b[4];
            reader.load(b, columns, step * kDepth, block);
#pragma unroll
            for (int r = 0; r < kRows / 16; ++r) {
                Mma<T>::multiply(sums[r][2 * block], a[r], b[0], b[1]);
                Mma<T>::multiply(sums[r][2 * block + 1], a[r], b[2], b[3]);
            }
        }
    }
}

}  // namespace
}  // namespace nbv
