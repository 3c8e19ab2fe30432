// Gradients of queries and of the bias, without tensor cores: queries as rows, their keys pass by again.
#pragma once

#include "../bias_sums.h"
#include "tokens.h"

namespace nbv {
namespace {

// What rows of a lane keep of the forward and of the output's gradient.
template <class S>
struct RowNumbers {
    using T = typename S::Type;
    T lse[S::kLaneRows], delta[S::kLaneRows];  // lse: base 2

    __device__ __forceinline__ RowNumbers(const NeighborhoodPass& p, const RowTile& t, const FmaLane& lane,
                                          const Item& item) {
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i) {
            const RowPlace place(p, t, lane.warp * S::kWarpRows + lane.group + 4 * i);
            lse[i] = delta[i] = 0;
            if (!place.there) continue;
            const int64_t at = (map_begin(p, item.sample) + token_number(p.args, t, place.at)) * p.args.heads;
            lse[i] = subtrahend(static_cast<const T*>(p.args.lse)[at + item.head] * static_cast<T>(kLog2E));
            delta[i] = static_cast<const T*>(p.delta)[at + item.head];
        }
    }
};

template <class S>
struct BackwardQueriesShared {
    using T = typename S::Type;
    int* places;
    RowWindow* windows;  // of a thread's own row
    T *queries, *grads, *keys, *values, *weights, *bias;

    __device__ __forceinline__ BackwardQueriesShared(unsigned char* memory, int warps)
        : places(reinterpret_cast<int*>(memory)),
          windows(reinterpret_cast<RowWindow*>(places + kMostPlaces)),
          queries(reinterpret_cast<T*>(windows + 32 * warps)),
          grads(queries + warps * S::kRowSize),
          keys(grads + warps * S::kRowSize),
          values(keys + S::kColumnSize),
          weights(values + S::kColumnSize),
          bias(weights + warps * S::kWeightSize) {}

    static int64_t bytes(int warps) {
        const int64_t elements = warps * (2 * S::kRowSize + S::kWeightSize) + 2 * S::kColumnSize;
        return kMostPlaces * sizeof(int) + warps * 32 * sizeof(RowWindow) + elements * sizeof(T);
    }
};

// A block's items: in turn, or a run of one head's where it sums gradients of the bias.
struct ItemRun {
    int64_t begin, end, step;

    __device__ __forceinline__ explicit ItemRun(const NeighborhoodPass& p)
        : begin(blockIdx.x), end(p.items), step(gridDim.x) {
        if (p.args.grad_bias == nullptr) return;
        const int64_t items = p.items / p.args.heads, head = blockIdx.x / p.splits, split = blockIdx.x % p.splits;
        begin = head * items + items * split / p.splits;
        end = head * items + items * (split + 1) / p.splits;
        step = 1;
    }
};

// Of the pairs of a lane: 0 where a row does not see a column.
template <class S>
__device__ __forceinline__ void logit_gradients(const BackwardQueriesShared<S>& shared, const NeighborhoodPass& p,
                                                const FmaLane& lane, const PairBias<S>& bias,
                                                const RowNumbers<S>& numbers, int head, const KeyTiles<S>& tiles,
                                                const Seen<S>& seen, Scores<S>& scores) {
    using T = typename S::Type;
    const int row = lane.warp * S::kRowSize + lane.group * S::kStride, column = lane.column * S::kStride;
    multiply<S>(shared.queries + row, shared.keys + column, p.args.dim, scores);
    scale_scores<S>(scores, static_cast<T>(p.args.scale * kLog2E));
    if (p.args.bias != nullptr && !tiles.extra()) bias.add(p, head, tiles.cursor.at, seen, scores);
    Scores<S> grads;
    multiply<S>(shared.grads + row, shared.values + column, p.args.dim_v, grads);
#pragma unroll
    for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
        for (int j = 0; j < S::kLaneColumns; ++j)
            scores[i][j] =
                seen(i, j) ? exp2_of(scores[i][j] - numbers.lse[i]) * (grads[i][j] - numbers.delta[i]) : T(0);
}

template <class S>
__global__ void __launch_bounds__(32 * kFmaWarps, S::kBackwardBlocks)
    neighborhood_backward_queries_fma(const __grid_constant__ NeighborhoodPass p) {
    using T = typename S::Type;
    NBV_SHARED(memory);
    const FmaLane lane;
    const BackwardQueriesShared<S> shared(memory, blockDim.x / 32);
    T* const weights = shared.weights + lane.warp * S::kWeightSize;
    const ColumnBits bits(p.tiling.columns);
    const bool sums_bias = p.args.grad_bias != nullptr;
    BiasSums<T> bias_sums(p, shared.bias);
    make_places(shared.places, p.tiling.columns);
    __syncthreads();  // the table of places is there
    const ItemRun run(p);
    for (int64_t number = run.begin; number < run.end; number += run.step) {
        const Item item(p, static_cast<int32_t>(number));
        const RowTile t = make_row_tile<Rows::kQueries>(p.args, p.tiling, item.tile);
        if (t.empty) continue;
        copy_rows<S>(shared.queries, p, t, p.args.query, item.sample, item.head, p.args.dim);
        copy_rows<S>(shared.grads, p, t, p.args.grad_out, item.sample, item.head, p.args.dim_v);
        const int own = window_row<S>(lane);
        RowWindow& window = shared.windows[threadIdx.x];
        window = make_row_window<Rows::kQueries>(p.args, p.tiling, t, own);
        const bool there = RowPlace(p, t, own).there;
        const PairBias<S> bias(p, t, lane, shared.places, Rows::kQueries);
        const RowNumbers<S> numbers(p, t, lane, item);
        Sums<S> sums;
        clear<S>(sums);
        for (KeyTiles<S> tiles(p, t, shared.places, item); tiles.more(); tiles.advance()) {
            tiles.copy(shared.keys, shared.values);
            cp_async_commit();
            cp_async_wait<0>();  // this thread's copies have arrived
            __syncthreads();     // and those of all others
            if (threadIdx.x == 0) count_tile();
            const Seen<S> seen(lane, tiles.seen(bits, window, there));
            Scores<S> scores;
            if (seen.groups != 0) {
                logit_gradients(shared, p, lane, bias, numbers, item.head, tiles, seen, scores);
                store_weights<S>(weights, lane, scores);
                __syncwarp();  // the warp's gradients are there
                accumulate<S>(weights + lane.group * S::kWeightStride, shared.keys + lane.column * S::kVector,
                              p.args.dim, seen.groups, sums);
            } else if (sums_bias) {
                clear_scores<S>(scores);
                store_weights<S>(weights, lane, scores);
            }
            if (sums_bias && !tiles.extra()) {
                __syncthreads();  // gradients of all rows are there
                bias_sums.add(shared.weights, S::kWeightStride, p, t, tiles.cursor.at);
            }
            __syncthreads();  // nobody reads the tiles any more
        }
        store_rows<S>(p.args.grad_query, p, t, lane, item.sample, item.head, p.args.heads, p.args.dim, sums,
                      [&](int) { return static_cast<T>(p.args.scale); });
    }
    if (sums_bias) bias_sums.store();
}

}  // namespace
}  // namespace nbv
