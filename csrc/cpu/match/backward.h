// Gradients of match attention, for all queries of one head of one sample: weights are computed again. Any query's
// window may lie anywhere, so that only a whole head has keys and values for itself. One thread adds to them, query by
// query: without atomics, and always in the same order.
#pragma once

#include "forward.h"

namespace nbv {
namespace {

// Adds what one query gives to the gradients of its keys and values, and writes that of the query. As a logit is
// -scale |q - k|_1, its gradient goes to q and k by the sign of q - k; 0 where they are equal, as in PyTorch.
template <int kVectors, class T>
NBV_INLINE void scatter(const MatchProblem& p, const Slots<T>& slots, const T* query, const T* keys, const T* grad_out,
                        const T* grad_logits, const T* attn, T* grad_query, T* grad_keys, T* grad_values) {
    const T scale = static_cast<T>(p.scale);
    const int64_t columns = 2 * p.radius_x + 2, pixel = p.heads * p.dim, line = p.width * pixel;
    for_each_part<kVectors, T>(p.dim, [&](int64_t d, int64_t n) {
        const Vec<T> q = load_some(query + d, n), g = load_some(grad_out + d, n);
        Vec<T> dq{};
        for (int64_t m = 0, y = 0; m < slots.count; ++y) {
            int64_t at = y * line + d;
            for (int64_t x = 0; x < columns; ++x, ++m, at += pixel) {
                const Vec<T> change =
                    signed_as<T>(broadcast(grad_logits[m] * scale), q - load_some(keys + slots.key[m] + d, n));
                dq -= change;
                const Vec<T> dk = load_some(grad_keys + at, n) + change,
                             dv = load_some(grad_values + at, n) + g * attn[m];
                if (n == kLanes<T>) {
                    store(grad_keys + at, dk);
                    store(grad_values + at, dv);
                } else {
                    store_part(grad_keys + at, dk, n);
                    store_part(grad_values + at, dv, n);
                }
            }
        }
        if (n == kLanes<T>)
            store(grad_query + d, dq);
        else
            store_part(grad_query + d, dq, n);
    });
}

// By the shares' derivatives: each sub-window's mean is its part of the loss.
template <class T>
NBV_INLINE void offset_gradient(const Place<T>& place, const T (&means)[kSubWindows], T* to) {
    const T dx = place.x.fraction, dy = place.y.fraction;
    to[0] = place.x.inside ? (1 - dy) * (means[1] - means[0]) + dy * (means[3] - means[2]) : T(0);
    to[1] = place.y.inside ? (1 - dx) * (means[2] - means[0]) + dx * (means[3] - means[1]) : T(0);
}

template <int kVectors, class T>
void backward_head(const MatchProblem& p, int64_t task) {
    const Slots<T> slots(p);
    MatchWeights<T> weights;
    T grad_attn[kMostMatchSlots], grad_logits[kMostMatchSlots], means[kSubWindows];
    const int64_t batch = task / p.heads, head = task % p.heads;
    for (int64_t y = 0; y < p.height; ++y) {
        for (int64_t x = 0; x < p.width; ++x) {
            const int64_t index = ((batch * p.height + y) * p.width + x) * p.heads + head;
            const Place<T> place(p, token<T>(p.offset, batch, y, x, head));
            const T* query = token<T>(p.query, batch, y, x, head);
            const T* grad_out = token<T>(p.grad_out, batch, y, x, head);
            const T* keys = place.in(p.key, batch, head);
            weigh<kVectors>(p, slots, place, query, keys, weights);
            reduce_channels<kVectors>(grad_out, place.in(p.value, batch, head), slots.value, slots.vectors, p.dim,
                                      grad_attn, [](Vec<T> g, Vec<T> v) { return g * v; });
            if (p.grad_attn.data) {
                const T* given = token<T>(p.grad_attn, batch, y, x, head);
                for (int64_t m = 0; m < slots.count; ++m) grad_attn[m] += given[m];
            }
            bilinear_softmax_backward(slots, place, weights, grad_attn, grad_logits, means);
            const int64_t first =
                (((batch * p.height + place.y.first) * p.width + place.x.first) * p.heads + head) * p.dim;
            scatter<kVectors>(p, slots, query, keys, grad_out, grad_logits, weights.attn,
                              static_cast<T*>(p.grad_query) + index * p.dim, static_cast<T*>(p.grad_key) + first,
                              static_cast<T*>(p.grad_value) + first);
            offset_gradient(place, means, static_cast<T*>(p.grad_offset) + 2 * index);
        }
    }
}

}  // namespace
}  // namespace nbv
