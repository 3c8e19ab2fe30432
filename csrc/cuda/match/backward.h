// Gradients of match attention, by three kernels without atomics on floats. Any window may lie anywhere: which queries
// a key belongs to is in the data. So the first kernel, a warp for each query, writes the gradients of queries and
// offsets, and for the others the weights and the gradients of logits; the second (order.h) puts queries in the order
// of their windows; the third, a warp for each pixel, gathers from the windows that hold it, always in the same order.
// That costs scratch of two numbers per query and slot, and reading queries and their gradients once per slot.
#pragma once

#include "order.h"
#include "window.h"

namespace nbv {
namespace {

// As a logit is -scale |q - k|_1, its gradient goes to q and k by the sign of q - k; 0 where they are equal, as in
// PyTorch.
template <class T>
__device__ __forceinline__ T signed_as(T magnitude, T of) {
    return of < 0 ? -magnitude : of == 0 ? T(0) : magnitude;
}

// By the shares' derivatives: each sub-window's mean is its part of the loss.
template <class T>
__device__ __forceinline__ void offset_gradient(const MatchWindow<T>& window, const T (&means)[kSubWindows], T* to) {
    const T dx = window.x.fraction, dy = window.y.fraction;
    to[0] = window.x.inside ? (1 - dy) * (means[1] - means[0]) + dy * (means[3] - means[2]) : T(0);
    to[1] = window.y.inside ? (1 - dx) * (means[2] - means[0]) + dx * (means[3] - means[1]) : T(0);
}

template <class T>
__global__ void __launch_bounds__(32 * kMatchWarps, sizeof(T) == 4 ? 6 : 4)
    match_backward_queries(const MatchCudaArgs p) {
    NBV_SHARED(memory);
    const int index = warp_token(p), lane = threadIdx.x % 32;
    if (index < 0) return;
    const MatchToken token(p, index);
    const MatchWindow<T> window(p, token);
    const MatchScratch<T> scratch(p);
    const int group = lane / kChannelLanes, first = lane % kChannelLanes, dim = static_cast<int>(p.dim);
    T* const logits = reinterpret_cast<T*>(memory) + threadIdx.x / 32 * 2 * window.slots;
    T* const grads = logits + window.slots;  // of the weights, then of the logits
    const T scale = static_cast<T>(p.scale);

    const T *query = token.in<T>(p.query), *grad_out = token.in<T>(p.grad_out);
    for (int m = group; m < window.slots; m += kSlotGroups) {
        const T *key = window.pixel(p.key, token, m), *value = window.pixel(p.value, token, m);
        T distance = 0, grad = 0;
        for (int d = first; d < dim; d += kChannelLanes) {
            const T difference = query[d] - key[d];
            distance += difference < 0 ? -difference : difference;
            grad += grad_out[d] * value[d];
        }
        distance = sum_lanes(distance, 1, kChannelLanes);
        grad = sum_lanes(grad, 1, kChannelLanes);
        if (first == 0) {
            logits[m] = -scale * distance;
            grads[m] = p.grad_attn.data == nullptr ? grad : grad + token.in<T>(p.grad_attn)[m];
        }
    }
    __syncwarp();  // logits and gradients of the weights are there

    const SubSoftmax<T> softmax(window, logits, lane);
    T means[kSubWindows] = {};
    for (int m = lane; m < window.slots; m += 32)
        for (int w = 0; w < kSubWindows; ++w) means[w] += softmax.weight(window, w, m, logits[m]) * grads[m];
    for (int w = 0; w < kSubWindows; ++w) means[w] = sum_lanes(means[w], 1, 32);
    for (int m = lane; m < window.slots; m += 32) {
        T attn = 0, grad_logit = 0;
        for (int w = 0; w < kSubWindows; ++w) {
            const T part = softmax.weight(window, w, m, logits[m]) * window.share(w);
            attn += part;
            grad_logit += part * (grads[m] - means[w]);
        }
        grads[m] = grad_logit;
        const int64_t at = static_cast<int64_t>(index) * window.slots + m;
        scratch.attn[at] = attn;
        scratch.grad_logits[at] = grad_logit;
    }
    if (lane == 0) {
        offset_gradient(window, means, static_cast<T*>(p.grad_offset) + 2 * static_cast<int64_t>(index));
        const int64_t head = token.batch * p.heads + token.head;
        scratch.first[head * p.height * p.width + token.y * p.width + token.x] =
            static_cast<int>(window.y.first * p.width + window.x.first);
    }
    __syncwarp();  // gradients of the logits are there

    sum_slots(p, token, window, p.key, lane, static_cast<T*>(p.grad_query) + index * p.dim,
              [&](int slot, int d, T key) { return -signed_as(grads[slot] * scale, query[d] - key); });
}

// A pixel is slot m of the windows whose first pixel lies m's row and column before it. Each group of lanes takes every
// fourth slot, and the queries of one in their own order; the groups' sums are added at the end.
template <class T>
__global__ void __launch_bounds__(32 * kMatchWarps, sizeof(T) == 4 ? 6 : 4)
    match_backward_pixels(const MatchCudaArgs p) {
    const int index = warp_token(p), lane = threadIdx.x % 32;
    if (index < 0) return;
    const MatchToken token(p, index);
    const MatchScratch<T> scratch(p);
    const int group = lane / kChannelLanes, first = lane % kChannelLanes, dim = static_cast<int>(p.dim);
    const int columns = static_cast<int>(2 * p.radius_x + 2), slots = static_cast<int>(p.slots());
    const int width = static_cast<int>(p.width), heads = static_cast<int>(p.heads);
    const int pixels = static_cast<int>(p.height) * width;
    const int64_t head = static_cast<int64_t>(token.batch * heads + token.head) * pixels;
    const T* key = token.in<T>(p.key);
    const T scale = static_cast<T>(p.scale);
    for (int start = first; start - first < dim; start += kVectors * kChannelLanes) {
        T keys[kVectors], grad_key[kVectors] = {}, grad_value[kVectors] = {};
#pragma unroll
        for (int i = 0; i < kVectors; ++i) {
            const int d = start + i * kChannelLanes;
            keys[i] = d < dim ? key[d] : T(0);
        }
        for (int m = group; m < slots; m += kSlotGroups) {
            const int y = token.y - m / columns, x = token.x - m % columns;
            if (y < 0 || x < 0) continue;
            const int window = y * width + x, end = scratch.end[head + window];
            for (int i = window > 0 ? scratch.end[head + window - 1] : 0; i < end; ++i) {
                const int pixel = scratch.order[head + i];
                MatchToken from = token;
                from.y = pixel / width;
                from.x = pixel % width;
                const T *query = from.in<T>(p.query), *grad_out = from.in<T>(p.grad_out);
                const int64_t at =
                    (static_cast<int64_t>(token.batch * pixels + pixel) * heads + token.head) * slots + m;
                const T attn = scratch.attn[at], change = scratch.grad_logits[at] * scale;
#pragma unroll
                for (int j = 0; j < kVectors; ++j) {
                    const int d = start + j * kChannelLanes;
                    if (d >= dim) continue;
                    grad_key[j] += signed_as(change, query[d] - keys[j]);
                    grad_value[j] += attn * grad_out[d];
                }
            }
        }
#pragma unroll
        for (int i = 0; i < kVectors; ++i) {
            const int d = start + i * kChannelLanes;
            const T to_key = sum_lanes(grad_key[i], kChannelLanes, 32);
            const T to_value = sum_lanes(grad_value[i], kChannelLanes, 32);
            if (group != 0 || d >= dim) continue;
            static_cast<T*>(p.grad_key)[index * p.dim + d] = to_key;
            static_cast<T*>(p.grad_value)[index * p.dim + d] = to_value;
        }
    }
}

}  // namespace
}  // namespace nbv
