// Forward pass of one tile: out = softmax(scale q k^T + bias) v, and the log-sum-exp, scores never leaving the cache.
#pragma once

#include "blocks.h"

namespace nbv {
namespace {

template <class T>
struct ForwardScratch {
    BlockBuffers<T> block;
    int64_t* offsets;
    T *keys, *values, *extra_keys, *extra_values, *queries, *scores, *out, *factors, *maxima;
    Mask<T>* masks;

    ForwardScratch(Arena<T>& arena, const Problem& p, const Sizes<T>& s)
        : block(arena, s),
          offsets(arena.take_indices(s.score_vectors)),
          keys(arena.take(s.key_rows * p.dim * s.columns)),
          values(arena.take(s.keys * s.dim_v)),
          extra_keys(arena.take(p.dim * s.extra_vectors * kLanes<T>)),
          extra_values(arena.take(p.extra * s.dim_v)),
          queries(arena.take(2 * s.block * s.dim)),
          scores(arena.take(2 * s.block * s.score_vectors * kLanes<T>)),
          out(arena.take(2 * s.block * s.dim_v)),
          factors(arena.take(2 * s.block + kLanes<T>)),
          maxima(arena.take(2 * s.block + kLanes<T>)),
          masks(reinterpret_cast<Mask<T>*>(arena.take(s.row_vectors * kLanes<T>))) {}
};

// Sums -> their reciprocals; log-sum-exps are written. That of a window which the bias masks as a whole, with -inf or
// the lowest finite number, is its mask.
template <class T>
NBV_INLINE void finish_softmax(T* sums, const T* maxima, int64_t count, T* lse, int64_t stride) {
    constexpr T lowest = sizeof(T) == sizeof(double) ? -__DBL_MAX__ : -__FLT_MAX__;
    for (int64_t x = 0; x < count; x += kLanes<T>) {
        const Vec<T> sum = load(sums + x);
        const Vec<T> result = load(maxima + x) * static_cast<T>(kLn2) + logarithm(sum);
        const int64_t used = smaller(kLanes<T>, count - x);
        for (int64_t i = 0; i < used; ++i) {
            const T max = maxima[x + i], found = max <= lowest ? max : result[i];
            sums[x + i] = 1 / sum[i];
            lse[(x + i) * stride] = sum[i] == sum[i] ? found : sum[i];
        }
    }
}

// Keys lie transposed and values as dense tokens, for all blocks of the tile. The softmax needs no running maximum: all
// scores of a window are there before its first power is taken.
template <class T, class S>
inline void forward_tile(const Problem& p, int64_t task, char* memory) {
    const Tile t = make_tile(p, task, false);
    if (t.empty) return;
    const Sizes<T> sizes(p);
    Arena<T> arena(memory);
    ForwardScratch<T> scratch(arena, p, sizes);
    const int64_t head_kv = t.head / (p.heads / p.heads_kv);
    T* const none = nullptr;
    pack_keys<T, S>(p, t, p.key, head_kv, p.dim, scratch.keys, sizes.columns, none, 0);
    pack_keys<T, S>(p, t, p.value, head_kv, p.dim_v, none, 0, scratch.values, sizes.dim_v);
    if (p.extra > 0) {
        const int64_t columns = sizes.extra_vectors * kLanes<T>;
        pack_extra<T, S>(p, t, p.extra_key, head_kv, p.dim, scratch.extra_keys, columns, none, 0);
        pack_extra<T, S>(p, t, p.extra_value, head_kv, p.dim_v, none, 0, scratch.extra_values, sizes.dim_v);
    }
    const T* bias = p.bias ? static_cast<const T*>(p.bias) + t.head * bias_table_size(p) : nullptr;
    const T scale = static_cast<T>(p.scale * kLog2E);
    const int64_t score_width = sizes.score_vectors * kLanes<T>;
    for_each_block<T>(p, t, sizes, scratch.block, [&](const Block& b) {
        load_queries<T, S>(p, t, b, p.query, t.head, p.dim, scratch.queries, sizes.block * sizes.dim, sizes.dim);
        score_block(p, b, sizes, scratch.block, scratch.queries, sizes.dim, p.dim, scratch.keys, scratch.extra_keys,
                    scratch.offsets, scratch.scores);
        const Ahead<S> ahead = look_ahead<T, S>(p, t, b, t.head, p.query, p.dim, p.out, p.dim_v);
        for (int r = 0; r < b.pair.count; ++r) {
            Window<T> w = block_window<T>(p, b, sizes, r, scratch.masks);
            T* scores = scratch.scores + r * sizes.block * score_width;
            T* lse = static_cast<T*>(p.lse) + lse_row(p, t, b, t.head, r);
            for (int64_t x = 0; x < b.pair.width; ++x) {
                ahead.step(r, x);
                if (x == 0 || p.axis[2].causal) set_masks<T>(b.pair.keys[x], sizes.row_vectors, scratch.masks);
                if (bias) w.bias = bias + bias_row(p, b, r) + bias_column(p, t, b, x);
                const Normalizer<T> n = softmax<T>(w, scores + x * score_width, scale);
                scratch.factors[r * sizes.block + x] = n.sum;
                scratch.maxima[r * sizes.block + x] = n.max;
            }
            finish_softmax(scratch.factors + r * sizes.block, scratch.maxima + r * sizes.block, b.pair.width, lse,
                           lse_stride(p));
        }
        const Weights<T> weights{scratch.scores, sizes.block * score_width,          score_width, sizes.row_vectors,
                                 p.extra,        block_vectors(b, sizes) * kLanes<T>};
        const Rows<T> rows{scratch.values, scratch.extra_values, sizes.dim_v, t.keys[1], t.keys[2]};
        gather<T>(b.pair, weights, rows, scratch.out, sizes.block * sizes.dim_v);
        store_queries<T, S>(p, t, b, p.out, t.head, p.dim_v, scratch.out, sizes.block * sizes.dim_v, sizes.dim_v,
                            scratch.factors, sizes.block);
    });
}

}  // namespace
}  // namespace nbv
