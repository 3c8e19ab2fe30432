// Gradients of keys and values: a block has a tile of keys, or of additional tokens, and lets the queries that see them
// pass by, of all heads that share the keys. Rows are keys here, columns are queries.
#pragma once

#include "../extra.h"
#include "backward_place.h"

namespace nbv {
namespace {

// Shared memory of a block; of a column, beside its query and the gradient of its output, its LSE and its delta.
template <class T, int D>
struct KeysMemory {
    using Tiles = KeysTiles<T, D>;
    using Blocks = BlockMemory<T, D, 2, Tiles::kColumns>;  // row tiles: keys, values

    const Blocks blocks;
    const BackwardTables tables;
    float* const numbers;  // [stage][LSE, delta][column]

    __host__ __device__ static constexpr int64_t bytes(int rows) {
        return numbers_at(rows) + 4 * Tiles::kColumns * static_cast<int64_t>(sizeof(float));
    }

    __device__ __forceinline__ KeysMemory(unsigned char* memory, int rows)
        : blocks(memory, rows),
          tables(memory + Blocks::bytes(rows)),
          numbers(reinterpret_cast<float*>(memory + numbers_at(rows))) {}

    __device__ __forceinline__ float* lse(int stage) const { return numbers + 2 * stage * Tiles::kColumns; }
    __device__ __forceinline__ float* delta(int stage) const { return lse(stage) + Tiles::kColumns; }

  private:
    __host__ __device__ static constexpr int64_t numbers_at(int rows) {
        return Blocks::bytes(rows) + BackwardTables::bytes(rows / Tiles::kWarpRows * Tiles::kShares);
    }
};

// What a warp does for one item.
template <class T, int D>
class KeysBackward {
  public:
    using Tiles = KeysTiles<T, D>;
    static constexpr int kRows = Tiles::kWarpRows, kGroup = Tiles::kGroup, kRowBlocks = kRows / 16;
    static constexpr int kShares = Tiles::kShares, kChannels = Tiles::kChannels;

    __device__ __forceinline__ KeysBackward(const NeighborhoodPass& p, const KeysMemory<T, D>& shared)
        : p_(p),
          shared_(shared),
          memory_(shared.blocks),
          bits_(shared.tables.bits),
          place_(shared.tables.places[threadIdx.x / 32]),
          lane_(threadIdx.x % 32),
          first_(threadIdx.x / 32 / kShares * kRows),
          share_(threadIdx.x / 32 % kShares),
          keys_(memory_.row_tile(0).from_row(first_)),
          values_(memory_.row_tile(1).from_row(first_)) {}

    __device__ __forceinline__ void run(int32_t number, int& stage) {
        if (!begin(number)) return;
        const Shape& columns = p_.tiling.columns;
        const int32_t heads = p_.args.heads / p_.args.heads_kv, tiles = place_.column_tiles;
        ColumnCursor cursor(place_.tile);
        cursor.at = place_.start;
        int32_t head = 0, step = 0;  // the head among those of the keys, the tile among those of a head
        const auto advance = [&](ColumnCursor& cursor, int32_t& head, int32_t& step) {
            cursor.advance(place_.tile, columns);
            if (++step < tiles) return;
            step = 0;
            ++head;
            cursor.at = place_.start;
        };
        stream_tiles(
            heads * tiles, stage,
            [&](int stage, int number) {
                ColumnCursor next = cursor;
                int32_t next_head = head, next_step = step;
                if (number > 0) advance(next, next_head, next_step);
                load(place_.item.head * heads + next_head, next.at, stage);
            },
            [&](int stage, int number) {
                if (threadIdx.x == 0) count_tile();
                if (number == 0) {
                    keys_.keep(lane_, p_.args.dim);
                    values_.keep(lane_, p_.args.dim_v);
                }
                work(place_.item.head * heads + head, stage, cursor.at);
                advance(cursor, head, step);
            });
        finish();
    }

  private:
    using Tile = SharedTile<T, D>;

    // False if there is nothing to do. Of warps that have the same rows, the first copies keys and the last values.
    __device__ __forceinline__ bool begin(int32_t number) {
        const NeighborhoodCudaArgs& args = p_.args;
        const Item item(p_, number);
        const BackwardPlace place = find_place(item);
        if (place.tile.empty) return false;
        __syncwarp();  // the warp is done with the item before, its place and the rows that it stored
        if (lane_ == 0) place_ = place;
        const CudaView& key = p_.extra_rows ? args.extra_key : args.key;
        const CudaView& value = p_.extra_rows ? args.extra_value : args.value;
        if (share_ == 0)
            copy_rows<kRows>(memory_.row_tile(0), first_, p_, place.tile, memory_.rows, key,
                             begin_of<T>(key, item.sample, item.head), args.dim);
        if (share_ == kShares - 1)
            copy_rows<kRows>(memory_.row_tile(1), first_, p_, place.tile, memory_.rows, value,
                             begin_of<T>(value, item.sample, item.head), args.dim_v);
        const int own = first_ + lane_ % kRows;
        window_ = p_.extra_rows ? make_extra_window(p_, place.tile, own)
                                : make_row_window<Rows::kKeys>(args, p_.tiling, place.tile, own);
        Position at;
        const BiasIndex index(args);
        bias_row_ = memory_.rows.find(place.tile, own, at) ? index.origin + index.of(at) : 0;
        clear<kRows, kChannels>(grad_keys_);
        clear<kRows, kChannels>(grad_values_);
        __syncwarp();  // the place is there
        return true;
    }

    __device__ __forceinline__ BackwardPlace find_place(const Item& item) const {
        const Shape& columns = p_.tiling.columns;
        if (p_.extra_rows) {
            const ExtraTile extra(p_, item.tile);
            return {item, extra.tile, start_columns(extra.tile, columns, extra.begin).at, extra.end - extra.begin};
        }
        const RowTile tile = make_row_tile<Rows::kKeys>(p_.args, p_.tiling, item.tile);
        return {item, tile, ColumnCursor(tile).at, count_column_tiles(tile, columns)};
    }

    // A tile of queries of `head`, the first of them at `at`.
    __device__ __forceinline__ void load(int32_t head, const Position& at, int stage) const {
        const NeighborhoodCudaArgs& args = p_.args;
        const RowTile& tile = place_.tile;
        const uint64_t exists = bits_.seen(union_window(tile), at);
        const int32_t sample = place_.item.sample;
        copy_columns<Tiles::kColumns>(
            memory_.column_tile(stage, 0),
            ColumnSource<T>{begin_of<T>(args.query, sample, head) + token_offset(args, args.query, tile, at),
                            memory_.columns.offsets[0], 0, exists},
            args.dim, p_.aligned);
        copy_columns<Tiles::kColumns>(
            memory_.column_tile(stage, 1),
            ColumnSource<T>{begin_of<T>(args.grad_out, sample, head) + token_offset(args, args.grad_out, tile, at),
                            memory_.columns.offsets[1], 0, exists},
            args.dim_v, p_.aligned);
        const int64_t first = sample * map_tokens(args) + token_number(args, tile, at);
        for (int i = threadIdx.x; i < Tiles::kColumns; i += blockDim.x) {
            const bool inside = (exists >> i & 1) != 0;
            const int64_t number = inside ? (first + memory_.columns.tokens[i]) * args.heads + head : 0;
            cp_async4(shared_.lse(stage) + i, static_cast<const float*>(args.lse) + number, inside);
            cp_async4(shared_.delta(stage) + i, static_cast<const float*>(p_.delta) + number, inside);
        }
    }

    // Groups of columns that some row of the warp sees.
    __device__ __forceinline__ void work(int32_t head, int stage, const Position& at) {
        const uint64_t seen = bits_.seen(window_, at);
#pragma unroll 1
        for (int column = 0; column < Tiles::kColumns; column += kGroup) {
            const WarpMask<kRows, kGroup> mask(seen >> column & lowest_bits(kGroup));
            if (mask.groups != 0) work_group(head, stage, column, mask, at);
        }
    }

    // dV += P^T dO, dS = P (V dO^T - delta), dK += dS^T Q, all transposed: rows are keys.
    __device__ __forceinline__ void work_group(int32_t head, int stage, int column, const WarpMask<kRows, kGroup>& mask,
                                               const Position& at) {
        const NeighborhoodCudaArgs& args = p_.args;
        const Tile queries = memory_.column_tile(stage, 0), grads_out = memory_.column_tile(stage, 1);
        const uint32_t seen = static_cast<uint32_t>(mask.word);
        WarpSums<kRows, kGroup> weights, grads;
        multiply_tiles(weights, keys_, queries, column, mask.groups, args.dim, lane_);
        for_columns(weights, shared_.lse(stage) + column, [&](float& x, float lse, int, int, int) {
            x = x * p_.logit_scale - subtrahend(lse * static_cast<float>(kLog2E));
        });
        if (args.bias != nullptr) {
            const BiasIndex index(args);
            const float* const bias = static_cast<const float*>(args.bias) + int64_t{head} * index.size(args);
            add_bias<-1>(weights, seen, bias - index.of(at), bias_row_, memory_.columns.bias + column, lane_);
        }
        for_sums(weights, [](float& x, int, int, int) { x = exp2_fast(x); });
        if (!mask.whole) mask_sums(weights, seen, lane_);
        const int channel = share_ * kChannels;
        add_products(grad_values_, weights, grads_out, column, mask.groups, channel, args.dim_v, lane_);
        multiply_tiles(grads, values_, grads_out, column, mask.groups, args.dim_v, lane_);
        for_columns(grads, shared_.delta(stage) + column,
                    [&](float& x, float delta, int i, int j, int e) { x = weights[i][j][e] * (x - delta); });
        if (!mask.whole) mask_sums(grads, seen, lane_);
        add_products(grad_keys_, grads, queries, column, mask.groups, channel, args.dim, lane_);
    }

    // visit(x, number, i, j, e) for each x = sums[i][j][e], with its column's number.
    template <class Visit>
    __device__ __forceinline__ void for_columns(WarpSums<kRows, kGroup>& sums, const float* numbers,
                                                const Visit& visit) const {
#pragma unroll
        for (int j = 0; j < kGroup / 8; ++j) {
            const float2 pair = *reinterpret_cast<const float2*>(numbers + 8 * j + lane_ % 4 * 2);
#pragma unroll
            for (int i = 0; i < kRowBlocks; ++i)
#pragma unroll
                for (int e = 0; e < 4; ++e) visit(sums[i][j][e], e % 2 == 0 ? pair.x : pair.y, i, j, e);
        }
    }

    __device__ __forceinline__ void finish() const {
        const NeighborhoodCudaArgs& args = p_.args;
        if constexpr (kShares > 1) {
            __syncthreads();  // both warps have read their rows, which next take gradients or other rows
        } else {
            __syncwarp();  // all lanes have read the rows
        }
        const float scale = static_cast<float>(args.scale);
        if (p_.extra_rows) return store_parts(scale);
        const int channel = share_ * kChannels;
        write_sums(memory_.row_tile(0).from_row(first_), grad_keys_, channel, scale, lane_);
        write_sums(memory_.row_tile(1).from_row(first_), grad_values_, channel, 1.0f, lane_);
        if constexpr (kShares > 1) {
            __syncthreads();  // gradients are there, of all channels
        } else {
            __syncwarp();  // gradients are there, for the lanes that store them
        }
        const Item& item = place_.item;
        const int64_t first = item.sample * map_tokens(args) * args.heads_kv + item.head;
        if (share_ == 0)
            store_rows<kRows>(memory_.row_tile(0), first_, p_, place_.tile, memory_.rows,
                              static_cast<T*>(args.grad_key) + first * args.dim, args.heads_kv, args.dim);
        if (share_ == kShares - 1)
            store_rows<kRows>(memory_.row_tile(1), first_, p_, place_.tile, memory_.rows,
                              static_cast<T*>(args.grad_value) + first * args.dim_v, args.heads_kv, args.dim_v);
    }

    // Sums over a chunk of the queries, in float: reduce.h adds those of all chunks.
    __device__ __forceinline__ void store_parts(float scale) const {
        const NeighborhoodCudaArgs& args = p_.args;
        const Item& item = place_.item;
        const int chunk = item.tile % p_.chunks, width = args.dim + args.dim_v, channel = share_ * kChannels;
        const int64_t block = (static_cast<int64_t>(chunk) * args.batch + item.sample) * args.heads_kv + item.head;
        float* const parts = static_cast<float*>(p_.extra_parts) + block * args.extra * width;
        const auto store = [&](const WarpSums<kRows, kChannels>& sums, int from, int dim, float factor) {
#pragma unroll
            for (int i = 0; i < 2 * kRowBlocks; ++i) {
                const int row = first_ + 8 * i + lane_ / 4;
                Position at;
                if (!memory_.rows.find(place_.tile, row, at)) continue;
#pragma unroll
                for (int j = 0; j < kChannels / 8; ++j)
#pragma unroll
                    for (int e = 0; e < 2; ++e) {
                        const int d = channel + 8 * j + lane_ % 4 * 2 + e;
                        if (d < dim) parts[int64_t{at.x} * width + from + d] = sums[i / 2][j][i % 2 * 2 + e] * factor;
                    }
            }
        };
        store(grad_keys_, 0, args.dim, scale);
        store(grad_values_, args.dim, args.dim_v, 1.0f);
    }

    const NeighborhoodPass& p_;
    const KeysMemory<T, D>& shared_;
    const typename KeysMemory<T, D>::Blocks& memory_;
    const ColumnBits& bits_;
    BackwardPlace& place_;
    const int lane_, first_, share_;  // first row of the warp, and which of its warps this is
    RowOperands<T, D, kRows, Tiles::kKeepKeys> keys_;
    RowOperands<T, D, kRows, Tiles::kKeepValues> values_;
    RowWindow window_;  // of row lane_ modulo kRows, as is the next
    int32_t bias_row_;
    WarpSums<kRows, kChannels> grad_keys_, grad_values_;
};

template <class T, int D>
__global__ void __launch_bounds__(32 * kMostWarps, KeysTiles<T, D>::kBlocks)
    neighborhood_backward_keys_mma(const __grid_constant__ NeighborhoodPass p) {
    using Work = KeysBackward<T, D>;
    NBV_SHARED(bytes);
    const KeysMemory<T, D> memory(bytes, blockDim.x / 32 / Work::kShares * Work::kRows);
    memory.blocks.columns.fill(p, p.args.query, p.args.grad_out);
    memory.blocks.rows.fill(p.tiling);
    memory.tables.fill(p.tiling);
    __syncthreads();  // tables are there
    Work work(p, memory);
    int stage = 0;
    for (int64_t number = blockIdx.x; number < p.items; number += gridDim.x)
        work.run(static_cast<int32_t>(number), stage);
}

}  // namespace
}  // namespace nbv
