// BilinearSoftmax: a softmax inside each of the four sub-windows, mixed by the shares of the pixels around the center.
#pragma once

#include "../common/log2.h"
#include "lanes.h"
#include "slots.h"

namespace nbv {
namespace {

// Below this a sub-window's sum has lost digits, for all its keys are far worse than one outside of it: powers in float
// never fall below 2^-126, and 1024 of them make 1.2e-35, which is lost in any sum above this.
template <class T>
constexpr T kLeastSum = sizeof(T) == 4 ? T(1e-25) : T(1e-200);

// Weights of one window. In most of them all sub-windows can share one maximum: then p = power / sum for each.
template <class T>
struct MatchWeights {
    T logits[kMostMatchSlots];              // in units of ln 2
    T powers[kMostMatchSlots];              // 2^(logit - maximum)
    T apart[kSubWindows][kMostMatchSlots];  // p of every sub-window, where they cannot share
    T attn[kMostMatchSlots];
    T sums[kSubWindows];
    bool shared;
};

template <class T>
NBV_INLINE void sum_members(const Slots<T>& slots, const T* values, T (&sums)[kSubWindows]) {
    Vec<T> total[kSubWindows] = {};
    for (int64_t v = 0; v < slots.vectors; ++v) {
        const Vec<T> x = load(values + v * kLanes<T>);
        for (int w = 0; w < kSubWindows; ++w) total[w] += x * load(slots.member[w] + v * kLanes<T>);
    }
    for (int w = 0; w < kSubWindows; ++w) sums[w] = horizontal_sum<T>(total[w]);
}

// to = sum over the sub-windows of factors[w] where the slot is a member.
template <class T>
NBV_INLINE Vec<T> mix_members(const Slots<T>& slots, int64_t v, const T (&factors)[kSubWindows]) {
    Vec<T> mix{};
    for (int w = 0; w < kSubWindows; ++w) mix += load(slots.member[w] + v * kLanes<T>) * factors[w];
    return mix;
}

// Every sub-window with its own maximum. Rare, and therefore plain loops, out of the way of the ones that matter.
template <class T>
__attribute__((noinline)) void softmax_apart(const Slots<T>& slots, const Place<T>& place, MatchWeights<T>& weights) {
    for (int64_t m = 0; m < slots.count; ++m) weights.attn[m] = 0;
    for (int w = 0; w < kSubWindows; ++w) {
        T best = -static_cast<T>(__builtin_inf()), sum = 0;
        for (int64_t m = 0; m < slots.count; ++m)
            if (slots.member[w][m] != 0 && weights.logits[m] > best) best = weights.logits[m];
        for (int64_t m = 0; m < slots.count; ++m) {
            const bool member = slots.member[w][m] != 0;
            weights.apart[w][m] = member ? static_cast<T>(__builtin_exp2(weights.logits[m] - best)) : T(0);
            sum += weights.apart[w][m];
        }
        for (int64_t m = 0; m < slots.count; ++m) {
            weights.apart[w][m] /= sum;
            weights.attn[m] += weights.apart[w][m] * place.share(w);
        }
    }
}

// logits (distances on entry) -> attn.
template <class T>
NBV_INLINE void bilinear_softmax(const Slots<T>& slots, const Place<T>& place, T scale, MatchWeights<T>& weights) {
    const T factor = -scale * static_cast<T>(kLog2E);
    Vec<T> best = broadcast(-static_cast<T>(__builtin_inf()));
    for (int64_t v = 0; v < slots.vectors; ++v) {
        const Vec<T> logit = load(weights.logits + v * kLanes<T>) * factor;
        store(weights.logits + v * kLanes<T>, logit);
        best = maximum<T>(best, logit);
    }
    const T most = horizontal_max<T>(best);
    // One power for each slot, though it belongs to up to four sub-windows: their softmaxes differ in the sum alone.
    for (int64_t v = 0; v < slots.vectors; ++v)
        store(weights.powers + v * kLanes<T>, exponential2(load(weights.logits + v * kLanes<T>) - most));
    sum_members(slots, weights.powers, weights.sums);
    weights.shared = true;
    T factors[kSubWindows];
    for (int w = 0; w < kSubWindows; ++w) {
        if (weights.sums[w] < kLeastSum<T>) weights.shared = false;
        factors[w] = place.share(w) / weights.sums[w];
    }
    if (!weights.shared) return softmax_apart(slots, place, weights);
    for (int64_t v = 0; v < slots.vectors; ++v)
        store(weights.attn + v * kLanes<T>, load(weights.powers + v * kLanes<T>) * mix_members(slots, v, factors));
}

// Gradient of the logits (natural units) from that of the weights, and each sub-window's mean of the latter.
template <class T>
NBV_INLINE void bilinear_softmax_backward(const Slots<T>& slots, const Place<T>& place, const MatchWeights<T>& weights,
                                          const T* grad_attn, T* grad_logits, T (&means)[kSubWindows]) {
    if (!weights.shared) {
        for (int64_t m = 0; m < slots.vectors * kLanes<T>; ++m) grad_logits[m] = 0;
        for (int w = 0; w < kSubWindows; ++w) {
            means[w] = 0;
            for (int64_t m = 0; m < slots.count; ++m) means[w] += weights.apart[w][m] * grad_attn[m];
            for (int64_t m = 0; m < slots.count; ++m)
                grad_logits[m] += place.share(w) * weights.apart[w][m] * (grad_attn[m] - means[w]);
        }
        return;
    }
    for (int64_t v = 0; v < slots.vectors; ++v)
        store(grad_logits + v * kLanes<T>, load(weights.powers + v * kLanes<T>) * load(grad_attn + v * kLanes<T>));
    sum_members(slots, grad_logits, means);
    T factors[kSubWindows];
    for (int w = 0; w < kSubWindows; ++w) {
        means[w] /= weights.sums[w];
        factors[w] = means[w] * place.share(w) / weights.sums[w];
    }
    // p (g - mean), summed over the sub-windows: attn g less the mix of the means.
    for (int64_t v = 0; v < slots.vectors; ++v) {
        const int64_t at = v * kLanes<T>;
        store(grad_logits + at, load(weights.attn + at) * load(grad_attn + at) -
                                    load(weights.powers + at) * mix_members(slots, v, factors));
    }
}

}  // namespace
}  // namespace nbv
