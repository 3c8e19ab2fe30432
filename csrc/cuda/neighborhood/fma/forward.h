// Neighborhood attention without tensor cores: queries as rows, an online softmax over their keys.
#pragma once

#include "tokens.h"

namespace nbv {
namespace {

// The maximum of logits so far, and the sum of weights in this lane's columns, per row of the lane.
template <class S>
struct OnlineSoftmax {
    using T = typename S::Type;
    T most[S::kLaneRows], total[S::kLaneRows];

    __device__ __forceinline__ OnlineSoftmax() {
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i) {
            most[i] = -static_cast<T>(INFINITY);
            total[i] = 0;
        }
    }

    // Logits (base 2) become weights; those not seen are 0. Sums so far are brought to the new maximum.
    __device__ __forceinline__ void add(const Seen<S>& seen, Scores<S>& logits, Sums<S>& sums) {
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i) {
            T now = most[i];
#pragma unroll
            for (int j = 0; j < S::kLaneColumns; ++j)
                if (seen(i, j)) now = max(now, logits[i][j]);
            for (int by = 1; by < 8; by *= 2) now = max(now, __shfl_xor_sync(0xFFFFFFFFu, now, by));
            // A row that has seen nothing, or -inf alone, subtracts 0: -inf less -inf is no number.
            const T base = now == -static_cast<T>(INFINITY) ? T(0) : now;
            const T kept = exp2_of(most[i] - base);
            most[i] = now;
            total[i] *= kept;
#pragma unroll
            for (int j = 0; j < S::kLaneColumns; ++j) {
                logits[i][j] = seen(i, j) ? exp2_of(logits[i][j] - base) : T(0);
                total[i] += logits[i][j];
            }
#pragma unroll
            for (int c = 0; c < S::kLaneVectors; ++c)
#pragma unroll
                for (int k = 0; k < S::kVector; ++k) sums[i][c].at[k] *= kept;
        }
    }

    __device__ __forceinline__ void finish() {
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i)
            for (int by = 1; by < 8; by *= 2) total[i] += __shfl_xor_sync(0xFFFFFFFFu, total[i], by);
    }
};

template <class S>
__device__ __forceinline__ void store_lse(const NeighborhoodPass& p, const RowTile& t, const FmaLane& lane,
                                          const Item& item, const OnlineSoftmax<S>& softmax) {
    using T = typename S::Type;
    if (lane.column != 0) return;
#pragma unroll
    for (int i = 0; i < S::kLaneRows; ++i) {
        const RowPlace place(p, t, lane.warp * S::kWarpRows + lane.group + 4 * i);
        if (!place.there) continue;
        const int64_t token = map_begin(p, item.sample) + token_number(p.args, t, place.at);
        static_cast<T*>(p.args.lse)[token * p.args.heads + item.head] =
            softmax.most[i] / static_cast<T>(kLog2E) + log_of(softmax.total[i]);
    }
}

template <class S>
struct ForwardShared {
    using T = typename S::Type;
    int* places;
    RowWindow* windows;  // of a thread's own row
    T *queries, *keys, *values, *weights;

    __device__ __forceinline__ ForwardShared(unsigned char* memory, int warps)
        : places(reinterpret_cast<int*>(memory)),
          windows(reinterpret_cast<RowWindow*>(places + kMostPlaces)),
          queries(reinterpret_cast<T*>(windows + 32 * warps)),
          keys(queries + warps * S::kRowSize),
          values(keys + S::kColumnSize),
          weights(values + S::kColumnSize) {}

    static int64_t bytes(int warps) {
        return kMostPlaces * sizeof(int) + warps * 32 * sizeof(RowWindow) +
               (warps * (S::kRowSize + S::kWeightSize) + 2 * S::kColumnSize) * int64_t{sizeof(T)};
    }
};

template <class S>
__global__ void __launch_bounds__(32 * kFmaWarps, S::kForwardBlocks)
    neighborhood_forward_fma(const __grid_constant__ NeighborhoodPass p) {
    using T = typename S::Type;
    NBV_SHARED(memory);
    const FmaLane lane;
    const ForwardShared<S> shared(memory, blockDim.x / 32);
    const T* rows = shared.queries + lane.warp * S::kRowSize + lane.group * S::kStride;
    T* const weights = shared.weights + lane.warp * S::kWeightSize;
    const ColumnBits bits(p.tiling.columns);
    const T scale = static_cast<T>(p.args.scale * kLog2E);
    make_places(shared.places, p.tiling.columns);
    __syncthreads();  // the table of places is there
    for (int64_t number = blockIdx.x; number < p.items; number += gridDim.x) {
        const Item item(p, static_cast<int32_t>(number));
        const RowTile t = make_row_tile<Rows::kQueries>(p.args, p.tiling, item.tile);
        if (t.empty) continue;
        copy_rows<S>(shared.queries, p, t, p.args.query, item.sample, item.head, p.args.dim);
        const int own = window_row<S>(lane);
        RowWindow& window = shared.windows[threadIdx.x];
        window = make_row_window<Rows::kQueries>(p.args, p.tiling, t, own);
        const bool there = RowPlace(p, t, own).there;
        const PairBias<S> bias(p, t, lane, shared.places, Rows::kQueries);
        OnlineSoftmax<S> softmax;
        Sums<S> sums;
        clear<S>(sums);
        for (KeyTiles<S> tiles(p, t, shared.places, item); tiles.more(); tiles.advance()) {
            tiles.copy(shared.keys, shared.values);
            cp_async_commit();
            cp_async_wait<0>();  // this thread's copies have arrived
            __syncthreads();     // and those of all others
            if (threadIdx.x == 0) count_tile();
            const Seen<S> seen(lane, tiles.seen(bits, window, there));
            if (seen.groups != 0) {
                Scores<S> scores;
                multiply<S>(rows, shared.keys + lane.column * S::kStride, p.args.dim, scores);
                scale_scores<S>(scores, scale);
                if (p.args.bias != nullptr && !tiles.extra()) bias.add(p, item.head, tiles.cursor.at, seen, scores);
                softmax.add(seen, scores, sums);
                store_weights<S>(weights, lane, scores);
                __syncwarp();  // the warp's weights are there
                accumulate<S>(weights + lane.group * S::kWeightStride, shared.values + lane.column * S::kVector,
                              p.args.dim_v, seen.groups, sums);
            }
            __syncthreads();  // nobody reads the tiles any more
        }
        softmax.finish();
        store_rows<S>(p.args.out, p, t, lane, item.sample, item.head, p.args.heads, p.args.dim_v, sums,
                      [&](int i) { return share_of(softmax.total[i]); });
        store_lse<S>(p, t, lane, item, softmax);
    }
}

}  // namespace
}  // namespace nbv
