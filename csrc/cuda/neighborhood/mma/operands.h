// Tiles in shared memory and how warps read them as operands of matrix instructions.
//
// Rows of a tile are tokens, D channels long. Chunks of 16 bytes are permuted within a row, by row, so that neither
// eight rows of one chunk (ldmatrix) nor eight chunks of a row (copies) have a bank in common. Below, lane 4 g + q
// holds of sums the rows g and g + 8, and columns 2 q and 2 q + 1 of each block of eight.
#pragma once

#include "elements.h"

namespace nbv {
namespace {

template <class T, int D>
struct SharedTile {
    static constexpr int kRowBytes = D * sizeof(T), kChunkItems = 16 / sizeof(T), kChunks = kRowBytes / 16;
    static_assert(kChunks >= 4 && (kChunks & (kChunks - 1)) == 0, "rows of 64, 128, ... bytes");

    unsigned char* bytes;  // aligned to 128

    __host__ __device__ static constexpr int64_t size(int rows) { return static_cast<int64_t>(rows) * kRowBytes; }

    // What a row's chunk numbers are permuted by. Where a row has four chunks, two rows share the banks' width.
    __device__ __forceinline__ static int permutation(int row) { return kChunks >= 8 ? row & 7 : row >> 1 & 3; }
    __device__ __forceinline__ static int offset(int row, int chunk) {
        return row * kRowBytes + (chunk ^ permutation(row)) * 16;
    }
    __device__ __forceinline__ unsigned char* chunk(int row, int chunk) const { return bytes + offset(row, chunk); }
    // An even channel and the one after it.
    __device__ __forceinline__ unsigned char* pair(int row, int channel) const {
        return chunk(row, channel / kChunkItems) + channel % kChunkItems * static_cast<int>(sizeof(T));
    }
    __device__ __forceinline__ SharedTile from_row(int row) const { return {bytes + row * kRowBytes}; }
};

// The readers below keep the lane's offset for the first step; each further step is an exclusive or, rows further on
// are a constant. Rows are multiples of 8, and so is a tile that from_row gives.

// Left operand: 16 rows, one step of channels.
template <class T, int D>
class RowReader {
  public:
    __device__ __forceinline__ explicit RowReader(int lane) : offset_(SharedTile<T, D>::offset(lane % 16, lane / 16)) {}

    __device__ __forceinline__ void load(uint32_t (&a)[4], const SharedTile<T, D>& tile, int row, int step) const {
        ldmatrix4(a, tile.from_row(row).bytes + (offset_ ^ 32 * step));
        Mma<T>::settle(a);
    }

  private:
    int offset_;
};

// Right operand: one step of channels, 16 columns. b[0] and b[1] belong to the first eight of them, b[2] and b[3] to
// the others.
template <class T, int D>
class ColumnReader {
  public:
    __device__ __forceinline__ explicit ColumnReader(int lane)
        : offset_(SharedTile<T, D>::offset(lane % 8 + lane / 16 * 8, lane / 8 % 2)) {}

    __device__ __forceinline__ void load(uint32_t (&b)[4], const SharedTile<T, D>& tile, int column, int step) const {
        ldmatrix4(b, tile.from_row(column).bytes + (offset_ ^ 32 * step));
        Mma<T>::settle(b);
    }

  private:
    int offset_;
};

// Right operand of a product by sums: one step of columns from `column` on, 16 channels from 16 * block on. b as above,
// with channels in place of columns.
template <class T, int D>
class TransposedReader {
  public:
    __device__ __forceinline__ explicit TransposedReader(int lane)
        : offset_(SharedTile<T, D>::offset(lane % 16, lane / 16)) {}

    __device__ __forceinline__ void load(uint32_t (&b)[4], const SharedTile<T, D>& tile, int column, int block) const {
        ldmatrix4_trans(b, tile.from_row(column).bytes + (offset_ ^ 32 * block));
    }

  private:
    int offset_;
};

// ldmatrix transposes two-byte items only, and so floats are loaded one by one: columns 2 q and 2 q + 1 as rows q and
// q + 4 of the operand, see Mma<float>. Their rows' permutations differ, and no two lanes share a bank.
template <int D>
class TransposedReader<float, D> {
  public:
    __device__ __forceinline__ explicit TransposedReader(int lane)
        : offset_(SharedTile<float, D>::offset(lane % 4 * 2, lane / 16) + lane / 4 % 4 * 4) {}

    __device__ __forceinline__ void load(uint32_t (&b)[4], const SharedTile<float, D>& tile, int column,
                                         int block) const {
        const unsigned char* const rows = tile.from_row(column).bytes;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int even = offset_ ^ (64 * block + 32 * half);
            b[2 * half] = __float_as_uint(*reinterpret_cast<const float*>(rows + even));
            b[2 * half + 1] =
                __float_as_uint(*reinterpret_cast<const float*>(rows + SharedTile<float, D>::kRowBytes + (even ^ 16)));
        }
        Mma<float>::settle(b);
    }

  private:
    int offset_;
};

}  // namespace
}  // namespace nbv
