#include "plan.h"

#include <algorithm>

namespace nbv {
namespace {

// Keys and values that one pair of query rows reads. The next pair reads most of them again, and must find them in the
// second-level cache: half of the 1 MB that a core of Zen 4 has, for scores, queries and outputs need room, too.
constexpr int64_t kRowBytes = 512 << 10;
// Those of the whole tile, which each thread holds: they are packed once and read for every pair of rows. More saves
// packing where tiles overlap, but costs every thread memory.
constexpr int64_t kTileBytes = 2 << 20;
// Of the backward pass: each takes memory for additional tokens and bias. Enough for many threads to share evenly.
constexpr int64_t kMostBundles = 128;
constexpr int64_t kFewTasks = 16;  // enough for a few threads to share evenly

// Of one token, as packed in float. Doubles take twice as much, and are cut alike.
int64_t key_bytes(const Problem& p) { return (p.dim + p.dim_v) * 4; }

// Of the planes and rows of one pair's windows, as wide as the tile.
int64_t row_bytes(const Problem& p) {
    return max_keys(p.axis[0], 1) * max_keys(p.axis[1], 2) * max_keys(p.axis[2], p.tile[2]) * key_bytes(p);
}

int64_t tile_bytes(const Problem& p) {
    int64_t bytes = key_bytes(p);
    for (int a = 0; a < 3; ++a) bytes *= max_keys(p.axis[a], p.tile[a]);
    return bytes;
}

// How many windows long a tile is along an axis. Two neighboring tiles both pack the kernel - 1 keys between them, so
// that a cut costs least where this is largest.
double windows(const Problem& p, int a) { return static_cast<double>(p.tile[a]) / p.axis[a].kernel; }

void count_tiles(Problem& p) {
    for (int a = 0; a < 3; ++a)
        p.num_tiles[a] = (std::max<int64_t>(1, group_length(p.axis[a], 0)) + p.tile[a] - 1) / p.tile[a];
}

void halve(Problem& p, int a) {
    p.tile[a] = (p.tile[a] + 1) / 2;
    if (a == 1) p.tile[a] += p.tile[a] % 2;  // query rows go in pairs
    count_tiles(p);
}

// Key vectors per query with axis `x` along vectors, `y` in pairs of rows, and `z` the planes. A short row of queries
// costs more, for what is done once per block has fewer to share it.
double vectors(const Problem& p, int z, int y, int x) {
    const int64_t lanes = kLaneBytes / (p.storage == Storage::kDouble ? 8 : 4), width = group_length(p.axis[x], 0);
    const int64_t rows = max_keys(p.axis[y], 2);
    const double count = static_cast<double>(p.axis[z].kernel * rows * ((p.axis[x].kernel + lanes - 1) / lanes));
    return count * (1 + 2.0 / std::clamp<int64_t>(width, 1, 16));
}

}  // namespace

// A window that is tall, or deep, but narrow would fill few lanes, and as many vectors as it has keys. The order in
// memory is kept where another saves little: it is read in whole cache lines, one after the other.
void order_axes(Problem& p) {
    int best[3] = {0, 1, 2}, order[3] = {0, 1, 2};
    double least = vectors(p, 0, 1, 2) / 1.3;
    do {
        const double count = vectors(p, order[0], order[1], order[2]);
        if (count >= least) continue;
        least = count;
        std::copy(order, order + 3, best);
    } while (std::next_permutation(order, order + 3));
    const Axis axes[3] = {p.axis[0], p.axis[1], p.axis[2]};
    for (int a = 0; a < 3; ++a) p.axis[a] = axes[p.order[a] = best[a]];
}

// By the shapes alone, never the number of threads: results are the same bits on any. Every cut makes tiles share keys,
// so that the axis with the most windows is cut, and none that has fewer than two. First rows are cut so far that
// they stay in the cache, then the other axes, and rows again only where these have fewer than two windows.
void choose_tiles(Problem& p) {
    for (int a = 0; a < 3; ++a) p.tile[a] = std::max<int64_t>(1, group_length(p.axis[a], 0));
    count_tiles(p);
    while (row_bytes(p) > kRowBytes && windows(p, 2) >= 2 && p.tile[2] >= 32) halve(p, 2);
    while (tile_bytes(p) > kTileBytes || num_tasks(p, true) < kFewTasks) {
        int axis = windows(p, 0) > windows(p, 1) ? 0 : 1;
        if (windows(p, axis) < 2 || p.tile[axis] < 4) axis = 2;
        if (windows(p, axis) < 2 || p.tile[axis] < 8) return;
        halve(p, axis);
    }
}

// By the shapes alone, as tiles. Without additional tokens and bias there are no slots to share.
void choose_bundles(Problem& p) {
    const bool has_slots = p.extra > 0 || p.bias != nullptr;
    p.bundle = has_slots ? (num_tasks(p, true) + kMostBundles - 1) / kMostBundles : 1;
}

}  // namespace nbv
