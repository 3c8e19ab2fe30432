// How much a block holds, by type and channels: as many rows as registers allow without spills, since each column that
// is loaded serves all of them.
#pragma once

#include "copies.h"

namespace nbv {
namespace {

constexpr int kMostWarps = 4;  // of a block; each has rows of its own

// D: channels, padded. Where a warp has 32 rows, an operand that it reads from shared memory serves two instructions:
// with 16 rows reading it takes as long as multiplying.
template <class T, int D>
struct ForwardTiles {
    static constexpr bool kNarrow = sizeof(T) == 2;
    static constexpr int kWarpRows = kNarrow && (D == 64 || D == 128) ? 32 : 16;
    static constexpr int kColumns = kNarrow ? (D == 256 ? 32 : 64) : D == 256 ? 16 : D == 32 ? 64 : 32;
    static constexpr bool kKeepQuery = static_cast<int>(D * sizeof(T)) <= 128;  // its operands stay in registers
    // That share a multiprocessor's registers.
    static constexpr int kBlocks = D == 256 ? 2 : kNarrow ? (D == 32 ? 4 : 2) : D == 64 ? 4 : 3;
};

// Shared memory of a block: tables, row tiles, two stages of two column tiles each.
template <class T, int D, int kRowTiles, int kColumns, class Columns = TokenTable<kColumns>>
struct BlockMemory {
    Columns& columns;
    RowTable& rows;
    unsigned char* tiles;
    int warp_tiles;  // bytes of one row tile

    static constexpr int64_t kTables = (sizeof(Columns) + sizeof(RowTable) + 127) / 128 * 128;
    static constexpr int64_t kColumnTile = SharedTile<T, D>::size(kColumns);

    __host__ __device__ static constexpr int64_t bytes(int block_rows) {
        return kTables + kRowTiles * SharedTile<T, D>::size(block_rows) + 4 * kColumnTile;
    }

    __device__ __forceinline__ BlockMemory(unsigned char* memory, int block_rows)
        : columns(*reinterpret_cast<Columns*>(memory)),
          rows(*reinterpret_cast<RowTable*>(memory + sizeof(Columns))),
          tiles(memory + kTables),
          warp_tiles(static_cast<int>(SharedTile<T, D>::size(block_rows))) {}

    // Column tile 0 or 1 of a stage; row tiles follow all of them.
    __device__ __forceinline__ SharedTile<T, D> column_tile(int stage, int which) const {
        return {tiles + (2 * stage + which) * kColumnTile};
    }
    __device__ __forceinline__ SharedTile<T, D> row_tile(int which) const {
        return {tiles + 4 * kColumnTile + which * warp_tiles};
    }
};

}  // namespace
}  // namespace nbv
