// Which tokens a block's tiles hold, which columns its rows see, and the logits of both.
#pragma once

#include "../extra.h"
#include "products.h"

namespace nbv {
namespace {

// Where row `row` of a tile is; whether there is one.
struct RowPlace {
    bool there;
    Position at;

    __device__ __forceinline__ RowPlace(const NeighborhoodPass& p, const RowTile& t, int row) {
        const Position local = split_index(row, p.tiling.rows);
        at = {t.first[0] + local.z, t.first[1] + local.y, t.first[2] + local.x};
        there = row < p.tiling.rows.product() && at.z < t.length[0] && at.y < t.length[1] && at.x < t.length[2];
    }
};

// Tokens before those of a sample, in contiguous tensors.
__device__ __forceinline__ int64_t map_begin(const NeighborhoodPass& p, int sample) {
    return static_cast<int64_t>(sample) * p.args.axis[0].length * p.args.axis[1].length * p.args.axis[2].length;
}

template <class S>
__device__ __forceinline__ void copy_rows(typename S::Type* to, const NeighborhoodPass& p, const RowTile& t,
                                          const CudaView& view, int sample, int head, int dim) {
    const int64_t begin = sample * view.batch + head * view.head;
    copy_tokens<S>(to, static_cast<int>(blockDim.x) / 32 * S::kWarpRows, view.data, dim, p.aligned, [&](int row) {
        const RowPlace place(p, t, row);
        return place.there ? begin + token_offset(p.args, view, t, place.at) : int64_t{-1};
    });
}

// Positions of columns in a tile, one byte per axis: looked up, as dividing takes longer.
__device__ __forceinline__ void make_places(int* places, const Shape& columns) {
    for (int n = threadIdx.x; n < kMostPlaces; n += blockDim.x) {
        const Position at = split_index(n, columns);
        places[n] = n < columns.product() ? at.z << 16 | at.y << 8 | at.x : -1;
    }
}

__device__ __forceinline__ Position unpack_place(int place) { return {place >> 16, place >> 8 & 255, place & 255}; }

// The n-th column of the tile at `first`; whether it is one that the row tile needs.
struct ColumnPlace {
    bool there;
    Position at;

    __device__ __forceinline__ ColumnPlace(const int* places, const RowTile& t, const Position& first, int n) {
        const int place = places[n];
        const Position local = unpack_place(place);
        at = {first.z + local.z, first.y + local.y, first.x + local.x};
        there = place >= 0 && at.z < t.columns[0].end && at.y < t.columns[1].end && at.x < t.columns[2].end;
    }
};

template <class S>
__device__ __forceinline__ void copy_columns(typename S::Type* to, const NeighborhoodPass& p, const RowTile& t,
                                             const int* places, const Position& first, const CudaView& view, int sample,
                                             int head, int dim) {
    const int64_t begin = sample * view.batch + head * view.head;
    copy_tokens<S>(to, S::kColumns, view.data, dim, p.aligned, [&](int n) {
        const ColumnPlace place(places, t, first, n);
        return place.there ? begin + token_offset(p.args, view, t, place.at) : int64_t{-1};
    });
}

// What the rows of a lane see of a tile of columns. Bits of a row: column 8 j of the lane's is bit 8 j.
template <class S>
struct Seen {
    unsigned rows[S::kLaneRows];
    unsigned groups = 0;  // bit j: some row of the warp sees one of the columns [8 j, 8 j + 8)

    // `bits` are those of the warp's row that has the lane's number.
    __device__ __forceinline__ Seen(const FmaLane& lane, unsigned bits) {
#pragma unroll
        for (int j = 0; j < S::kLaneColumns; ++j)
            groups |= static_cast<unsigned>(__any_sync(0xFFFFFFFFu, (bits >> 8 * j & 255) != 0)) << j;
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i)
            rows[i] = __shfl_sync(0xFFFFFFFFu, bits, lane.group + 4 * i) >> lane.column;
    }

    __device__ __forceinline__ bool operator()(int i, int j) const { return (rows[i] >> 8 * j & 1) != 0; }
};

// The row that a lane finds the window of, for its warp; one that no tile has for lanes that have no row to find.
template <class S>
__device__ __forceinline__ int window_row(const FmaLane& lane) {
    const int row = threadIdx.x % 32;
    return row < S::kWarpRows ? lane.warp * S::kWarpRows + row : kFmaWarps * S::kWarpRows;
}

// The bias of pairs: a sum of parts of the row, the column and the tile's place. Keys minus queries. Where columns are
// in their tile is looked up, as registers are short.
template <class S>
struct PairBias {
    using T = typename S::Type;
    const int* places;
    int rows[S::kLaneRows];
    int sign;  // of columns

    __device__ __forceinline__ PairBias(const NeighborhoodPass& p, const RowTile& t, const FmaLane& lane,
                                        const int* places, Rows kind)
        : places(places + lane.column), sign(kind == Rows::kQueries ? 1 : -1) {
        const BiasIndex index(p.args);
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i) {
            const RowPlace place(p, t, lane.warp * S::kWarpRows + lane.group + 4 * i);
            rows[i] = index.origin - sign * index.of(place.at);
        }
    }

    // Adds it, times log2 e, where a row sees a column.
    __device__ __forceinline__ void add(const NeighborhoodPass& p, int head, const Position& first, const Seen<S>& seen,
                                        Scores<S>& logits) const {
        const BiasIndex index(p.args);
        const T* table = static_cast<const T*>(p.args.bias) + static_cast<int64_t>(head) * index.size(p.args);
#pragma unroll
        for (int j = 0; j < S::kLaneColumns; ++j) {
            const Position at = unpack_place(places[8 * j]);
            const int column = sign * index.of({first.z + at.z, first.y + at.y, first.x + at.x});
#pragma unroll
            for (int i = 0; i < S::kLaneRows; ++i)
                if (seen(i, j)) logits[i][j] += __ldg(table + rows[i] + column) * static_cast<T>(kLog2E);
        }
    }
};

// The columns of a tile of queries: keys of the windows' union, then additional ones, tile by tile.
template <class S>
struct KeyTiles {
    using T = typename S::Type;
    const NeighborhoodPass& p;
    const RowTile& t;
    const int* places;
    int sample, head;  // of keys
    int windows, end, step = 0;
    ColumnCursor cursor;

    __device__ __forceinline__ KeyTiles(const NeighborhoodPass& pass, const RowTile& tile, const int* table,
                                        const Item& item)
        : p(pass),
          t(tile),
          places(table),
          sample(item.sample),
          head(item.head / (pass.args.heads / pass.args.heads_kv)),
          windows(count_column_tiles(tile, pass.tiling.columns)),
          end(windows + (pass.args.extra + S::kColumns - 1) / S::kColumns),
          cursor(tile) {}

    __device__ __forceinline__ bool more() const { return step < end; }
    __device__ __forceinline__ bool extra() const { return step >= windows; }
    __device__ __forceinline__ void advance() {
        ++step;
        cursor.advance(t, p.tiling.columns);
    }

    __device__ __forceinline__ void copy(T* keys, T* values) const {
        copy_one(keys, p.args.key, p.args.extra_key, p.args.dim);
        copy_one(values, p.args.value, p.args.extra_value, p.args.dim_v);
    }

    // Of the row with this window.
    __device__ __forceinline__ unsigned seen(const ColumnBits& bits, const RowWindow& row, bool there) const {
        if (!extra()) return static_cast<unsigned>(bits.seen(row, cursor.at));
        return there ? static_cast<unsigned>(lowest_bits(p.args.extra - (step - windows) * S::kColumns)) : 0;
    }

  private:
    __device__ __forceinline__ void copy_one(T* to, const CudaView& map, const CudaView& additional, int dim) const {
        if (!extra()) return copy_columns<S>(to, p, t, places, cursor.at, map, sample, head, dim);
        const int64_t begin = sample * additional.batch + head * additional.head;
        const int first = (step - windows) * S::kColumns;
        copy_tokens<S>(to, S::kColumns, additional.data, dim, p.aligned, [&](int n) {
            return first + n < p.args.extra ? begin + (first + n) * additional.axis[2] : int64_t{-1};
        });
    }
};

// Sums of rows, times a factor each, to a contiguous tensor [batch, z, y, x, heads, dim].
template <class S, class Factor>
__device__ __forceinline__ void store_rows(void* data, const NeighborhoodPass& p, const RowTile& t, const FmaLane& lane,
                                           int sample, int head, int heads, int dim, const Sums<S>& sums,
                                           const Factor& factor) {
    using T = typename S::Type;
#pragma unroll
    for (int i = 0; i < S::kLaneRows; ++i) {
        const RowPlace place(p, t, lane.warp * S::kWarpRows + lane.group + 4 * i);
        if (!place.there) continue;
        const int64_t token = map_begin(p, sample) + token_number(p.args, t, place.at);
        store_row<S>(static_cast<T*>(data) + (token * heads + head) * dim, lane, dim, p.aligned, sums[i], factor(i));
    }
}

}  // namespace
}  // namespace nbv
