// Queries of one head of one sample in the order of their windows' first pixels, those with the same one in their own
// order: a counting sort by one block. Atomics are on integers, and what they count is the same in any order. Each
// query is compared with all of its block's, so that a head of n queries takes n / 256 rounds of 256 steps, one after
// another.
#pragma once

#include "../common/gpu.h"
#include "scratch.h"

namespace nbv {
namespace {

constexpr int kOrderThreads = 256;

// end[pixel]: first the number of queries whose windows begin there, then where the first of them goes.
__device__ __forceinline__ void count_windows(const int* first, int* end, int* sums, int pixels) {
    const int thread = threadIdx.x;
    for (int i = thread; i < pixels; i += kOrderThreads) end[i] = 0;
    __syncthreads();  // counts begin at zero
    for (int i = thread; i < pixels; i += kOrderThreads) atomicAdd(end + first[i], 1);
    __syncthreads();  // counts are there
    const int part = (pixels + kOrderThreads - 1) / kOrderThreads, begin = thread * part;
    const int stop = begin + part < pixels ? begin + part : pixels;
    int sum = 0;
    for (int i = begin; i < stop; ++i) sum += end[i];
    sums[thread] = sum;
    __syncthreads();  // sums of the parts are there
    int before = 0;
    for (int i = 0; i < thread; ++i) before += sums[i];
    for (int i = begin; i < stop; ++i) {
        const int count = end[i];
        end[i] = before;
        before += count;
    }
    __syncthreads();  // places are there, and sums is free
}

// A block's worth of queries after the other; within it a query's place is behind the earlier ones of the same window.
template <class T>
__global__ void __launch_bounds__(kOrderThreads) match_backward_order(const MatchCudaArgs p) {
    NBV_SHARED(memory);
    int* const shared = reinterpret_cast<int*>(memory);
    const MatchScratch<T> scratch(p);
    const int pixels = static_cast<int>(p.height * p.width), thread = threadIdx.x;
    const int64_t head = static_cast<int64_t>(blockIdx.x) * pixels;
    const int* first = scratch.first + head;
    int *order = scratch.order + head, *end = scratch.end + head;
    count_windows(first, end, shared, pixels);
    for (int start = 0; start < pixels; start += kOrderThreads) {
        const int query = start + thread, window = query < pixels ? first[query] : -1;
        shared[thread] = window;
        __syncthreads();  // windows are there, and the last places of the queries before
        int rank = 0, same = 0;
        for (int i = 0; i < kOrderThreads; ++i) {
            const bool equal = shared[i] == window;
            same += equal;
            rank += equal && i < thread;
        }
        const int place = window < 0 ? 0 : end[window] + rank;
        if (window >= 0) order[place] = query;
        __syncthreads();  // all have looked at windows and places
        if (window >= 0 && rank == same - 1) end[window] = place + 1;
    }
}

}  // namespace
}  // namespace nbv
