// Backward pass of one tile. With P the weights, and delta = dO . out - d lse of every query:
//   dS = P (dO v^T - delta), dq = scale dS k, dk = scale dS^T q, dv = P^T dO, d bias = dS summed where it was added.
// Scores and P are computed again: to keep them would take prod(kernel) numbers per query and head.
// Gradients of queries are written; those of keys, values and bias, to which other tiles add, go to slots of this task
// alone, or of its bundle. Atomic additions would need no slots, but come in another order in every run, and floats
// then differ in their last bits; reduce.h adds up the slots in the order of the tasks. A task has all query heads of
// one key head, which add to the same keys and so share a slot.
#pragma once

#include "blocks.h"

namespace nbv {
namespace {

template <class T>
struct BackwardScratch {
    BlockBuffers<T> block;
    int64_t* offsets;
    T *keys, *keys_transposed, *values_transposed, *extra_keys, *extra_keys_transposed, *extra_values_transposed;
    T *queries, *grads, *scores, *weight_grads, *grad_queries, *factors;
    Mask<T>* masks;

    BackwardScratch(Arena<T>& arena, const Problem& p, const Sizes<T>& s)
        : block(arena, s),
          offsets(arena.take_indices(s.score_vectors)),
          keys(arena.take(s.keys * s.dim)),
          keys_transposed(arena.take(s.key_rows * p.dim * s.columns)),
          values_transposed(arena.take(s.key_rows * p.dim_v * s.columns)),
          extra_keys(arena.take(p.extra * s.dim)),
          extra_keys_transposed(arena.take(p.dim * s.extra_vectors * kLanes<T>)),
          extra_values_transposed(arena.take(p.dim_v * s.extra_vectors * kLanes<T>)),
          queries(arena.take(2 * s.block * s.dim)),
          grads(arena.take(2 * s.block * s.dim_v)),
          scores(arena.take(2 * s.block * s.score_vectors * kLanes<T>)),
          weight_grads(arena.take(2 * s.block * s.score_vectors * kLanes<T>)),
          grad_queries(arena.take(2 * s.block * s.dim)),
          factors(arena.take(2 * s.block)),
          masks(reinterpret_cast<Mask<T>*>(arena.take(s.row_vectors * kLanes<T>))) {}
};

// One query head: the two products of scores, the softmax, and the three sums over or into the keys.
template <class T, class S>
inline void backward_head(const Problem& p, const Tile& t, const Sizes<T>& sizes, BackwardScratch<T>& scratch,
                          int64_t head, const Rows<T>& grad_keys, const Rows<T>& grad_values, T* grad_bias) {
    const T* bias = p.bias ? static_cast<const T*>(p.bias) + head * bias_table_size(p) : nullptr;
    const T scale = static_cast<T>(p.scale * kLog2E);
    const int64_t score_width = sizes.score_vectors * kLanes<T>;
    const bool logits = wants_logits(p);
    const int64_t query_row_size = sizes.block * sizes.dim, grad_row = sizes.block * sizes.dim_v;
    for_each_block<T>(p, t, sizes, scratch.block, [&](const Block& b) {
        load_queries<T, S>(p, t, b, p.query, head, p.dim, scratch.queries, query_row_size, sizes.dim);
        load_queries<T, S>(p, t, b, p.grad_out, head, p.dim_v, scratch.grads, grad_row, sizes.dim_v);
        const Ahead<S> ahead = look_ahead<T, S>(p, t, b, head, p.query, p.dim, p.grad_query, p.dim);
        const Ahead<S> grads_ahead = look_ahead<T, S>(p, t, b, head, p.grad_out, p.dim_v, p.grad_query, 0);
        score_block(p, b, sizes, scratch.block, scratch.queries, sizes.dim, p.dim, scratch.keys_transposed,
                    scratch.extra_keys_transposed, scratch.offsets, scratch.scores);
        if (logits)
            score_block(p, b, sizes, scratch.block, scratch.grads, sizes.dim_v, p.dim_v, scratch.values_transposed,
                        scratch.extra_values_transposed, scratch.offsets, scratch.weight_grads);
        for (int r = 0; r < b.pair.count; ++r) {
            Window<T> w = block_window<T>(p, b, sizes, r, scratch.masks);
            const int64_t first = r * sizes.block, first_lse = lse_row(p, t, b, head, r);
            for (int64_t x = 0; x < b.pair.width; ++x) {
                ahead.step(r, x);
                grads_ahead.step(r, x);
                if (x == 0 || p.axis[2].causal) set_masks<T>(b.pair.keys[x], sizes.row_vectors, scratch.masks);
                const int64_t offset = bias ? bias_row(p, b, r) + bias_column(p, t, b, x) : 0;
                if (bias) w.bias = bias + offset;
                const int64_t at = first_lse + x * lse_stride(p);
                softmax_backward<T>(w, scratch.scores + (first + x) * score_width,
                                    logits ? scratch.weight_grads + (first + x) * score_width : nullptr, scale,
                                    static_cast<const T*>(p.lse)[at], static_cast<const T*>(p.delta)[at],
                                    grad_bias ? grad_bias + offset : nullptr);
            }
        }
        Weights<T> weights{scratch.weight_grads,
                           sizes.block * score_width,
                           score_width,
                           sizes.row_vectors,
                           p.extra,
                           block_vectors(b, sizes) * kLanes<T>};
        const Rows<T> keys{scratch.keys, scratch.extra_keys, sizes.dim, t.keys[1], t.keys[2]};
        if (p.wants_key) scatter<T>(b.pair, weights, scratch.queries, query_row_size, grad_keys);
        if (p.wants_query) gather<T>(b.pair, weights, keys, scratch.grad_queries, query_row_size);
        weights.data = scratch.scores;
        if (p.wants_value) scatter<T>(b.pair, weights, scratch.grads, grad_row, grad_values);
        if (p.wants_query)
            store_queries<T, S>(p, t, b, p.grad_query, head, p.dim, scratch.grad_queries, query_row_size, sizes.dim,
                                scratch.factors, sizes.block);
    });
}

// Zeros to begin with.
template <class T>
inline T* make_slot(void* partial, int64_t number, int64_t size) {
    T* slot = static_cast<T*>(partial) + number * size;
    for (int64_t i = 0; i < size; ++i) slot[i] = 0;
    return slot;
}

// Where the tiles of a bundle add up what they share.
template <class T>
struct SharedSums {
    T *extra_keys, *extra_values, *bias;
};

template <class T, class S>
inline void backward_tile(const Problem& p, int64_t task, const SharedSums<T>& sums, char* memory) {
    const Tile t = make_tile(p, task, true);
    if (t.empty) return;  // no row of keys is in its slots, see sum_row
    const Sizes<T> sizes(p);
    const int64_t group_heads = p.heads / p.heads_kv, table = bias_table_size(p);
    const Rows<T> grad_keys{make_slot<T>(p.partial_key, task, p.wants_key ? sizes.keys * sizes.dim : 0),
                            sums.extra_keys, sizes.dim, t.keys[1], t.keys[2]};
    const Rows<T> grad_values{make_slot<T>(p.partial_value, task, p.wants_value ? sizes.keys * sizes.dim_v : 0),
                              sums.extra_values, sizes.dim_v, t.keys[1], t.keys[2]};
    Arena<T> arena(memory);
    BackwardScratch<T> scratch(arena, p, sizes);
    T* const none = nullptr;
    pack_keys<T, S>(p, t, p.key, t.head, p.dim, scratch.keys_transposed, sizes.columns, scratch.keys, sizes.dim);
    pack_keys<T, S>(p, t, p.value, t.head, p.dim_v, scratch.values_transposed, sizes.columns, none, 0);
    if (p.extra > 0) {
        const int64_t columns = sizes.extra_vectors * kLanes<T>;
        pack_extra<T, S>(p, t, p.extra_key, t.head, p.dim, scratch.extra_keys_transposed, columns, scratch.extra_keys,
                         sizes.dim);
        pack_extra<T, S>(p, t, p.extra_value, t.head, p.dim_v, scratch.extra_values_transposed, columns, none, 0);
    }
    // Queries are packed without the scale, so that dk gets it where slots are summed, and dq where it is stored.
    for (int64_t i = 0; i < 2 * sizes.block; ++i) scratch.factors[i] = static_cast<T>(p.scale);
    for (int64_t r = 0; r < group_heads; ++r)
        backward_head<T, S>(p, t, sizes, scratch, t.head * group_heads + r, grad_keys, grad_values,
                            sums.bias ? sums.bias + r * table : nullptr);
}

// Heads change fastest, as among tasks.
template <class T, class S>
inline void backward_bundle(const Problem& p, int64_t bundle, char* memory) {
    const Sizes<T> sizes(p);
    const int64_t bundles = head_bundles(p), tiles = num_tiles(p);
    const int64_t head = bundle % p.heads_kv, first = bundle / p.heads_kv % bundles * p.bundle;
    const int64_t batch = bundle / p.heads_kv / bundles, last = smaller(first + p.bundle, tiles);
    const int64_t bias_size = p.heads / p.heads_kv * bias_table_size(p);
    const SharedSums<T> sums{make_slot<T>(p.partial_extra_key, bundle, p.wants_key ? p.extra * sizes.dim : 0),
                             make_slot<T>(p.partial_extra_value, bundle, p.wants_value ? p.extra * sizes.dim_v : 0),
                             p.bias && p.wants_bias ? make_slot<T>(p.partial_bias, bundle, bias_size) : nullptr};
    for (int64_t tile = first; tile < last; ++tile)
        backward_tile<T, S>(p, backward_task(p, batch, head, tile, tiles), sums, memory);
}

}  // namespace
}  // namespace nbv
