// Match attention of a row of queries: distances, BilinearSoftmax and the weighted sum, one query and head at a time.
// Unlike in neighborhood attention nothing is packed or shared: where a window lies is in the data, so that neighboring
// queries need not have a key in common. Pixels are read where they are.
#pragma once

#include "softmax.h"

namespace nbv {
namespace {

// Weights of one query: L1 distances to the window's keys, and their softmax.
template <int kVectors, class T>
NBV_INLINE void weigh(const MatchProblem& p, const Slots<T>& slots, const Place<T>& place, const T* query,
                      const T* keys, MatchWeights<T>& weights) {
    reduce_channels<kVectors>(query, keys, slots.key, slots.vectors, p.dim, weights.logits,
                              [](Vec<T> q, Vec<T> k) { return absolute<T>(q - k); });
    bilinear_softmax(slots, place, static_cast<T>(p.scale), weights);
}

// Slots come in fours; as many sums go on at once as hide the latency of an addition.
template <int kVectors, class T>
NBV_INLINE void aggregate(const Slots<T>& slots, const T* attn, const T* values, int64_t dim, T* out) {
    if constexpr (kVectors > 0) {
        constexpr int kChains = kVectors == 1 ? 4 : kVectors == 2 ? 2 : 1;
        Vec<T> sums[kChains][kVectors] = {};
        for (int64_t m = 0; m < slots.count; m += kChains)
#pragma GCC unroll 4
            for (int c = 0; c < kChains; ++c)
#pragma GCC unroll 4
                for (int i = 0; i < kVectors; ++i)
                    sums[c][i] += load(values + slots.value[m + c] + i * kLanes<T>) * attn[m + c];
#pragma GCC unroll 4
        for (int i = 0; i < kVectors; ++i) {
            for (int c = 1; c < kChains; ++c) sums[0][i] += sums[c][i];
            store(out + i * kLanes<T>, sums[0][i]);
        }
    } else {
        for_each_part<0, T>(dim, [&](int64_t d, int64_t n) {
            Vec<T> even{}, odd{};
            for (int64_t m = 0; m < slots.count; m += 2) {
                even += load_some(values + slots.value[m] + d, n) * attn[m];
                odd += load_some(values + slots.value[m + 1] + d, n) * attn[m + 1];
            }
            if (n == kLanes<T>)
                store(out + d, even + odd);
            else
                store_part(out + d, even + odd, n);
        });
    }
}

// Heads innermost: those of a pixel lie side by side in memory.
template <int kVectors, class T>
void forward_row(const MatchProblem& p, int64_t row) {
    const Slots<T> slots(p);
    MatchWeights<T> weights;
    const int64_t batch = row / p.height, y = row % p.height;
    for (int64_t x = 0; x < p.width; ++x) {
        for (int64_t head = 0; head < p.heads; ++head) {
            const int64_t index = (row * p.width + x) * p.heads + head;
            const Place<T> place(p, token<T>(p.offset, batch, y, x, head));
            weigh<kVectors>(p, slots, place, token<T>(p.query, batch, y, x, head), place.in(p.key, batch, head),
                            weights);
            aggregate<kVectors>(slots, weights.attn, place.in(p.value, batch, head), p.dim,
                                static_cast<T*>(p.out) + index * p.dim);
            if (p.attn)
                __builtin_memcpy(static_cast<T*>(p.attn) + index * slots.count, weights.attn, slots.count * sizeof(T));
        }
    }
}

}  // namespace
}  // namespace nbv
