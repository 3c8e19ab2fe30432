// Shapes of tiles for a call: those of the least work, by a count of pairs. For the host.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "tiles.h"

namespace nbv {
namespace {

inline int32_t ceil_divide(int32_t a, int32_t b) { return (a + b - 1) / b; }

// Extents worth trying along an axis of `length` positions, none above `most`: powers of two, and equal parts.
template <class Try>
void for_extents(int32_t length, int32_t most, const Try& attempt) {
    for (int32_t extent = 1; extent <= most && extent < length; extent *= 2) attempt(extent);
    for (int32_t parts = 1; parts <= 4; ++parts)
        if (ceil_divide(length, parts) <= most) attempt(ceil_divide(length, parts));
}

template <class Try>
void for_shapes(const Shape& lengths, int32_t most, const Try& attempt) {
    for_extents(lengths.z, most, [&](int32_t z) {
        for_extents(lengths.y, most / z, [&](int32_t y) {
            for_extents(lengths.x, most / z / y, [&](int32_t x) { attempt(Shape{z, y, x}); });
        });
    });
}

inline int64_t count_boxes(const Shape& lengths, const Shape& box) {
    return static_cast<int64_t>(ceil_divide(lengths.z, box.z)) * ceil_divide(lengths.y, box.y) *
           ceil_divide(lengths.x, box.x);
}

// Tiles for kernels that hold `most_rows` rows, in warps of `warp_rows`, and `most_columns` columns at a time.
inline Tiling choose_tiling(const NeighborhoodCudaArgs& p, int32_t most_rows, int32_t warp_rows, int32_t most_columns) {
    const auto& axis = p.axis;
    const Shape lengths{group_length(axis[0], 0), group_length(axis[1], 0), group_length(axis[2], 0)};
    // About as many keys are in the windows of a box of queries as queries have a key of a box.
    const auto columns_of_box = [&](const Shape& rows) {
        return Shape{max_keys(axis[0], rows.z), max_keys(axis[1], rows.y), max_keys(axis[2], rows.x)};
    };
    Tiling best;
    int64_t least = -1;
    for_shapes(lengths, most_rows, [&](const Shape& rows) {
        // A warp works on all its rows; loading a column costs about as much as a warp's products with it.
        const int64_t work = ceil_divide(rows.product(), warp_rows) + 1;
        const int64_t cost = count_boxes(lengths, rows) * work * columns_of_box(rows).product();
        if (least >= 0 && (cost > least || (cost == least && rows.product() <= best.rows.product()))) return;
        least = cost;
        best.rows = rows;
    });
    const Shape seen = columns_of_box(best.rows);
    least = -1;
    for_shapes(seen, most_columns, [&](const Shape& columns) {
        const int64_t cost = count_boxes(seen, columns);
        if (least >= 0 && (cost > least || (cost == least && columns.product() >= best.columns.product()))) return;
        least = cost;
        best.columns = columns;
    });
    best.groups = {num_groups(axis[0]), num_groups(axis[1]), num_groups(axis[2])};
    best.row_tiles = {ceil_divide(lengths.z, best.rows.z), ceil_divide(lengths.y, best.rows.y),
                      ceil_divide(lengths.x, best.rows.x)};
    return best;
}

}  // namespace
}  // namespace nbv
