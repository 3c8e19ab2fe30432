// Walks over the queries of a tile: pairs of rows, a few columns at a time.
#pragma once

#include "pack.h"
#include "softmax.h"

namespace nbv {
namespace {

// One pair of query rows, `pair.width` columns from `x` on; positions within the residue group.
struct Block {
    Pair pair;
    int64_t z, y, x;
    int64_t first_key[3];  // of the first query
};

// What a block needs to know of its windows, per query (start, keys) and per key vector (offsets).
template <class T>
struct BlockBuffers {
    int64_t *start, *keys, *offsets, *extra_offsets;

    BlockBuffers(Arena<T>& arena, const Sizes<T>& sizes)
        : start(arena.take_indices(sizes.block)),
          keys(arena.take_indices(sizes.block)),
          offsets(arena.take_indices(sizes.score_vectors)),
          extra_offsets(arena.take_indices(sizes.extra_vectors)) {}
};

// Calls f for all blocks, one pair of rows after the other, so that each pair finds most of its keys in the
// second-level cache, where the pair before left them. Windows never move back as their query moves on: a pair's rows
// of keys, the union of both windows, begin at the first row's window and end at the second row's.
template <class T, class F>
inline void for_each_block(const Problem& p, const Tile& t, const Sizes<T>& sizes, const BlockBuffers<T>& buffers,
                           F f) {
    const Axis *az = &p.axis[0], *ay = &p.axis[1], *ax = &p.axis[2];
    for (int64_t v = 0; v < sizes.extra_vectors; ++v) buffers.extra_offsets[v] = v * kLanes<T>;
    Block b;
    b.pair.start = buffers.start;
    b.pair.keys = buffers.keys;
    for (b.z = t.query[0]; b.z < t.query_end[0]; ++b.z) {
        b.first_key[0] = window_start(*az, t.length[0], b.z);
        b.pair.plane = b.first_key[0] - t.key[0];
        b.pair.planes = window_end(*az, t.length[0], b.z) - b.first_key[0];
        for (b.y = t.query[1]; b.y < t.query_end[1]; b.y += 2) {
            b.pair.count = smaller(2, t.query_end[1] - b.y);
            b.first_key[1] = window_start(*ay, t.length[1], b.y);
            b.pair.row = b.first_key[1] - t.key[1];
            for (int r = 0; r < 2; ++r) {
                const int64_t y = b.y + (r < b.pair.count ? r : 0);
                b.pair.first[r] = window_start(*ay, t.length[1], y) - b.first_key[1];
                b.pair.last[r] = window_end(*ay, t.length[1], y) - b.first_key[1];
            }
            b.pair.rows = b.pair.last[1];
            int64_t* offset = buffers.offsets;
            for (int64_t z = 0; z < b.pair.planes; ++z)
                for (int64_t y = 0; y < b.pair.rows; ++y)
                    for (int64_t v = 0; v < sizes.row_vectors; ++v)
                        // The key row, for now: rows of keys and of values differ in size, see row_offsets.
                        *offset++ = (b.pair.plane + z) * t.keys[1] + b.pair.row + y;
            for (b.x = t.query[2]; b.x < t.query_end[2]; b.x += sizes.block) {
                b.pair.width = smaller(sizes.block, t.query_end[2] - b.x);
                for (int64_t i = 0; i < b.pair.width; ++i) {
                    const int64_t start = window_start(*ax, t.length[2], b.x + i);
                    buffers.start[i] = start - t.key[2];
                    buffers.keys[i] = window_end(*ax, t.length[2], b.x + i) - start;
                }
                f(static_cast<const Block&>(b));
            }
        }
    }
}

template <class T>
NBV_INLINE int64_t block_vectors(const Block& b, const Sizes<T>& sizes) {
    return b.pair.planes * b.pair.rows * sizes.row_vectors;
}

// Turns key rows into offsets within transposed rows of `row_size` elements.
template <class T>
NBV_INLINE void row_offsets(const int64_t* key_rows, int64_t count, const Sizes<T>& sizes, int64_t row_size,
                            int64_t* to) {
    for (int64_t i = 0; i < count; i += sizes.row_vectors)
        for (int64_t v = 0; v < sizes.row_vectors; ++v) to[i + v] = key_rows[i] * row_size + v * kLanes<T>;
}

NBV_INLINE int64_t token_axis(const Problem& p, const Tile& t, int axis, int64_t position) {
    return position * p.axis[axis].dilation + t.group[axis];
}

// The first query of row r of a block.
template <class T, class S>
NBV_INLINE S* query_row(const Problem& p, const Tile& t, const Block& b, const View& view, int64_t head, int r) {
    return const_cast<S*>(element<T, S>(view, t.batch, token_axis(p, t, 0, b.z), token_axis(p, t, 1, b.y + r),
                                        token_axis(p, t, 2, b.x), head));
}

// The same of the log-sum-exp; the next query of the row is lse_stride further.
NBV_INLINE int64_t lse_row(const Problem& p, const Tile& t, const Block& b, int64_t head, int r) {
    return offset_of(p.sums, t.batch, token_axis(p, t, 0, b.z), token_axis(p, t, 1, b.y + r), token_axis(p, t, 2, b.x),
                     head);
}

NBV_INLINE int64_t lse_stride(const Problem& p) { return p.axis[2].dilation * p.sums.axis[2]; }

// Asks, query by query while a block is worked on, for the lines that its results will be written to, and for the
// queries of the block after it. All at once they would wait for each other.
template <class S>
struct Ahead {
    const S* next[2];
    const S* out[2];
    int64_t next_stride, out_stride, next_width, next_dim, out_dim;

    NBV_INLINE void step(int r, int64_t x) const {
        if (next[r] != nullptr && x < next_width) prefetch_tokens<0>(next[r] + x * next_stride, 0, 1, next_dim);
        if (out[r] != nullptr) prefetch_tokens<1>(out[r] + x * out_stride, 0, 1, out_dim);
    }
};

// The block after this one is to the right of it, or begins the next pair of rows; at the end of a plane none is asked
// for.
template <class T, class S>
NBV_INLINE Ahead<S> look_ahead(const Problem& p, const Tile& t, const Block& b, int64_t head, const View& queries,
                               int64_t dim, const View& results, int64_t result_dim) {
    Block next = b;
    next.x = b.x + b.pair.width;
    if (next.x >= t.query_end[2]) {
        next.x = t.query[2];
        next.y = b.y + 2;
    }
    Ahead<S> ahead;
    for (int r = 0; r < 2; ++r) {
        ahead.next[r] = next.y + r < t.query_end[1] ? query_row<T, S>(p, t, next, queries, head, r) : nullptr;
        ahead.out[r] = r < b.pair.count ? query_row<T, S>(p, t, b, results, head, r) : nullptr;
    }
    ahead.next_stride = queries.axis[2] * p.axis[2].dilation;
    ahead.out_stride = results.axis[2] * p.axis[2].dilation;
    ahead.next_width = t.query_end[2] - next.x;
    ahead.next_dim = dim;
    ahead.out_dim = result_dim;
    return ahead;
}

// Queries as dense rows of the compute type: each value is broadcast as often as there are key vectors.
template <class T, class S>
inline void load_queries(const Problem& p, const Tile& t, const Block& b, const View& view, int64_t head, int64_t dim,
                         T* to, int64_t row, int64_t padded) {
    const int64_t stride = view.axis[2] * p.axis[2].dilation;
    for (int r = 0; r < b.pair.count; ++r) {
        const S* from = query_row<T, S>(p, t, b, view, head, r);
        for (int64_t x = 0; x < b.pair.width; ++x) load_token(from + x * stride, dim, to + r * row + x * padded);
    }
}

// Rows of results, times a factor each, to the tensor.
template <class T, class S>
inline void store_queries(const Problem& p, const Tile& t, const Block& b, const View& view, int64_t head, int64_t dim,
                          T* from, int64_t row, int64_t padded, const T* factors, int64_t factor_row) {
    const int64_t stride = view.axis[2] * p.axis[2].dilation;
    for (int r = 0; r < b.pair.count; ++r) {
        S* to = query_row<T, S>(p, t, b, view, head, r);
        for (int64_t x = 0; x < b.pair.width; ++x)
            store_scaled(from + r * row + x * padded, dim, factors[r * factor_row + x], to + x * stride);
    }
}

// Scores of a block against the tile's keys and the additional tokens.
template <class T>
inline void score_block(const Problem& p, const Block& b, const Sizes<T>& sizes, const BlockBuffers<T>& buffers,
                        const T* queries, int64_t padded, int64_t dim, const T* keys, const T* extra_keys,
                        int64_t* offsets, T* scores) {
    const int64_t vectors = block_vectors(b, sizes), width = sizes.score_vectors * kLanes<T>;
    row_offsets(buffers.offsets, vectors, sizes, dim * sizes.columns, offsets);
    Score<T> s{queries, sizes.block * padded, padded, keys, offsets, b.pair.start, sizes.columns, b.pair.width,
               scores,  sizes.block * width,  width};
    score(s, b.pair.count, vectors, dim);
    if (p.extra == 0) return;
    s.keys = extra_keys;
    s.offsets = buffers.extra_offsets;
    s.start = nullptr;
    s.columns = sizes.extra_vectors * kLanes<T>;
    s.scores = scores + vectors * kLanes<T>;
    score(s, b.pair.count, sizes.extra_vectors, dim);
}

// The window of row r of a block; its queries differ in masks and bias.
template <class T>
NBV_INLINE Window<T> block_window(const Problem& p, const Block& b, const Sizes<T>& sizes, int r,
                                  const Mask<T>* masks) {
    Window<T> w;
    w.pair = &b.pair;
    w.first = b.pair.first[r];
    w.last = b.pair.last[r];
    w.row_vectors = sizes.row_vectors;
    w.extra_vectors = sizes.extra_vectors;
    w.extra = p.extra;
    w.extra_begin = block_vectors(b, sizes) * kLanes<T>;
    w.masks = masks;
    w.bias = nullptr;
    w.bias_row = p.bias_width;
    w.bias_plane = (2 * p.axis[1].kernel - 1) * p.bias_width;
    return w;
}

// Where, in a head's table, the bias of the window's first key stands, but for the column.
NBV_INLINE int64_t bias_row(const Problem& p, const Block& b, int r) {
    const int64_t z = b.first_key[0] - b.z + p.axis[0].kernel - 1;
    const int64_t y = b.first_key[1] + b.pair.first[r] - b.y - r + p.axis[1].kernel - 1;
    return (z * (2 * p.axis[1].kernel - 1) + y) * p.bias_width;
}

// The table's index is key - query + kernel - 1 per axis: neighboring keys have neighboring entries, so that a row of
// the window is a run of the table, loaded as vectors.
NBV_INLINE int64_t bias_column(const Problem& p, const Tile& t, const Block& b, int64_t x) {
    return t.key[2] + b.pair.start[x] - b.x - x + p.axis[2].kernel - 1;
}

// Which lanes hold keys; alike for all queries of a row unless the axis is causal.
template <class T>
NBV_INLINE void set_masks(int64_t keys, int64_t row_vectors, Mask<T>* masks) {
    for (int64_t v = 0; v < row_vectors; ++v) masks[v] = first_lanes<T>(keys - v * kLanes<T>);
}

}  // namespace
}  // namespace nbv
