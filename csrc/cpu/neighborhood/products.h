// The three products all of attention is made of, on packed data; queries are taken in pairs of neighboring rows, so
// that what is loaded of a key serves two.
//   score:   keys in the lanes, one broadcast value of the query at a time     (q k^T, and dO v^T)
//   gather:  channels in the lanes, one broadcast weight at a time             (P v, and dS k)
//   scatter: channels in the lanes, added to the keys' rows in memory          (P^T dO, and dS^T q)
// Why pairs: for a single query, every multiply-add would need a load of its own, and processors start no more loads
// than multiply-adds, fewer where loads cross cache lines. Windows of neighboring rows have kernel - 1 of kernel + 1
// rows of keys in common, so that a second query almost halves the loads. A third and fourth would save less, and
// compute more scores of rows that are outside of their windows.
#pragma once

#include "tile.h"

namespace nbv {
namespace {

// The queries of a block and their windows, relative to the tile's keys. Query r of x has rows [first[r], last[r]) of
// the pair's `rows` key rows, in each of `planes` planes.
struct Pair {
    int64_t count;         // 1 or 2 query rows
    int64_t width;         // queries in a row
    const int64_t* start;  // [width] first key column
    const int64_t* keys;   // [width] number of key columns
    int64_t planes, rows;
    int64_t plane, row;  // first key plane and key row, within the tile
    int64_t first[2], last[2];
};

// Key vector v of query x is loaded, for channel d, from keys + offsets[v] + start[x] + d * columns. These loads are
// unaligned, at the query's own column: shifted windows at the edges, strides and causal windows are other columns, and
// need no code of their own.
template <class T>
struct Score {
    const T* query;  // [2, block, dim]
    int64_t query_row, query_dim;
    const T* keys;           // transposed
    const int64_t* offsets;  // of every key vector, without the query's column
    const int64_t* start;    // column of each query, or null
    int64_t columns, width;
    T* scores;  // [2, block, score_vectors * lanes]
    int64_t score_row, score_query;
};

// R queries, one below the other, times M vectors of keys, over a chunk of the channels: the R * M sums stay in
// registers, and wait in `scores` from one chunk to the next.
template <class T, int R, int M>
inline void score_vectors(const Score<T>& s, int64_t vector, int64_t first_dim, int64_t last_dim) {
    constexpr int lanes = kLanes<T>;
    for (int64_t x = 0; x < s.width; ++x) {
        const T* query[R];
        const T* keys[M];
        Vec<T> sum[R][M];
        T* scores = s.scores + x * s.score_query + vector * lanes;
        for (int r = 0; r < R; ++r) query[r] = s.query + r * s.query_row + x * s.query_dim;
        for (int m = 0; m < M; ++m) keys[m] = s.keys + s.offsets[vector + m] + (s.start ? s.start[x] : 0);
        for (int r = 0; r < R; ++r)
            for (int m = 0; m < M; ++m)
                sum[r][m] = first_dim == 0 ? Vec<T>{} : load(scores + r * s.score_row + m * lanes);
        for (int64_t d = first_dim; d < last_dim; ++d) {
            Vec<T> q[R];
            for (int r = 0; r < R; ++r) q[r] = broadcast(query[r][d]);
            for (int m = 0; m < M; ++m) {
                const Vec<T> k = R > 1 ? load_once(keys[m] + d * s.columns) : load(keys[m] + d * s.columns);
                for (int r = 0; r < R; ++r) sum[r][m] += q[r] * k;
            }
        }
        for (int r = 0; r < R; ++r)
            for (int m = 0; m < M; ++m) store(scores + r * s.score_row + m * lanes, sum[r][m]);
    }
}

template <class T, int R>
inline void score_chunk(const Score<T>& s, int64_t vector, int64_t count, int64_t first_dim, int64_t last_dim) {
    switch (count) {
        case 1:
            return score_vectors<T, R, 1>(s, vector, first_dim, last_dim);
        case 2:
            return score_vectors<T, R, 2>(s, vector, first_dim, last_dim);
        case 3:
            return score_vectors<T, R, 3>(s, vector, first_dim, last_dim);
        case 4:
            return score_vectors<T, R, 4>(s, vector, first_dim, last_dim);
        case 5:
            return score_vectors<T, R, 5>(s, vector, first_dim, last_dim);
        case 6:
            return score_vectors<T, R, 6>(s, vector, first_dim, last_dim);
        case 7:
            return score_vectors<T, R, 7>(s, vector, first_dim, last_dim);
        default:
            return score_vectors<T, R, 8>(s, vector, first_dim, last_dim);
    }
}

// All key vectors, a few at a time as registers allow, and dims in chunks whose keys stay in the first-level cache.
// Of AVX2's 16 registers 2 * 6 hold sums, 2 the queries' values and 1 the keys; AVX-512 and NEON have 32 registers. A
// chunk of 32 dims of 6 vectors, for 16 queries of a 7 wide window, is 6 rows * 32 dims * 2 or 3 lines, about 30 KB.
template <class T>
inline void score(const Score<T>& s, int64_t pair_count, int64_t vectors, int64_t dim) {
#if defined(__AVX512VL__) || defined(__aarch64__)
    const int64_t most = 8;
#else
    const int64_t most = pair_count == 2 ? 6 : 8;
#endif
    constexpr int64_t dims = 32;
    const int64_t chunks = (vectors + most - 1) / most;
    for (int64_t c = 0; c < chunks; ++c) {
        const int64_t begin = vectors * c / chunks, count = vectors * (c + 1) / chunks - begin;
        for (int64_t d = 0; d < dim; d += dims) {
            // A rest of less than half a chunk is joined to the last one.
            const int64_t end = dim - d < dims + dims / 2 ? dim : d + dims;
            if (pair_count == 2)
                score_chunk<T, 2>(s, begin, count, d, end);
            else
                score_chunk<T, 1>(s, begin, count, d, end);
            if (end == dim) break;
        }
    }
}

// The scores after the softmax. A row of keys has row_vectors whole vectors, of which the lanes past the window's last
// key are not read.
template <class T>
struct Weights {
    T* data;              // [2, block, score_vectors * lanes]
    int64_t row, query;   // strides of query row and query
    int64_t row_vectors;  // lanes of a key row: row_vectors * lanes
    int64_t extra, extra_begin;
};

// Packed tokens, all channels of one side by side: values or keys to read, or gradients to add to.
template <class T>
struct Rows {
    T* data;   // [keys of the tile, dim padded]
    T* extra;  // [additional tokens, dim padded]
    int64_t dim;
    int64_t tile_rows, tile_columns;
};

// A number that templates can be chosen by.
template <int N>
struct Number {
    static constexpr int value = N;
};

// Calls f(number of queries, the first of them, weights of both, row of the keys, number of keys) for every row of keys
// that query x of the pair sees, with both queries at once where both see it.
template <class T, class F>
NBV_INLINE void for_each_row(const Pair& pair, const Weights<T>& w, const Rows<T>& rows, int64_t x, F f) {
    const int64_t width = w.row_vectors * kLanes<T>;
    const T* weights[2] = {w.data + x * w.query, w.data + x * w.query + w.row};
    for (int64_t z = 0; z < pair.planes; ++z) {
        const int64_t plane = (pair.plane + z) * rows.tile_rows + pair.row;
        for (int64_t y = 0; y < pair.rows; ++y) {
            T* row = rows.data + ((plane + y) * rows.tile_columns + pair.start[x]) * rows.dim;
            const int64_t offset = (z * pair.rows + y) * width;
            const T* const at[2] = {weights[0] + offset, weights[1] + offset};
            const bool one = y >= pair.first[0] && y < pair.last[0];
            const bool two = pair.count == 2 && y >= pair.first[1] && y < pair.last[1];
            if (one && two)
                f(Number<2>(), 0, at, row, pair.keys[x]);
            else if (one)
                f(Number<1>(), 0, at, row, pair.keys[x]);
            else if (two)
                f(Number<1>(), 1, at, row, pair.keys[x]);
        }
    }
    if (w.extra == 0) return;
    const T* const at[2] = {weights[0] + w.extra_begin, weights[1] + w.extra_begin};
    if (pair.count == 2)
        f(Number<2>(), 0, at, rows.extra, w.extra);
    else
        f(Number<1>(), 0, at, rows.extra, w.extra);
}

// Calls f(number of vectors, first channel) until all of `dim` padded channels are done, four vectors at a time.
template <class T, class F>
NBV_INLINE void for_each_channels(int64_t dim, F f) {
    constexpr int64_t lanes = kLanes<T>;
    int64_t channel = 0;
    for (; channel + 4 * lanes <= dim; channel += 4 * lanes) f(Number<4>(), channel);
    switch ((dim - channel) / lanes) {
        case 3:
            return f(Number<3>(), channel);
        case 2:
            return f(Number<2>(), channel);
        case 1:
            return f(Number<1>(), channel);
    }
}

// sum[r][u] += weight * row of every U-th key: U sums that do not wait for each other, added up by the caller.
template <class T, int R, int D, int U>
NBV_INLINE void gather_row(Vec<T> (&sum)[2][U][D], int only, const T* const* weights, const T* rows, int64_t dim,
                           int64_t count) {
    int64_t c = 0;
    for (; c + U <= count; c += U) {
        for (int u = 0; u < U; ++u) {
            if (R == 2) {
                const Vec<T> w0 = broadcast(weights[0][c + u]), w1 = broadcast(weights[1][c + u]);
                for (int d = 0; d < D; ++d) {
                    const Vec<T> v = load_once(rows + (c + u) * dim + d * kLanes<T>);
                    sum[0][u][d] += w0 * v;
                    sum[1][u][d] += w1 * v;
                }
            } else {
                const Vec<T> w = broadcast(weights[only][c + u]);
                for (int d = 0; d < D; ++d) sum[only][u][d] += w * load(rows + (c + u) * dim + d * kLanes<T>);
            }
        }
    }
    for (; c < count; ++c) {
        for (int r = R == 2 ? 0 : only; r < (R == 2 ? 2 : only + 1); ++r) {
            const Vec<T> w = broadcast(weights[r][c]);
            for (int d = 0; d < D; ++d) sum[r][0][d] += w * load(rows + c * dim + d * kLanes<T>);
        }
    }
}

// D vectors of channels from `channel` on: out[r][x] = sum of weight * row over the window.
template <class T, int D>
inline void gather_channels(const Pair& pair, const Weights<T>& w, const Rows<T>& rows, int64_t channel, T* out,
                            int64_t out_row) {
    // A multiply-add takes about four cycles and two start in each: two queries times D * U keep 6 to 8 sums going.
    constexpr int U = D >= 3 ? 1 : D == 2 ? 2 : 4;
    for (int64_t x = 0; x < pair.width; ++x) {
        Vec<T> sum[2][U][D] = {};
        for_each_row(pair, w, rows, x, [&](auto queries, int only, const T* const* at, const T* row, int64_t count) {
            gather_row<T, queries.value, D, U>(sum, only, at, row + channel, rows.dim, count);
        });
        for (int r = 0; r < pair.count; ++r) {
            for (int d = 0; d < D; ++d) {
                Vec<T> total = sum[r][0][d];
                for (int u = 1; u < U; ++u) total += sum[r][u][d];
                store(out + r * out_row + x * rows.dim + channel + d * kLanes<T>, total);
            }
        }
    }
}

template <class T>
inline void gather(const Pair& pair, const Weights<T>& w, const Rows<T>& rows, T* out, int64_t out_row) {
    for_each_channels<T>(rows.dim, [&](auto vectors, int64_t channel) {
        gather_channels<T, vectors.value>(pair, w, rows, channel, out, out_row);
    });
}

// Both queries in one pass: one load and one store of a key's gradient serve two products.
template <class T, int R, int D>
NBV_INLINE void scatter_row(const Vec<T> (&value)[2][D], int only, const T* const* weights, T* rows, int64_t dim,
                            int64_t count) {
    for (int64_t c = 0; c < count; ++c) {
        if (R == 2) {
            const Vec<T> w0 = broadcast(weights[0][c]), w1 = broadcast(weights[1][c]);
            for (int d = 0; d < D; ++d) {
                T* to = rows + c * dim + d * kLanes<T>;
                store(to, load(to) + w0 * value[0][d] + w1 * value[1][d]);
            }
        } else {
            const Vec<T> w = broadcast(weights[only][c]);
            for (int d = 0; d < D; ++d) {
                T* to = rows + c * dim + d * kLanes<T>;
                store(to, load(to) + w * value[only][d]);
            }
        }
    }
}

// D vectors of channels from `channel` on: every row of the window += weight * values[r][x].
template <class T, int D>
inline void scatter_channels(const Pair& pair, const Weights<T>& w, const T* values, int64_t value_row, int64_t channel,
                             const Rows<T>& rows) {
    for (int64_t x = 0; x < pair.width; ++x) {
        Vec<T> value[2][D] = {};
        for (int r = 0; r < pair.count; ++r)
            for (int d = 0; d < D; ++d)
                value[r][d] = load(values + r * value_row + x * rows.dim + channel + d * kLanes<T>);
        for_each_row(pair, w, rows, x, [&](auto queries, int only, const T* const* at, T* row, int64_t count) {
            scatter_row<T, queries.value, D>(value, only, at, row + channel, rows.dim, count);
        });
    }
}

template <class T>
inline void scatter(const Pair& pair, const Weights<T>& w, const T* values, int64_t value_row, const Rows<T>& rows) {
    for_each_channels<T>(rows.dim, [&](auto vectors, int64_t channel) {
        scatter_channels<T, vectors.value>(pair, w, values, value_row, channel, rows);
    });
}

}  // namespace
}  // namespace nbv
