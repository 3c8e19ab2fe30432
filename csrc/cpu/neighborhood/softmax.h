// From scores to weights, one query at a time, over its rows of keys and the additional tokens.
#pragma once

#include "../common/log2.h"
#include "products.h"

namespace nbv {
namespace {

// What one query's scores look like in memory.
template <class T>
struct Window {
    const Pair* pair;
    int64_t first, last;  // key rows of this query
    int64_t row_vectors, extra_vectors, extra;
    int64_t extra_begin;   // in elements
    const Mask<T>* masks;  // [row_vectors] lanes that hold keys
    const T* bias;         // of the first key, or null
    int64_t bias_plane, bias_row;
};

// Calls f(offset of the scores, lanes in use, bias or null) for every vector of the window. `kShort`: the keys of a row
// fit into one vector, as they mostly do.
template <bool kShort, bool kBias, class T, class F>
NBV_INLINE void for_each_vector(const Window<T>& w, F f) {
    const int64_t planes = w.pair->planes, rows = w.pair->rows, vectors = kShort ? 1 : w.row_vectors;
    const int64_t width = vectors * kLanes<T>;
    const Mask<T> mask = w.masks[0];
    for (int64_t z = 0; z < planes; ++z) {
        int64_t at = (z * rows + w.first) * width;
        const T* bias = kBias ? w.bias + z * w.bias_plane : nullptr;
        for (int64_t y = w.first; y < w.last; ++y) {
            for (int64_t v = 0; v < vectors; ++v, at += kLanes<T>)
                f(at, kShort ? mask : w.masks[v], kBias ? bias + v * kLanes<T> : nullptr);
            if (kBias) bias += w.bias_row;
        }
    }
    for (int64_t v = 0; v < w.extra_vectors; ++v)
        f(w.extra_begin + v * kLanes<T>, first_lanes<T>(w.extra - v * kLanes<T>), static_cast<const T*>(nullptr));
}

template <class T>
struct Normalizer {
    T sum, max;
};

// Scores and bias are in units of ln 2 from here on, powers are of 2: `scale` holds the factor log2 e, as the bias
// does.

// scores -> exp(scale * scores + bias - max), not yet divided by their sum: the output is divided
// instead. Lanes without a key get -inf; exponential2 makes 2^-126 of it in float, which is lost in a sum
// of at least 1. Where the bias masks the whole window, the sum is infinite: its output is zero.
template <bool kShort, bool kBias, class T>
NBV_INLINE Normalizer<T> softmax_of(const Window<T>& w, T* scores, T scale) {
    const Vec<T> lowest = broadcast(-static_cast<T>(__builtin_inf()));
    Vec<T> best = lowest;
    for_each_vector<kShort, kBias>(w, [&](int64_t at, Mask<T> used, const T* bias) {
        Vec<T> s = load(scores + at) * scale;
        if (bias) s += load(bias);
        s = select<T>(used, s, lowest);
        store(scores + at, s);
        best = maximum<T>(best, s);
    });
    const T max = horizontal_max<T>(best), infinity = static_cast<T>(__builtin_inf());
    const bool empty = max == -infinity;
    const T top = empty ? 0 : max;
    Vec<T> total{};
    for_each_vector<kShort, kBias>(w, [&](int64_t at, Mask<T>, const T*) {
        const Vec<T> e = exponential2(load(scores + at) - top);
        store(scores + at, e);
        total += e;
    });
    const T sum = horizontal_sum<T>(total);
    return {empty && sum == sum ? infinity : sum, max};
}

template <class T>
NBV_INLINE Normalizer<T> softmax(const Window<T>& w, T* scores, T scale) {
    if (w.row_vectors == 1)
        return w.bias ? softmax_of<true, true>(w, scores, scale) : softmax_of<true, false>(w, scores, scale);
    return w.bias ? softmax_of<false, true>(w, scores, scale) : softmax_of<false, false>(w, scores, scale);
}

// Of a log-sum-exp, in units of ln 2: what lies beyond has too few bits behind the point for P to come from it. Masks
// of large numbers do that where they cover a whole window.
constexpr float kMostLse2 = 1024;

// scores -> P; weight_grads (dO v^T), where they are given -> dS = P (weight_grads - delta), also added to the bias'
// gradient. With the log-sum-exp of the forward pass P needs neither the largest score nor the sum again, but for
// extreme ones.
template <bool kShort, bool kBias, class T>
NBV_INLINE void softmax_backward_of(const Window<T>& w, T* scores, T* weight_grads, T scale, T lse, T delta,
                                    T* bias_grad) {
    const Vec<T> none{};
    const T lse2 = lse * static_cast<T>(kLog2E);
    const bool extreme = lse2 > kMostLse2 || lse2 < -kMostLse2;
    const T share = extreme ? 1 / softmax_of<kShort, kBias>(w, scores, scale).sum : 1;
    for_each_vector<kShort, kBias>(w, [&](int64_t at, Mask<T> used, const T* bias) {
        Vec<T> e = load(scores + at);
        if (extreme) {
            e *= share;
        } else {
            Vec<T> s = e * scale;
            if (bias) s += load(bias);
            e = exponential2(s - lse2);
        }
        const Vec<T> p = select<T>(used, e, none);
        store(scores + at, p);
        if (weight_grads == nullptr) return;
        const Vec<T> ds = select<T>(used, p * (load(weight_grads + at) - delta), none);
        store(weight_grads + at, ds);
        if (kBias && bias && bias_grad) {
            T* to = bias_grad + (bias - w.bias);
            store(to, load(to) + ds);
        }
    });
}

template <class T>
NBV_INLINE void softmax_backward(const Window<T>& w, T* scores, T* grads, T scale, T lse, T delta, T* bias_grad) {
    if (w.row_vectors == 1) {
        if (w.bias)
            softmax_backward_of<true, true>(w, scores, grads, scale, lse, delta, bias_grad);
        else
            softmax_backward_of<true, false>(w, scores, grads, scale, lse, delta, bias_grad);
    } else if (w.bias) {
        softmax_backward_of<false, true>(w, scores, grads, scale, lse, delta, bias_grad);
    } else {
        softmax_backward_of<false, false>(w, scores, grads, scale, lse, delta, bias_grad);
    }
}

}  // namespace
}  // namespace nbv
