// Shapes of tiles for a call: those that an estimate finds fastest. For the host.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "tiles.h"

namespace nbv {
namespace {

inline int32_t ceil_divide(int32_t a, int32_t b) { return (a + b - 1) / b; }

// Extents worth trying along an axis of `length` positions, none above `most`: powers of two, and the axis in at most
// `parts` equal parts.
template <class Try>
void for_extents(int32_t length, int32_t most, int32_t parts, const Try& attempt) {
    for (int32_t extent = 1; extent <= most && extent < length; extent *= 2) attempt(extent);
    for (; parts > 0; --parts) {
        const int32_t extent = ceil_divide(length, parts);
        if (extent <= most && (parts == 1 || (extent & (extent - 1)) != 0)) attempt(extent);
    }
}

// Boxes of these extents that hold at least 3/4 of `most` positions, or of all there are; smaller ones if none does.
template <class Try>
void for_shapes(const Shape& lengths, int32_t most, int32_t parts, const Try& attempt) {
    const int64_t all = static_cast<int64_t>(lengths.z) * lengths.y * lengths.x;
    bool found = false;
    for (int quarters = 3; !found; --quarters) {
        const int64_t least = quarters * std::min<int64_t>(most, all) / 4;
        for_extents(lengths.z, most, parts, [&](int32_t z) {
            for_extents(lengths.y, most / z, parts, [&](int32_t y) {
                for_extents(lengths.x, most / z / y, parts, [&](int32_t x) {
                    if (z * y * x < least) return;
                    found = true;
                    attempt(Shape{z, y, x});
                });
            });
        });
    }
}

// A part of a box: `part` positions in its order. Where they end within a line, parts reach into one line more.
struct Extent {
    float step;    // from part to part
    int32_t size;  // of a part
};
struct PartExtents {
    Extent z, y, x;

    PartExtents(const Shape& box, int32_t part)
        : z(along(box.z, box.y * box.x, part)), y(along(box.y, box.x, part)), x(along(box.x, 1, part)) {}

  private:
    static Extent along(int32_t most, int32_t line, int32_t part) {
        if (part <= line) return {1.0f, 1};
        const int32_t lines = ceil_divide(part, line) + (part % line != 0);
        return {std::min(static_cast<float>(part) / line, static_cast<float>(most)), std::min(lines, most)};
    }
};

// What a tiling costs, in clocks of a multiprocessor as estimated for an H100: products of warps with groups of 16
// columns of which they see one, what a warp does besides for a column tile, its copies, and what an item takes anyhow.
class TilingCost {
  public:
    TilingCost(const NeighborhoodCudaArgs& args, int32_t warp_rows, int32_t columns)
        : axis_(args.axis), warp_rows_(warp_rows), columns_(columns) {
        const bool half = args.type == CudaType::kHalf || args.type == CudaType::kBFloat16;
        const float channels = static_cast<float>(args.dim + args.dim_v);
        const float products = half ? 1024 : args.tf32 ? 512 : 64;  // of two numbers, in a clock
        group_ = 16 * warp_rows * channels / products;
        mask_ = warp_rows / 4.0f;
        copies_ = (half ? 3 : args.type == CudaType::kDouble ? 12 : 6) * channels;
    }

    // Before `of`: what depends on rows only.
    void set_rows(const Shape& rows, const Shape& lengths) {
        const PartExtents warps(rows, warp_rows_);
        const int32_t sizes[3] = {rows.z, rows.y, rows.x}, parts[3] = {warps.z.size, warps.y.size, warps.x.size};
        for (int a = 0; a < 3; ++a) count_keys(a, sizes[a], parts[a]);
        items_ = static_cast<float>(ceil_divide(lengths.z, rows.z)) * ceil_divide(lengths.y, rows.y) *
                 ceil_divide(lengths.x, rows.x);
        warps_ = static_cast<float>(ceil_divide(rows.product(), warp_rows_));
    }
    Shape most_seen() const { return {most_seen_[0], most_seen_[1], most_seen_[2]}; }

    // No columns cost less: a warp has products with what it sees at least.
    float at_least() const {
        float keys = 1;
        for (int a = 0; a < 3; ++a) {
            float sum = 0;
            for (int i = 0; i < samples_[a]; ++i) sum += keys_[a][i].by_warp;
            keys *= sum / samples_[a];
        }
        return items_ * warps_ * keys / 16 * group_;
    }

    float of(const Shape& columns) const {
        const PartExtents parts(columns, 16);
        const Extent extents[3] = {parts.z, parts.y, parts.x};
        const int32_t sizes[3] = {columns.z, columns.y, columns.x};
        float tiles = 1, tiles_of_warp = 1, groups_of_warp = 1, whole = 1;
        for (int a = 0; a < 3; ++a) {  // axes are independent: the mean of products is the product of means
            float sums[4] = {};
            for (int i = 0; i < samples_[a]; ++i) {
                const Keys& keys = keys_[a][i];
                const float count = std::ceil(keys.seen / sizes[a]);
                sums[0] += count;
                sums[1] += touched(keys, {static_cast<float>(sizes[a]), sizes[a]}, count);
                sums[2] += touched(keys, extents[a], count * sizes[a] / extents[a].step);
                sums[3] += std::max(0.0f, (keys.common + 1) / sizes[a] - 1);
            }
            tiles *= sums[0] / samples_[a];
            tiles_of_warp *= sums[1] / samples_[a];
            groups_of_warp *= sums[2] / samples_[a];
            whole *= sums[3] / samples_[a];
        }
        const int32_t size = columns.product(), groups = ceil_divide(size, 16);
        groups_of_warp *= 16.0f * groups / size;  // the last one may be short
        const float masked = size < columns_ ? groups_of_warp : std::max(0.0f, groups_of_warp - whole * groups);
        const float of_warp = tiles_of_warp * kVisit + groups_of_warp * group_ + masked * mask_;
        return items_ * (kItem + tiles * copies_ + warps_ * of_warp);
    }

  private:
    static constexpr float kItem = 300, kVisit = 60;
    static constexpr int kSamples = 4;

    // Along an axis, of a row tile: keys that its rows see, that those of a warp see, and that each of a warp sees.
    struct Keys {
        float seen, by_warp, common;
    };

    void count_keys(int a, int32_t rows, int32_t warp_rows) {
        const BasicAxis<int32_t>& axis = axis_[a];
        const int32_t length = group_length(axis, 0), tiles = ceil_divide(length, rows);
        samples_[a] = std::min(tiles, kSamples);
        most_seen_[a] = 0;
        for (int i = 0; i < samples_[a]; ++i) {
            const int64_t tile = (2 * i + 1) * static_cast<int64_t>(tiles) / (2 * samples_[a]);
            const int32_t first = static_cast<int32_t>(tile) * rows, last = std::min(first + rows, length) - 1;
            const int32_t begin = std::min(first + rows / warp_rows / 2 * warp_rows, last);
            const int32_t end = std::min(begin + warp_rows - 1, last);
            const int32_t start = window_start(axis, length, begin);
            const int32_t seen = window_end(axis, length, last) - window_start(axis, length, first);
            keys_[a][i] = {static_cast<float>(seen), static_cast<float>(window_end(axis, length, end) - start),
                           static_cast<float>(window_end(axis, length, begin) - window_start(axis, length, end))};
            most_seen_[a] = std::max(most_seen_[a], seen);
        }
    }

    // Boxes that hold a key of a warp: of `most`, on average over where its first key lies.
    static float touched(const Keys& keys, const Extent& box, float most) {
        if (keys.by_warp == keys.seen) return std::min(std::ceil(keys.seen / box.step), most);
        return std::min((keys.by_warp - 1 + box.size) / box.step, most);
    }

    const BasicAxis<int32_t>* axis_;
    int32_t warp_rows_, columns_;
    float group_, mask_, copies_, items_ = 0, warps_ = 0;
    int32_t samples_[3], most_seen_[3];
    Keys keys_[3][kSamples];
};

// Tiles for kernels that hold `most_rows` rows, in warps of `warp_rows`, and `most_columns` columns at a time. About as
// many keys are in the windows of a box of queries as queries have a key of a box.
inline Tiling choose_tiling(const NeighborhoodCudaArgs& p, int32_t most_rows, int32_t warp_rows, int32_t most_columns) {
    const auto& axis = p.axis;
    const Shape lengths{group_length(axis[0], 0), group_length(axis[1], 0), group_length(axis[2], 0)};
    Tiling best;
    float least = INFINITY;
    TilingCost cost(p, warp_rows, most_columns);
    for_shapes(lengths, most_rows, 4, [&](const Shape& rows) {
        cost.set_rows(rows, lengths);
        if (cost.at_least() >= least) return;
        const Shape seen = cost.most_seen();
        for_shapes(seen, most_columns, lengths.z > 1 ? 1 : 2, [&](const Shape& columns) {
            const float clocks = cost.of(columns);
            if (clocks >= least) return;
            least = clocks;
            best.rows = rows;
            best.columns = columns;
        });
    });
    best.groups = {num_groups(axis[0]), num_groups(axis[1]), num_groups(axis[2])};
    best.row_tiles = {ceil_divide(lengths.z, best.rows.z), ceil_divide(lengths.y, best.rows.y),
                      ceil_divide(lengths.x, best.rows.x)};
    return best;
}

}  // namespace
}  // namespace nbv
