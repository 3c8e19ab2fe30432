// Match attention: a warp for each query and head. Neighbors need not have a key in common, so that nothing is packed
// or shared between warps: caches do what can be done.
#pragma once

#include "window.h"

namespace nbv {
namespace {

template <class T>
__global__ void __launch_bounds__(32 * kMatchWarps, sizeof(T) == 4 ? 8 : 5) match_forward(const MatchCudaArgs p) {
    NBV_SHARED(memory);
    const int index = warp_token(p), lane = threadIdx.x % 32;
    if (index < 0) return;
    const MatchToken token(p, index);
    const MatchWindow<T> window(p, token);
    const int group = lane / kChannelLanes, first = lane % kChannelLanes, dim = static_cast<int>(p.dim);
    T* const weights = reinterpret_cast<T*>(memory) + threadIdx.x / 32 * window.slots;

    const T* query = token.in<T>(p.query);
    for (int m = group; m < window.slots; m += kSlotGroups) {  // slots come in fours: no group leaves earlier
        const T* key = window.pixel(p.key, token, m);
        T distance = 0;
        for (int d = first; d < dim; d += kChannelLanes) {
            const T difference = query[d] - key[d];
            distance += difference < 0 ? -difference : difference;
        }
        distance = sum_lanes(distance, 1, kChannelLanes);
        if (first == 0) weights[m] = -static_cast<T>(p.scale) * distance;
    }
    __syncwarp();  // logits are there

    const SubSoftmax<T> softmax(window, weights, lane);
    for (int m = lane; m < window.slots; m += 32) {
        T weight = 0;
        for (int w = 0; w < kSubWindows; ++w) weight += softmax.weight(window, w, m, weights[m]) * window.share(w);
        weights[m] = weight;
        if (p.need_weights) static_cast<T*>(p.attn)[static_cast<int64_t>(index) * window.slots + m] = weight;
    }
    __syncwarp();  // weights are there

    sum_slots(p, token, window, p.value, lane, static_cast<T*>(p.out) + index * p.dim,
              [&](int slot, int, T value) { return weights[slot] * value; });
}

}  // namespace
}  // namespace nbv
