// Which queries and keys one task works on, and where its scratch memory lies.
#pragma once

#include "../common/simd.h"
#include "problem.h"

namespace nbv {
namespace {

constexpr int kQueryBlock = 16;  // queries of one row worked on together: their keys stay in the first-level cache

NBV_INLINE int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
NBV_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
NBV_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// A tile lies in one residue group: tokens i with the same i mod dilation along every axis. Windows hold only keys of
// their query's group, and there they are dense; so a dilated window is an undilated one on a map made of every
// dilation-th token, and dilation only matters where tokens are read and written.
struct Tile {
    int64_t batch, head;  // head: of the query in the forward pass, of the key in the backward pass
    int64_t group[3], length[3];
    int64_t query[3], query_end[3];  // positions within the group
    int64_t key[3], keys[3];         // first key and number of keys
    bool empty;  // num_tiles is that of the longest group; a shorter one may end before its last tile
};

// Heads change fastest: those of a token lie side by side in memory.
inline Tile make_tile(const Problem& p, int64_t task, bool backward) {
    Tile t{};  // an empty tile has no keys
    int64_t index[3];
    const int64_t heads = backward ? p.heads_kv : p.heads;
    t.head = task % heads;
    task /= heads;
    for (int a = 2; a >= 0; --a) {
        index[a] = task % p.num_tiles[a];
        task /= p.num_tiles[a];
    }
    for (int a = 2; a >= 0; --a) {
        t.group[a] = task % num_groups(p.axis[a]);
        task /= num_groups(p.axis[a]);
    }
    t.batch = task;
    t.empty = false;
    for (int a = 0; a < 3; ++a) {
        t.length[a] = group_length(p.axis[a], t.group[a]);
        t.query[a] = index[a] * p.tile[a];
        t.query_end[a] = smaller(t.query[a] + p.tile[a], t.length[a]);
        if (t.query[a] >= t.query_end[a]) {
            t.empty = true;
            return t;
        }
        t.key[a] = window_start(p.axis[a], t.length[a], t.query[a]);
        t.keys[a] = window_end(p.axis[a], t.length[a], t.query_end[a] - 1) - t.key[a];
    }
    return t;
}

// The number of a backward task: `part` counts the tiles of all residue groups.
NBV_INLINE int64_t backward_task(const Problem& p, int64_t batch, int64_t head_kv, int64_t part, int64_t parts) {
    return (batch * parts + part) * p.heads_kv + head_kv;
}

// Sizes in elements of type T.
template <class T>
struct Sizes {
    int64_t dim, dim_v;  // padded to whole vectors
    // Between two dims of a transposed key row: the tile's keys, and a vector more, for the last query's loads reach so
    // far. An odd number of cache lines: were it a power of two, the dims of a column would compete for few cache sets.
    int64_t columns;
    int64_t row_vectors;    // vectors that hold the window's keys of one row
    int64_t extra_vectors;  // ... and the additional tokens
    int64_t score_vectors;  // ... and all keys of a pair of queries
    int64_t keys;           // most keys of a tile
    int64_t key_rows;
    int64_t block;  // queries of a row worked on together

    explicit Sizes(const Problem& p) {
        constexpr int64_t lanes = kLanes<T>, line = 64 / sizeof(T);
        dim = round_up(p.dim, lanes);
        dim_v = round_up(p.dim_v, lanes);
        const int64_t width = max_keys(p.axis[2], p.tile[2]);
        columns = round_up(width + lanes, line);
        if (columns / line % 2 == 0) columns += line;
        row_vectors = (p.axis[2].kernel + lanes - 1) / lanes;
        extra_vectors = (p.extra + lanes - 1) / lanes;
        score_vectors = p.axis[0].kernel * max_keys(p.axis[1], 2) * row_vectors + extra_vectors;
        key_rows = max_keys(p.axis[0], p.tile[0]) * max_keys(p.axis[1], p.tile[1]);
        keys = key_rows * width;
        // Scores of a block should stay in the cache from the product to the softmax: at most 2^14, 64 KB in float.
        block = larger(1, smaller(kQueryBlock, (1 << 14) / (score_vectors * lanes * 2)));
    }
};

// Hands out parts of the scratch memory, each on a cache line of its own.
template <class T>
class Arena {
  public:
    explicit Arena(char* base) : base_(base) {}
    T* take(int64_t count) { return static_cast<T*>(take_bytes(count * sizeof(T))); }
    int64_t* take_indices(int64_t count) { return static_cast<int64_t*>(take_bytes(count * sizeof(int64_t))); }
    int64_t used() const { return used_; }

  private:
    void* take_bytes(int64_t bytes) {
        void* part = base_ + used_;
        used_ += round_up(bytes, 64);
        return part;
    }
    char* base_;
    int64_t used_ = 0;
};

}  // namespace
}  // namespace nbv
