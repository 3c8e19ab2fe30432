// What a warp knows of its query of one head: where the window lies, and the weights of its slots. A slot's channels
// are shared by eight lanes, 32 bytes of float and so what memory delivers at least; four slots go on at once.
#pragma once

#include "../../geometry/match_window.h"
#include "../common/gpu.h"
#include "args.h"

namespace nbv {
namespace {

constexpr int kMatchWarps = 4;  // of a block, at most; kernels say how many blocks' registers fit without spilling
constexpr int kChannelLanes = 8, kSlotGroups = 32 / kChannelLanes;
constexpr int kVectors = 4;     // times kChannelLanes: the channels of one pass over the slots
constexpr int kSubWindows = 4;  // north-west, north-east, south-west, south-east

// A token of one head, from its place in contiguous tensors [batch, y, x, heads]: as many as 32 bits can count.
struct MatchToken {
    int batch, y, x, head;

    __device__ __forceinline__ MatchToken(const MatchCudaArgs& p, int index) {
        const int heads = static_cast<int>(p.heads), width = static_cast<int>(p.width);
        const int height = static_cast<int>(p.height);
        head = index % heads;
        x = index / heads % width;
        y = index / heads / width % height;
        batch = index / heads / width / height;
    }

    template <class T>
    __device__ __forceinline__ const T* in(const MatchCudaView& view) const {
        return static_cast<const T*>(view.data) + batch * view.batch + y * view.y + x * view.x + head * view.head;
    }
};

// This warp's token; -1 if there is none.
__device__ __forceinline__ int warp_token(const MatchCudaArgs& p) {
    const int64_t warps = blockDim.x / 32, index = blockIdx.x * warps + threadIdx.x / 32;
    return index < p.batch * p.height * p.width * p.heads ? static_cast<int>(index) : -1;
}

// Sums over lanes whose numbers differ in the bits from `low` up to below `high`. All of them get the same bits.
template <class T>
__device__ __forceinline__ T sum_lanes(T x, int low, int high) {
    for (int by = low; by < high; by *= 2) x += __shfl_xor_sync(0xFFFFFFFFu, x, by);
    return x;
}
template <class T>
__device__ __forceinline__ T max_lanes(T x) {
    for (int by = 1; by < 32; by *= 2) {
        const T other = __shfl_xor_sync(0xFFFFFFFFu, x, by);
        x = other > x ? other : x;
    }
    return x;
}

__device__ __forceinline__ float exponential(float x) { return expf(x); }
__device__ __forceinline__ double exponential(double x) { return exp(x); }

// The window of a token's query. Slots go row by row.
template <class T>
struct MatchWindow {
    int columns, rows, slots;
    MatchCenter<T> x, y;

    __device__ __forceinline__ MatchWindow(const MatchCudaArgs& p, const MatchToken& token)
        : columns(static_cast<int>(2 * p.radius_x + 2)),
          rows(static_cast<int>(2 * p.radius_y + 2)),
          slots(columns * rows) {
        const T* offset = token.in<T>(p.offset);
        x = match_center(offset[0], p.radius_x, p.width);
        y = match_center(offset[1], p.radius_y, p.height);
    }

    __device__ __forceinline__ const T* pixel(const MatchCudaView& view, const MatchToken& token, int slot) const {
        return static_cast<const T*>(view.data) + token.batch * view.batch + (y.first + slot / columns) * view.y +
               (x.first + slot % columns) * view.x + token.head * view.head;
    }

    // Each sub-window lacks one row and one column.
    __device__ __forceinline__ bool holds(int sub_window, int slot) const {
        const int row = slot / columns, column = slot % columns;
        return (sub_window < 2 ? row < rows - 1 : row > 0) && (sub_window % 2 == 0 ? column < columns - 1 : column > 0);
    }

    // How much each sub-window counts: bilinear weights of the four pixels around the center.
    __device__ __forceinline__ T share(int sub_window) const {
        return (sub_window % 2 == 0 ? 1 - x.fraction : x.fraction) * (sub_window < 2 ? 1 - y.fraction : y.fraction);
    }
};

// to[d] = sum over the slots of term(slot, d, pixel[d]): pixels of `view`, a quarter of the slots to each group of
// lanes.
template <class T, class Term>
__device__ __forceinline__ void sum_slots(const MatchCudaArgs& p, const MatchToken& token, const MatchWindow<T>& window,
                                          const MatchCudaView& view, int lane, T* to, const Term& term) {
    const int group = lane / kChannelLanes, first = lane % kChannelLanes, dim = static_cast<int>(p.dim);
    for (int start = first; start - first < dim; start += kVectors * kChannelLanes) {
        T sums[kVectors] = {};
        for (int m = group; m < window.slots; m += kSlotGroups) {
            const T* pixel = window.pixel(view, token, m);
#pragma unroll
            for (int i = 0; i < kVectors; ++i) {
                const int d = start + i * kChannelLanes;
                if (d < dim) sums[i] += term(m, d, pixel[d]);
            }
        }
#pragma unroll
        for (int i = 0; i < kVectors; ++i) {
            const int d = start + i * kChannelLanes;
            const T sum = sum_lanes(sums[i], kChannelLanes, 32);
            if (group == 0 && d < dim) to[d] = sum;
        }
    }
}

// The softmax of each sub-window, with a maximum of its own: one for all would lose those whose keys are all far worse.
template <class T>
struct SubSoftmax {
    T most[kSubWindows], sum[kSubWindows];

    // Slots are dealt to lanes, here and in what follows.
    __device__ __forceinline__ SubSoftmax(const MatchWindow<T>& window, const T* logits, int lane) {
        for (int w = 0; w < kSubWindows; ++w) {
            most[w] = -static_cast<T>(INFINITY);
            sum[w] = 0;
        }
        for (int m = lane; m < window.slots; m += 32)
            for (int w = 0; w < kSubWindows; ++w)
                if (window.holds(w, m) && logits[m] > most[w]) most[w] = logits[m];
        for (int w = 0; w < kSubWindows; ++w) most[w] = max_lanes(most[w]);
        for (int m = lane; m < window.slots; m += 32)
            for (int w = 0; w < kSubWindows; ++w)
                if (window.holds(w, m)) sum[w] += exponential(logits[m] - most[w]);
        for (int w = 0; w < kSubWindows; ++w) sum[w] = sum_lanes(sum[w], 1, 32);
    }

    __device__ __forceinline__ T weight(const MatchWindow<T>& window, int w, int slot, T logit) const {
        return window.holds(w, slot) ? exponential(logit - most[w]) / sum[w] : T(0);
    }
};

}  // namespace
}  // namespace nbv
