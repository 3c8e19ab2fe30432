// Gradients of keys and values without tensor cores: keys as rows, those queries pass by that see them. Additional
// tokens likewise (extra.h), seen by all queries.
#pragma once

#include "tokens.h"

namespace nbv {
namespace {

template <class S>
struct BackwardKeysShared {
    using T = typename S::Type;
    int* places;
    RowWindow* windows;  // of a thread's own row
    T *keys, *values, *queries, *grads, *weights, *lse, *delta;

    __device__ __forceinline__ BackwardKeysShared(unsigned char* memory, int warps)
        : places(reinterpret_cast<int*>(memory)),
          windows(reinterpret_cast<RowWindow*>(places + kMostPlaces)),
          keys(reinterpret_cast<T*>(windows + 32 * warps)),
          values(keys + warps * S::kRowSize),
          queries(values + warps * S::kRowSize),
          grads(queries + S::kColumnSize),
          weights(grads + S::kColumnSize),
          lse(weights + warps * S::kWeightSize),
          delta(lse + S::kColumns) {}

    static int64_t bytes(int warps) {
        const int64_t elements = warps * (2 * S::kRowSize + S::kWeightSize) + 2 * S::kColumnSize + 2 * S::kColumns;
        return kMostPlaces * sizeof(int) + warps * 32 * sizeof(RowWindow) + elements * sizeof(T);
    }
};

// The tile of an item, and which of its column tiles pass by.
struct KeyRows {
    RowTile tile;
    int chunk = 0, begin = 0, end;

    __device__ __forceinline__ KeyRows(const NeighborhoodPass& p, int number) {
        if (p.extra_rows) {
            const ExtraTile extra(p, number);
            tile = extra.tile;
            chunk = extra.chunk;
            begin = extra.begin;
            end = extra.end;
        } else {
            tile = make_row_tile<Rows::kKeys>(p.args, p.tiling, number);
            end = tile.empty ? 0 : count_column_tiles(tile, p.tiling.columns);
        }
    }

    __device__ __forceinline__ RowWindow window(const NeighborhoodPass& p, int row) const {
        return p.extra_rows ? make_extra_window(p, tile, row)
                            : make_row_window<Rows::kKeys>(p.args, p.tiling, tile, row);
    }
};

// A tile of queries of one head, with what they keep of the forward.
template <class S>
__device__ __forceinline__ void copy_queries(const BackwardKeysShared<S>& shared, const NeighborhoodPass& p,
                                             const RowTile& t, const Position& first, int sample, int head) {
    using T = typename S::Type;
    copy_columns<S>(shared.queries, p, t, shared.places, first, p.args.query, sample, head, p.args.dim);
    copy_columns<S>(shared.grads, p, t, shared.places, first, p.args.grad_out, sample, head, p.args.dim_v);
    for (int n = threadIdx.x; n < S::kColumns; n += blockDim.x) {
        const ColumnPlace place(shared.places, t, first, n);
        const int64_t token = place.there ? map_begin(p, sample) + token_number(p.args, t, place.at) : 0;
        const int64_t at = token * p.args.heads + head;
        shared.lse[n] = place.there ? subtrahend(static_cast<const T*>(p.args.lse)[at] * static_cast<T>(kLog2E)) : T(0);
        shared.delta[n] = place.there ? static_cast<const T*>(p.delta)[at] : T(0);
    }
}

// Adds a tile of queries of one head to both sums.
template <class S>
struct KeySums {
    using T = typename S::Type;
    Sums<S> keys, values;

    __device__ __forceinline__ KeySums() {
        clear<S>(keys);
        clear<S>(values);
    }

    __device__ __forceinline__ void add(const BackwardKeysShared<S>& shared, const NeighborhoodPass& p,
                                        const FmaLane& lane, const PairBias<S>& bias, int head, const Position& first,
                                        const Seen<S>& seen) {
        const int first_row = lane.warp * S::kRowSize + lane.group * S::kStride, column = lane.column * S::kStride;
        const int channel = lane.column * S::kVector;
        T* const weights = shared.weights + lane.warp * S::kWeightSize;
        const T* const own = weights + lane.group * S::kWeightStride;
        Scores<S> scores, grads;
        multiply<S>(shared.keys + first_row, shared.queries + column, p.args.dim, scores);
        scale_scores<S>(scores, static_cast<T>(p.args.scale * kLog2E));
        if (p.args.bias != nullptr) bias.add(p, head, first, seen, scores);
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
            for (int j = 0; j < S::kLaneColumns; ++j)
                scores[i][j] = seen(i, j) ? exp2_of(scores[i][j] - shared.lse[lane.column + 8 * j]) : T(0);
        store_weights<S>(weights, lane, scores);
        __syncwarp();  // the warp's weights are there
        accumulate<S>(own, shared.grads + channel, p.args.dim_v, seen.groups, values);
        multiply<S>(shared.values + first_row, shared.grads + column, p.args.dim_v, grads);
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
            for (int j = 0; j < S::kLaneColumns; ++j)
                scores[i][j] = seen(i, j) ? scores[i][j] * (grads[i][j] - shared.delta[lane.column + 8 * j]) : T(0);
        __syncwarp();  // nobody reads the weights any more
        store_weights<S>(weights, lane, scores);
        __syncwarp();  // the warp's gradients are there
        accumulate<S>(own, shared.queries + channel, p.args.dim, seen.groups, keys);
    }

    __device__ __forceinline__ void store(const NeighborhoodPass& p, const KeyRows& rows, const FmaLane& lane,
                                          const Item& item) const {
        const NeighborhoodCudaArgs& args = p.args;
        const T scale = static_cast<T>(args.scale);
        if (!p.extra_rows) {
            store_rows<S>(args.grad_key, p, rows.tile, lane, item.sample, item.head, args.heads_kv, args.dim, keys,
                          [&](int) { return scale; });
            store_rows<S>(args.grad_value, p, rows.tile, lane, item.sample, item.head, args.heads_kv, args.dim_v,
                          values, [](int) { return T(1); });
            return;
        }
        const int64_t head = (static_cast<int64_t>(rows.chunk) * args.batch + item.sample) * args.heads_kv + item.head;
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i) {
            const RowPlace place(p, rows.tile, lane.warp * S::kWarpRows + lane.group + 4 * i);
            if (!place.there) continue;
            T* to = static_cast<T*>(p.extra_parts) + (head * args.extra + place.at.x) * (args.dim + args.dim_v);
            store_row<S>(to, lane, args.dim, p.aligned, keys[i], scale);
            store_row<S>(to + args.dim, lane, args.dim_v, p.aligned, values[i], T(1));
        }
    }
};

template <class S>
__global__ void __launch_bounds__(32 * kFmaWarps, S::kBackwardBlocks)
    neighborhood_backward_keys_fma(const __grid_constant__ NeighborhoodPass p) {
    NBV_SHARED(memory);
    const FmaLane lane;
    const BackwardKeysShared<S> shared(memory, blockDim.x / 32);
    const ColumnBits bits(p.tiling.columns);
    const int group = p.args.heads / p.args.heads_kv;
    make_places(shared.places, p.tiling.columns);
    __syncthreads();  // the table of places is there
    for (int64_t number = blockIdx.x; number < p.items; number += gridDim.x) {
        const Item item(p, static_cast<int32_t>(number));
        const KeyRows rows(p, item.tile);
        if (rows.tile.empty) continue;
        const CudaView& key = p.extra_rows ? p.args.extra_key : p.args.key;
        const CudaView& value = p.extra_rows ? p.args.extra_value : p.args.value;
        copy_rows<S>(shared.keys, p, rows.tile, key, item.sample, item.head, p.args.dim);
        copy_rows<S>(shared.values, p, rows.tile, value, item.sample, item.head, p.args.dim_v);
        RowWindow& window = shared.windows[threadIdx.x];
        window = rows.window(p, window_row<S>(lane));
        const PairBias<S> bias(p, rows.tile, lane, shared.places, Rows::kKeys);
        KeySums<S> sums;
        for (int head = item.head * group; head < (item.head + 1) * group; ++head) {
            ColumnCursor cursor = start_columns(rows.tile, p.tiling.columns, rows.begin);
            for (int step = rows.begin; step < rows.end; ++step) {
                copy_queries(shared, p, rows.tile, cursor.at, item.sample, head);
                cp_async_commit();
                cp_async_wait<0>();  // this thread's copies have arrived
                __syncthreads();     // and those of all others
                if (threadIdx.x == 0) count_tile();
                const Seen<S> seen(lane, static_cast<unsigned>(bits.seen(window, cursor.at)));
                if (seen.groups != 0) sums.add(shared, p, lane, bias, head, cursor.at, seen);
                __syncthreads();  // nobody reads the tiles any more
                cursor.advance(rows.tile, p.tiling.columns);
            }
        }
        sums.store(p, rows, lane, item);
    }
}

}  // namespace
}  // namespace nbv
