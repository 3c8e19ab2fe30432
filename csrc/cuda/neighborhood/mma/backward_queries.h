// Gradients of queries and of the bias: a block has a tile of queries and lets their keys and values pass by. Each warp
// has rows of its own, of which nobody else reads or writes anything.
#pragma once

#include "backward_place.h"
#include "warp_bias_sums.h"

namespace nbv {
namespace {

// Shared memory of a block.
template <class T, int D>
struct QueriesMemory {
    using Tiles = QueriesTiles<T, D>;
    using Blocks = BlockMemory<T, D, 2, Tiles::kColumns>;  // row tiles: queries, gradients of outputs

    const Blocks blocks;
    const BackwardTables tables;
    unsigned char* const bias_sums;

    __host__ __device__ static constexpr int64_t bytes(int rows) {
        return Blocks::bytes(rows) + BackwardTables::bytes(rows / Tiles::kWarpRows);
    }

    __device__ __forceinline__ QueriesMemory(unsigned char* memory, int rows)
        : blocks(memory, rows), tables(memory + Blocks::bytes(rows)), bias_sums(memory + bytes(rows)) {}
};

// Items of a block: all with the stride of the grid, or, where the block keeps sums of a head, its share of that one's.
struct BlockItems {
    int32_t head, block;        // the head, and the block's number among its blocks; 0 without gradients of the bias
    uint32_t begin, end, step;  // unsigned, as the number after the last may be beyond 31 bits

    __device__ __forceinline__ explicit BlockItems(const NeighborhoodPass& p)
        : head(0), block(0), begin(blockIdx.x), end(static_cast<uint32_t>(p.items)), step(gridDim.x) {
        if (p.bias_parts == nullptr) return;
        const int blocks = static_cast<int>(gridDim.x) / p.args.heads;
        const int64_t items = p.items / p.args.heads;
        head = static_cast<int32_t>(blockIdx.x) / blocks;
        block = static_cast<int32_t>(blockIdx.x) % blocks;
        begin = static_cast<uint32_t>(head * items + items * block / blocks);
        end = static_cast<uint32_t>(head * items + items * (block + 1) / blocks);
        step = 1;
    }
};

// What a warp does for one item.
template <class T, int D>
class QueriesBackward {
  public:
    using Tiles = QueriesTiles<T, D>;
    static constexpr int kRows = Tiles::kWarpRows, kGroup = Tiles::kGroup, kRowBlocks = kRows / 16;

    __device__ __forceinline__ QueriesBackward(const NeighborhoodPass& p, const QueriesMemory<T, D>& memory,
                                               const WarpBiasSums<kGroup>& bias_sums)
        : p_(p),
          memory_(memory.blocks),
          bits_(memory.tables.bits),
          place_(memory.tables.places[threadIdx.x / 32]),
          bias_sums_(bias_sums),
          lane_(threadIdx.x % 32),
          first_(threadIdx.x / 32 * kRows),
          queries_(memory_.row_tile(0).from_row(first_)),
          grads_out_(memory_.row_tile(1).from_row(first_)) {}

    __device__ __forceinline__ void run(int32_t number, int& stage) {
        if (!begin(number)) return;
        const NeighborhoodCudaArgs& args = p_.args;
        const Shape& columns = p_.tiling.columns;
        ColumnCursor cursor(place_.tile);
        const int32_t extra_tiles = (args.extra + Tiles::kColumns - 1) / Tiles::kColumns;
        stream_tiles(
            place_.column_tiles + extra_tiles, stage,
            [&](int stage, int number) {
                if (number >= place_.column_tiles)
                    return load_extra((number - place_.column_tiles) * Tiles::kColumns, stage);
                ColumnCursor next = cursor;
                if (number > 0) next.advance(place_.tile, columns);
                load_window(next.at, stage);
            },
            [&](int stage, int number) {
                if (threadIdx.x == 0) count_tile();
                if (number == 0) {
                    queries_.keep(lane_, args.dim);
                    grads_out_.keep(lane_, args.dim_v);
                }
                if (number >= place_.column_tiles) {
                    const int32_t left = args.extra - (number - place_.column_tiles) * Tiles::kColumns;
                    return work(stage, exists_ ? lowest_bits(min(left, Tiles::kColumns)) : 0, nullptr);
                }
                work(stage, bits_.seen(window_, cursor.at), &cursor.at);
                cursor.advance(place_.tile, columns);
            });
        finish();
    }

  private:
    using Tile = SharedTile<T, D>;

    // False if there is nothing to do.
    __device__ __forceinline__ bool begin(int32_t number) {
        const NeighborhoodCudaArgs& args = p_.args;
        const Item item(p_, number);
        const RowTile tile = make_row_tile<Rows::kQueries>(args, p_.tiling, item.tile);
        if (tile.empty) return false;
        __syncwarp();  // the warp is done with the item before, its place and its rows
        if (lane_ == 0) place_ = {item, tile, ColumnCursor(tile).at, count_column_tiles(tile, p_.tiling.columns)};
        copy_rows<kRows>(memory_.row_tile(0), first_, p_, tile, memory_.rows, args.query,
                         begin_of<T>(args.query, item.sample, item.head), args.dim);
        copy_rows<kRows>(memory_.row_tile(1), first_, p_, tile, memory_.rows, args.grad_out,
                         begin_of<T>(args.grad_out, item.sample, item.head), args.dim_v);
        read_rows(item, tile);
        clear<kRows, D>(sums_);
        __syncwarp();  // the place is there
        return true;
    }

    // Numbers of rows: of those that the lane has sums of, and of the one whose columns it finds.
    __device__ __forceinline__ void read_rows(const Item& item, const RowTile& tile) {
        const NeighborhoodCudaArgs& args = p_.args;
        Position at;
#pragma unroll
        for (int i = 0; i < 2 * kRowBlocks; ++i) {
            float &lse = lse_[i / 2][i % 2], &delta = delta_[i / 2][i % 2];
            lse = delta = 0.0f;
            if (!memory_.rows.find(tile, first_ + 8 * i + lane_ / 4, at)) continue;
            const int64_t token = item.sample * map_tokens(args) + token_number(args, tile, at);
            const int64_t row = token * args.heads + item.head;
            lse = subtrahend(static_cast<const float*>(args.lse)[row] * static_cast<float>(kLog2E));
            delta = static_cast<const float*>(p_.delta)[row];
        }
        const int own = first_ + lane_ % kRows;
        window_ = make_row_window<Rows::kQueries>(args, p_.tiling, tile, own);
        exists_ = memory_.rows.find(tile, own, at);
        const BiasIndex index(args);
        bias_row_ = exists_ ? index.origin - index.of(at) : 0;
    }

    __device__ __forceinline__ void load_window(const Position& at, int stage) const {
        const NeighborhoodCudaArgs& args = p_.args;
        const uint64_t exists = bits_.seen(union_window(place_.tile), at);
        load(args.key, token_offset(args, args.key, place_.tile, at), memory_.columns.offsets[0], 0, exists, stage, 0);
        load(args.value, token_offset(args, args.value, place_.tile, at), memory_.columns.offsets[1], 0, exists, stage,
             1);
    }
    __device__ __forceinline__ void load_extra(int first, int stage) const {
        const CudaView &key = p_.args.extra_key, &value = p_.args.extra_value;
        const uint64_t exists = lowest_bits(p_.args.extra - first);
        load(key, first * key.axis[2], nullptr, key.axis[2], exists, stage, 0);
        load(value, first * value.axis[2], nullptr, value.axis[2], exists, stage, 1);
    }
    __device__ __forceinline__ void load(const CudaView& view, int64_t offset, const int64_t* offsets, int64_t step,
                                         uint64_t exists, int stage, int which) const {
        const NeighborhoodCudaArgs& args = p_.args;
        const int32_t head = place_.item.head / (args.heads / args.heads_kv);
        const T* const first = begin_of<T>(view, place_.item.sample, head) + offset;
        copy_columns<Tiles::kColumns>(memory_.column_tile(stage, which), ColumnSource<T>{first, offsets, step, exists},
                                      which == 0 ? args.dim : args.dim_v, p_.aligned);
    }

    // Groups of columns that some row of the warp sees. `at`: the tile's first position; null for additional tokens.
    __device__ __forceinline__ void work(int stage, uint64_t seen, const Position* at) {
#pragma unroll 1
        for (int column = 0; column < Tiles::kColumns; column += kGroup) {
            const WarpMask<kRows, kGroup> mask(seen >> column & lowest_bits(kGroup));
            if (mask.groups != 0) work_group(stage, column, mask, at);
        }
    }

    // dS = P (dO V^T - delta), dQ += dS K; in dS is no scale, so that the bias has its gradient from the same numbers.
    __device__ __forceinline__ void work_group(int stage, int column, const WarpMask<kRows, kGroup>& mask,
                                               const Position* at) {
        const NeighborhoodCudaArgs& args = p_.args;
        const int lane = forget(lane_);
        const Tile keys = memory_.column_tile(stage, 0), values = memory_.column_tile(stage, 1);
        const uint32_t seen = static_cast<uint32_t>(mask.word);
        const int32_t* const bias_columns = memory_.columns.bias + column;
        const bool biased = args.bias != nullptr && at != nullptr;
        const BiasIndex index(args);
        const int32_t base = biased ? index.of(*at) : 0;
        WarpSums<kRows, kGroup> grads, products;
        multiply_tiles(grads, queries_, keys, column, mask.groups, args.dim, lane);
        for_sums(grads, [&](float& x, int i, int, int e) { x = x * p_.logit_scale - lse_[i][e / 2]; });
        if (biased) {
            const float* const bias =
                static_cast<const float*>(args.bias) + int64_t{place_.item.head} * index.size(args);
            add_bias<1>(grads, seen, bias + base, bias_row_, bias_columns, lane);
        }
        multiply_tiles(products, grads_out_, values, column, mask.groups, args.dim_v, lane);
        for_sums(grads,
                 [&](float& x, int i, int j, int e) { x = exp2_fast(x) * (products[i][j][e] - delta_[i][e / 2]); });
        if (!mask.whole) mask_sums(grads, seen, lane);
        add_products(sums_, grads, keys, column, mask.groups, 0, args.dim, lane);
        if (!biased || bias_sums_.table == nullptr) return;
#pragma unroll
        for (int i = 0; i < kRowBlocks; ++i)
            bias_sums_.add(grads[i], 16 * i, seen, bias_row_, base, bias_columns, lane);
    }

    // By way of the warp's queries, which nobody needs any more.
    __device__ __forceinline__ void finish() const {
        const NeighborhoodCudaArgs& args = p_.args;
        const Item& item = place_.item;
        const int64_t first = item.sample * map_tokens(args) * args.heads + item.head;
        __syncwarp();  // all lanes have read the queries
        write_sums(memory_.row_tile(0).from_row(first_), sums_, 0, static_cast<float>(args.scale), lane_);
        __syncwarp();  // gradients are there, for the lanes that store them
        store_rows<kRows>(memory_.row_tile(0), first_, p_, place_.tile, memory_.rows,
                          static_cast<T*>(args.grad_query) + first * args.dim, args.heads, args.dim);
    }

    const NeighborhoodPass& p_;
    const typename QueriesMemory<T, D>::Blocks& memory_;
    const ColumnBits& bits_;
    BackwardPlace& place_;
    const WarpBiasSums<kGroup>& bias_sums_;
    const int lane_, first_;  // first row of the warp
    RowOperands<T, D, kRows, Tiles::kKeepRows> queries_, grads_out_;
    RowWindow window_;  // of row lane_ modulo kRows, as are the next two
    bool exists_;
    int32_t bias_row_;
    float lse_[kRowBlocks][2], delta_[kRowBlocks][2];  // of rows 16 i + 8 half + lane_ / 4; the LSE in base 2
    WarpSums<kRows, D> sums_;
};

template <class T, int D>
__global__ void __launch_bounds__(32 * kMostWarps, QueriesTiles<T, D>::kBlocks)
    neighborhood_backward_queries_mma(const __grid_constant__ NeighborhoodPass p) {
    using Work = QueriesBackward<T, D>;
    NBV_SHARED(bytes);
    const QueriesMemory<T, D> memory(bytes, blockDim.x / 32 * Work::kRows);
    memory.blocks.columns.fill(p, p.args.key, p.args.value);
    memory.blocks.rows.fill(p.tiling);
    memory.tables.fill(p.tiling);
    const BlockItems items(p);
    const WarpBiasSums<Work::kGroup> bias_sums(p, memory.bias_sums, items.head, items.block);
    __syncthreads();  // tables are there, and zeros for sums of the bias
    Work work(p, memory, bias_sums);
    int stage = 0;
    for (uint32_t number = items.begin; number < items.end; number += items.step)
        work.run(static_cast<int32_t>(number), stage);
    bias_sums.finish(p, items.head, items.block);
}

}  // namespace
}  // namespace nbv
