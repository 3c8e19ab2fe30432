// Forward on tensor cores: a block holds queries and goes over the keys of their windows with an online softmax, all
// in base 2.
#pragma once

#include "logits.h"
#include "products.h"

namespace nbv {
namespace {

// What a warp has summed up of its rows; a lane has halves 0 and 1 (rows g and g + 8) of each block of 16.
template <class T, int D>
struct ForwardSums {
    using Tiles = ForwardTiles<T, D>;
    static constexpr int kRows = Tiles::kWarpRows, kColumns = Tiles::kColumns, kBlocks = kRows / 16;

    WarpSums<kRows, D> out;
    float most[kBlocks][2], total[kBlocks][2];  // of logits, of weights: the total of this lane's columns only

    __device__ __forceinline__ ForwardSums() {
        clear<kRows, D>(out);
#pragma unroll
        for (int i = 0; i < 2 * kBlocks; ++i) {
            most[i / 2][i % 2] = -INFINITY;
            total[i / 2][i % 2] = 0.0f;
        }
    }

    // Logits become weights; what was summed before is scaled to the new maximum.
    __device__ __forceinline__ void soften(WarpSums<kRows, kColumns>& logits, const WarpMask<kRows, kColumns>& mask) {
        float base[kBlocks][2], fading[kBlocks][2];
        bool fades = false;
        for_halves([&](int r, int half) { base[r][half] = most[r][half]; });
        for_logits(mask, logits, [&](float& x, int r, int half) { base[r][half] = fmaxf(base[r][half], x); });
        for_halves([&](int r, int half) {
            float top = base[r][half];
            top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFu, top, 1));
            top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFu, top, 2));
            base[r][half] = top == -INFINITY ? 0.0f : top;  // nothing seen so far: -inf - -inf is NaN
            fading[r][half] = exp2_fast(most[r][half] - base[r][half]);
            fades = fades || fading[r][half] != 1.0f;
            most[r][half] = top;
            total[r][half] *= fading[r][half];
        });
        for_logits(mask, logits, [&](float& x, int r, int half) {
            x = exp2_fast(x - base[r][half]);
            total[r][half] += x;
        });
        if (!__any_sync(0xFFFFFFFFu, fades)) return;  // maxima settle soon
#pragma unroll
        for (int r = 0; r < kBlocks; ++r)
#pragma unroll
            for (int j = 0; j < D / 8; ++j)
#pragma unroll
                for (int e = 0; e < 4; ++e) out[r][j][e] *= fading[r][e / 2];
    }

  private:
    template <class Visit>
    __device__ __forceinline__ static void for_halves(const Visit& visit) {
#pragma unroll
        for (int i = 0; i < 2 * kBlocks; ++i) visit(i / 2, i % 2);
    }

    template <class Visit>
    __device__ __forceinline__ static void for_logits(const WarpMask<kRows, kColumns>& mask,
                                                      WarpSums<kRows, kColumns>& logits, const Visit& visit) {
#pragma unroll
        for (int j = 0; j < kColumns / 8; j += 2) {
            if (!mask.holds(j / 2)) continue;
#pragma unroll
            for (int i = 0; i < 2 * kBlocks; ++i)
#pragma unroll
                for (int e = 0; e < 4; ++e) visit(logits[i / 2][j + e / 2][i % 2 * 2 + e % 2], i / 2, i % 2);
        }
    }
};

// What does not change while keys pass by, in shared memory, for a warp: registers are for sums.
struct ForwardPlace {
    uint32_t number;  // of the item
    Item item;
    RowTile tile;
    int32_t windows, tiles;  // column tiles: of windows; also those of additional tokens

    __device__ __forceinline__ ForwardPlace(const NeighborhoodPass& p, uint32_t number, int columns)
        : number(number),
          item(p, static_cast<int32_t>(number)),
          tile(make_row_tile<Rows::kQueries>(p.args, p.tiling, item.tile)),
          windows(count_column_tiles(tile, p.tiling.columns)),
          tiles(windows + (p.args.extra + columns - 1) / columns) {}
};

struct ForwardTables {
    ColumnBits bits;
    ForwardPlace places[kMostWarps];  // of the block's warps
};

// A block's work on one item.
template <class T, int D>
class ForwardItem {
  public:
    using Tiles = ForwardTiles<T, D>;
    static constexpr int kRows = Tiles::kWarpRows, kColumns = Tiles::kColumns;
    using Memory = BlockMemory<T, D, 1, kColumns, ColumnTable<kColumns>>;
    using Mask = WarpMask<kRows, kColumns>;
    static constexpr int64_t kTables = (sizeof(ForwardTables) + 127) / 128 * 128;

    __host__ __device__ static constexpr int64_t bytes(int block_rows) { return kTables + Memory::bytes(block_rows); }

    __device__ __forceinline__ ForwardItem(const NeighborhoodPass& p, const ForwardTables& tables, const Memory& memory)
        : p_(p),
          memory_(memory),
          bits_(tables.bits),
          place_(tables.places[threadIdx.x / 32]),
          lane_(threadIdx.x % 32),
          first_row_(threadIdx.x / 32 * kRows),
          query_(memory.row_tile(0).from_row(first_row_)) {
        const int row = first_row_ + lane_ % kRows;
        window_ = make_row_window<Rows::kQueries>(p.args, p.tiling, place_.tile, row);
        Position at;
        memory.rows.find(place_.tile, row, at);
        bias_row_ = BiasIndex(p.args).origin - BiasIndex(p.args).of(at);
    }

    __device__ __forceinline__ void run(int& stage) {
        const NeighborhoodCudaArgs& args = p_.args;
        const T* const query = static_cast<const T*>(args.query.data) + place_.item.sample * args.query.batch +
                               place_.item.head * args.query.head;
        copy_rows<kRows>(memory_.row_tile(0), first_row_, p_, place_.tile, memory_.rows, args.query, query, args.dim);
        ColumnCursor here(place_.tile);  // of the tile that is visited
        stream_tiles(
            place_.tiles, stage,
            [&](int stage, int tile) {
                if (tile >= place_.windows) return load_extra(stage, (tile - place_.windows) * kColumns);
                ColumnCursor coming = here;
                if (tile > 0) coming.advance(place_.tile, p_.tiling.columns);
                load_window(stage, coming.at);
            },
            [&](int stage, int tile) {
                if (threadIdx.x == 0) count_tile();
                if (tile == 0) query_.keep(lane_, args.dim);
                const bool extra = tile >= place_.windows;
                uint64_t seen = lowest_bits(min(args.extra - (tile - place_.windows) * kColumns, kColumns));
                if (!extra)
                    seen = bits_.seen(window_, here.at);
                else if (window_.columns[2].end == window_.columns[2].begin)
                    seen = 0;  // the tile does not have this row
                visit(stage, seen, here.at, args.bias != nullptr && !extra);
                if (!extra) here.advance(place_.tile, p_.tiling.columns);
            });
        finish();
    }

  private:
    __device__ __forceinline__ void load_window(int stage, const Position& at) const {
        const CudaView &key = p_.args.key, &value = p_.args.value;
        const uint64_t exists = bits_.seen(union_window(place_.tile), at);
        load(stage, key, token_offset(p_.args, key, place_.tile, at), memory_.columns.offsets[0], 0, exists, 0);
        load(stage, value, token_offset(p_.args, value, place_.tile, at), memory_.columns.offsets[1], 0, exists, 1);
    }
    __device__ __forceinline__ void load_extra(int stage, int first) const {
        const CudaView &key = p_.args.extra_key, &value = p_.args.extra_value;
        const uint64_t exists = lowest_bits(p_.args.extra - first);
        load(stage, key, first * key.axis[2], nullptr, key.axis[2], exists, 0);
        load(stage, value, first * value.axis[2], nullptr, value.axis[2], exists, 1);
    }
    __device__ __forceinline__ void load(int stage, const CudaView& view, int64_t offset, const int64_t* offsets,
                                         int64_t step, uint64_t exists, int which) const {
        const int head = place_.item.head / (p_.args.heads / p_.args.heads_kv);
        const T* const first =
            static_cast<const T*>(view.data) + place_.item.sample * view.batch + head * view.head + offset;
        copy_columns<kColumns>(memory_.column_tile(stage, which), ColumnSource<T>{first, offsets, step, exists},
                               which == 0 ? p_.args.dim : p_.args.dim_v, p_.aligned);
    }

    // A column tile that has arrived, with the columns that the lane's row sees.
    __device__ __forceinline__ void visit(int stage, uint64_t seen, const Position& at, bool has_bias) {
        const Mask mask(seen);
        if (mask.groups == 0) return;
        WarpSums<kRows, kColumns> logits;
        const int lane = forget(lane_);
        multiply_columns(logits, query_, memory_.column_tile(stage, 0), mask, lane, p_.args.dim);
        TileBias bias{nullptr, bias_row_, memory_.columns.bias};
        if (has_bias) {
            const BiasIndex index(p_.args);
            bias.entries =
                static_cast<const float*>(p_.args.bias) + place_.item.head * index.size(p_.args) + index.of(at);
        }
        make_logits(logits, mask, lane, p_.logit_scale, bias);
        sums_.soften(logits, mask);
        add_weighted_columns<T, D, kRows, kColumns>(sums_.out, logits, memory_.column_tile(stage, 1), mask, lane,
                                                    p_.args.dim_v);
    }

    // Results go to where the warp's queries were, and from there to global memory in whole chunks.
    __device__ __forceinline__ void finish() {
        const NeighborhoodCudaArgs& args = p_.args;
        const int64_t map = static_cast<int64_t>(args.axis[0].length) * args.axis[1].length * args.axis[2].length;
        const int64_t first = place_.item.sample * map * args.heads + place_.item.head;
        const SharedTile<T, D> tile = memory_.row_tile(0);
        __syncwarp();  // the warp has read its queries
#pragma unroll
        for (int i = 0; i < kRows / 8; ++i) {
            const int r = i / 2, half = i % 2, row = first_row_ + 8 * i + lane_ / 4;
            float total = sums_.total[r][half];
            total += __shfl_xor_sync(0xFFFFFFFFu, total, 1);
            total += __shfl_xor_sync(0xFFFFFFFFu, total, 2);
            const float share = share_of(total);
#pragma unroll
            for (int j = 0; j < D / 8; ++j)
                Mma<T>::store2(tile.pair(row, 8 * j + lane_ % 4 * 2), sums_.out[r][j][2 * half] * share,
                               sums_.out[r][j][2 * half + 1] * share);
            Position at;
            if (lane_ % 4 == 0 && memory_.rows.find(place_.tile, row, at))
                static_cast<float*>(args.lse)[first + token_number(args, place_.tile, at) * args.heads] =
                    (sums_.most[r][half] + log2f(total)) * kLn2;
        }
        __syncwarp();  // the warp's results are there
        // The next queries go to the same chunks by the same lanes: no barrier comes between.
        store_rows<kRows>(tile, first_row_, p_, place_.tile, memory_.rows,
                          static_cast<T*>(args.out) + first * args.dim_v, args.heads, args.dim_v);
    }

    const NeighborhoodPass& p_;
    const Memory& memory_;
    const ColumnBits& bits_;
    const ForwardPlace& place_;
    int lane_, first_row_;
    RowOperands<T, D, kRows, Tiles::kKeepQuery> query_;
    RowWindow window_;  // of row lane % kRows of the warp's
    int bias_row_;
    ForwardSums<T, D> sums_;
};

template <class T, int D>
__global__ void __launch_bounds__(32 * kMostWarps, ForwardTiles<T, D>::kBlocks)
    neighborhood_forward_mma(const __grid_constant__ NeighborhoodPass p) {
    using Work = ForwardItem<T, D>;
    NBV_SHARED(memory);
    ForwardTables& tables = *reinterpret_cast<ForwardTables*>(memory);
    const typename Work::Memory block(memory + Work::kTables, blockDim.x / 32 * Work::kRows);
    block.columns.fill(p, p.args.key, p.args.value);
    block.rows.fill(p.tiling);
    if (threadIdx.x == 0) tables.bits = ColumnBits(p.tiling.columns);
    __syncthreads();  // tables are there
    int stage = 0;
    ForwardPlace& place = tables.places[threadIdx.x / 32];
    for (uint32_t number = blockIdx.x; number < p.items; number = place.number + gridDim.x) {
        __syncwarp();  // the warp has left its place
        if (threadIdx.x % 32 == 0) place = ForwardPlace(p, number, Work::kColumns);
        __syncwarp();  // the next one is there
        if (!place.tile.empty) Work(p, tables, block).run(stage);
    }
}

}  // namespace
}  // namespace nbv
