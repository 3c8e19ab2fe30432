// Additional tokens as rows: their gradients are sums over all queries of the map, cut into chunks so that the few rows
// make enough work. A pass over them has a window that is the whole map, and numbers chunks where others number groups.
#pragma once

#include "pass.h"

namespace nbv {
namespace {

struct ExtraTile {
    int32_t chunk;
    RowTile tile;        // row r is the additional token tile.first[2] + r
    int32_t begin, end;  // column tiles of the chunk

    NBV_HOST_DEVICE ExtraTile(const NeighborhoodPass& p, int32_t number)
        : chunk(number % p.chunks),
          tile{{0, 0, 0},
               {1, 1, p.args.extra},
               {0, 0, number / p.chunks * p.tiling.rows.x},
               {{0, p.args.axis[0].length}, {0, p.args.axis[1].length}, {0, p.args.axis[2].length}},
               false} {
        const int64_t count = count_column_tiles(tile, p.tiling.columns);
        begin = static_cast<int32_t>(count * chunk / p.chunks);
        end = static_cast<int32_t>(count * (chunk + 1) / p.chunks);
    }
};

// Every row that exists sees the whole map.
NBV_HOST_DEVICE inline RowWindow make_extra_window(const NeighborhoodPass& p, const RowTile& t, int32_t row) {
    if (row >= p.tiling.rows.x || t.first[2] + row >= p.args.extra) return {{{0, 0}, {0, 0}, {0, 0}}};
    return {{t.columns[0], t.columns[1], t.columns[2]}};
}

// Where a walk over the column tiles is after `steps` of them.
NBV_HOST_DEVICE inline ColumnCursor start_columns(const RowTile& t, const Shape& columns, int32_t steps) {
    ColumnCursor cursor(t);
    const Shape tiles{1, (t.columns[1].end - t.columns[1].begin + columns.y - 1) / columns.y,
                      (t.columns[2].end - t.columns[2].begin + columns.x - 1) / columns.x};
    const Position step = split_index(steps, tiles);
    cursor.at.z += step.z * columns.z;
    cursor.at.y += step.y * columns.y;
    cursor.at.x += step.x * columns.x;
    return cursor;
}

}  // namespace
}  // namespace nbv
