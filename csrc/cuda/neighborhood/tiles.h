// Tiles: what a block of threads holds, and what it lets pass by. Alike for all dtypes, ranks and passes.
//
// Rows are the tokens that a block holds: queries, or keys where gradients of keys are summed. Columns are the tokens
// of the other side. Both are cut into boxes of positions in one residue group of the dilation, where windows are
// dense. By axis, the columns of a row are an interval (window.h); so are those of all rows of a tile, and no others
// are loaded.
#pragma once

#include "args.h"

namespace nbv {

enum class Rows { kQueries, kKeys };

// How a pass is cut: positions of a tile along z, y, x; row tiles of the longest group, and groups. The kernels hold
// rows.product() <= their rows, columns.product() <= their columns <= 64; what is left over is masked.
struct Shape {
    int32_t z = 1, y = 1, x = 1;

    NBV_HOST_DEVICE int32_t product() const { return z * y * x; }
};
struct Tiling {
    Shape rows, columns, row_tiles, groups;

    // Of one head of one sample. Short groups have fewer tiles: some of these are empty.
    NBV_HOST_DEVICE int64_t tiles() const { return static_cast<int64_t>(row_tiles.product()) * groups.product(); }
};

namespace {

struct Position {
    int32_t z, y, x;
};

NBV_HOST_DEVICE inline Position split_index(int32_t index, const Shape& shape) {
    return {index / (shape.x * shape.y), index / shape.x % shape.y, index % shape.x};
}

struct Interval {
    int32_t begin, end;
};

// The columns of the row at `position`, along one axis of a group of `length` positions.
template <Rows kRows>
NBV_HOST_DEVICE inline Interval columns_of(const BasicAxis<int32_t>& axis, int32_t length, int32_t position) {
    if constexpr (kRows == Rows::kQueries)
        return {window_start(axis, length, position), window_end(axis, length, position)};
    return {inverse_start(axis, length, position), inverse_end(axis, length, position)};
}

// A row tile: its residue group and that one's length, its first position, and the columns that its rows have together.
struct RowTile {
    int32_t group[3], length[3], first[3];
    Interval columns[3];
    bool empty;
};

// Of a head of a sample, by number: below tiling.tiles().
template <Rows kRows>
NBV_HOST_DEVICE inline RowTile make_row_tile(const NeighborhoodCudaArgs& p, const Tiling& tiling, int32_t number) {
    const int32_t groups = tiling.groups.product();
    const Position group = split_index(number % groups, tiling.groups);
    const Position tile = split_index(number / groups, tiling.row_tiles);
    RowTile t{{group.z, group.y, group.x},
              {},
              {tile.z * tiling.rows.z, tile.y * tiling.rows.y, tile.x * tiling.rows.x},
              {},
              false};
    const int32_t sizes[3] = {tiling.rows.z, tiling.rows.y, tiling.rows.x};
#pragma unroll
    for (int a = 0; a < 3; ++a) {
        t.length[a] = group_length(p.axis[a], t.group[a]);
        if (t.first[a] >= t.length[a]) {
            t.empty = true;
            continue;
        }
        const int32_t end = t.first[a] + sizes[a], last = (end < t.length[a] ? end : t.length[a]) - 1;
        t.columns[a].begin = columns_of<kRows>(p.axis[a], t.length[a], t.first[a]).begin;
        t.columns[a].end = columns_of<kRows>(p.axis[a], t.length[a], last).end;
    }
    return t;
}

// The columns that one row sees; none for rows that the tile does not have.
struct RowWindow {
    Interval columns[3];
};

template <Rows kRows>
NBV_HOST_DEVICE inline RowWindow make_row_window(const NeighborhoodCudaArgs& p, const Tiling& tiling, const RowTile& t,
                                                 int32_t row) {
    RowWindow window{{{0, 0}, {0, 0}, {0, 0}}};
    const Position local = split_index(row, tiling.rows);
    const int32_t at[3] = {t.first[0] + local.z, t.first[1] + local.y, t.first[2] + local.x};
    if (row >= tiling.rows.product() || at[0] >= t.length[0] || at[1] >= t.length[1] || at[2] >= t.length[2])
        return window;
#pragma unroll
    for (int a = 0; a < 3; ++a) window.columns[a] = columns_of<kRows>(p.axis[a], t.length[a], at[a]);
    return window;
}

// Walks over the column tiles of a row tile, x fastest; `at` is the first position of the current one.
struct ColumnCursor {
    Position at;

    NBV_HOST_DEVICE explicit ColumnCursor(const RowTile& t)
        : at{t.columns[0].begin, t.columns[1].begin, t.columns[2].begin} {}

    NBV_HOST_DEVICE void advance(const RowTile& t, const Shape& columns) {
        at.x += columns.x;
        if (at.x < t.columns[2].end) return;
        at.x = t.columns[2].begin;
        at.y += columns.y;
        if (at.y < t.columns[1].end) return;
        at.y = t.columns[1].begin;
        at.z += columns.z;
    }
};

NBV_HOST_DEVICE inline int32_t count_column_tiles(const RowTile& t, const Shape& columns) {
    const int32_t sizes[3] = {columns.z, columns.y, columns.x};
    int32_t count = 1;
#pragma unroll
    for (int a = 0; a < 3; ++a) count *= (t.columns[a].end - t.columns[a].begin + sizes[a] - 1) / sizes[a];
    return count;
}

NBV_HOST_DEVICE inline uint64_t lowest_bits(int32_t count) {
    return count <= 0 ? 0 : count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

// Which columns of a tile a row sees, bit by bit: column (z, y, x) of the tile is bit (z columns.y + y) columns.x + x.
// Intervals of y and x repeat with a period, and a product by ones at its multiples repeats bits: nothing carries.
struct ColumnBits {
    uint64_t every_y, every_x;  // ones at multiples of the period
    Shape shape;

    NBV_HOST_DEVICE explicit ColumnBits(const Shape& columns) : every_y(0), every_x(0), shape(columns) {
        for (int32_t z = 0; z < columns.z; ++z) every_y |= uint64_t{1} << (z * columns.y * columns.x);
        for (int32_t i = 0; i < columns.z * columns.y; ++i) every_x |= uint64_t{1} << (i * columns.x);
    }

    NBV_HOST_DEVICE uint64_t all() const { return lowest_bits(shape.product()); }

    NBV_HOST_DEVICE uint64_t seen(const RowWindow& row, const Position& at) const {
        const uint64_t z = between(row.columns[0], at.z, shape.z, shape.y * shape.x);
        const uint64_t y = between(row.columns[1], at.y, shape.y, shape.x) * every_y;
        const uint64_t x = between(row.columns[2], at.x, shape.x, 1) * every_x;
        return z & y & x;
    }

  private:
    // Bits of the positions of [first, first + size) that are in the interval, `step` bits to each.
    NBV_HOST_DEVICE static uint64_t between(const Interval& interval, int32_t first, int32_t size, int32_t step) {
        return lowest_bits(clamp(interval.end - first, size) * step) &
               ~lowest_bits(clamp(interval.begin - first, size) * step);
    }
    NBV_HOST_DEVICE static int32_t clamp(int32_t count, int32_t size) {
        return count < 0 ? 0 : count < size ? count : size;
    }
};

// The bias of a pair lies at key_index - query_index + bias_origin of its head's table: a linear function of positions.
struct BiasIndex {
    int32_t z, y, origin;  // weights of z and y; that of x is 1

    NBV_HOST_DEVICE explicit BiasIndex(const NeighborhoodCudaArgs& p)
        : z((2 * p.axis[1].kernel - 1) * (2 * p.axis[2].kernel - 1)),
          y(2 * p.axis[2].kernel - 1),
          origin((p.axis[0].kernel - 1) * z + (p.axis[1].kernel - 1) * y + p.axis[2].kernel - 1) {}

    NBV_HOST_DEVICE int32_t of(const Position& position) const { return position.z * z + position.y * y + position.x; }
    NBV_HOST_DEVICE int32_t size(const NeighborhoodCudaArgs& p) const { return z * (2 * p.axis[0].kernel - 1); }
};

// Elements from a tensor's beginning to the head of the token at a position of a group.
NBV_HOST_DEVICE inline int64_t token_offset(const NeighborhoodCudaArgs& p, const CudaView& view, const RowTile& t,
                                            const Position& at) {
    return static_cast<int64_t>(at.z * p.axis[0].dilation + t.group[0]) * view.axis[0] +
           static_cast<int64_t>(at.y * p.axis[1].dilation + t.group[1]) * view.axis[1] +
           static_cast<int64_t>(at.x * p.axis[2].dilation + t.group[2]) * view.axis[2];
}

// The number of that token in a map [z, y, x], for tensors that are contiguous.
NBV_HOST_DEVICE inline int64_t token_number(const NeighborhoodCudaArgs& p, const RowTile& t, const Position& at) {
    const int64_t z = at.z * p.axis[0].dilation + t.group[0], y = at.y * p.axis[1].dilation + t.group[1];
    return (z * p.axis[1].length + y) * p.axis[2].length + at.x * p.axis[2].dilation + t.group[2];
}

}  // namespace
}  // namespace nbv
