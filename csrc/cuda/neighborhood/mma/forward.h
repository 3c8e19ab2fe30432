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
    template <bool kWhole>
    __device__ __forceinline__ void soften(WarpSums<kRows, kColumns>& logits, const WarpMask<kRows, kColumns>& mask) {
        float fading[kBlocks][2];
        bool fades = false;
#pragma unroll
        for (int i = 0; i < 2 * kBlocks; ++i) {
            const int r = i / 2, half = i % 2;
            float top = most[r][half];
#pragma unroll
            for (int j = 0; j < kColumns / 8; ++j)
                if (kWhole || mask.holds(j / 2))
                    top = fmaxf(top, fmaxf(logits[r][j][2 * half], logits[r][j][2 * half + 1]));
            top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFu, top, 1));
            top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFu, top, 2));
            const float base = top == -INFINITY ? 0.0f : top;  // nothing seen so far: -inf - -inf is NaN
            fading[r][half] = exp2_fast(most[r][half] - base);
            fades = fades || fading[r][half] != 1.0f;
            most[r][half] = top;
            float sum = 0.0f;
#pragma unroll
            for (int j = 0; j < kColumns / 8; ++j) {
                if (!kWhole && !mask.holds(j / 2)) continue;
#pragma unroll
                for (int e = 2 * half; e < 2 * half + 2; ++e) {
                    logits[r][j][e] = exp2_fast(logits[r][j][e] - base);
                    sum += logits[r][j][e];
                }
            }
            total[r][half] = total[r][half] * fading[r][half] + sum;
        }
        if (!__any_sync(0xFFFFFFFFu, fades)) return;  // maxima settle soon
#pragma unroll
        for (int r = 0; r < kBlocks; ++r)
#pragma unroll
            for (int j = 0; j < D / 8; ++j)
#pragma unroll
                for (int e = 0; e < 4; ++e) out[r][j][e] *= fading[r][e / 2];
    }
};

// A block's work on one item.
template <class T, int D>
class ForwardItem {
  public:
    using Tiles = ForwardTiles<T, D>;
    static constexpr int kRows = Tiles::kWarpRows, kColumns = Tiles::kColumns;
    using Memory = BlockMemory<T, D, 1, kColumns>;
    using Mask = WarpMask<kRows, kColumns>;

    __device__ __forceinline__ ForwardItem(const NeighborhoodPass& p, const Memory& memory, const ColumnBits& bits,
                                           const Item& item, const RowTile& t)
        : p_(p),
          memory_(memory),
          bits_(bits),
          item_(item),
          t_(t),
          lane_(threadIdx.x % 32),
          first_row_(threadIdx.x / 32 * kRows),
          query_(memory.row_tile(0), first_row_, lane_),
          key_reader_(lane_),
          value_reader_(lane_) {
        const int row = first_row_ + lane_ % kRows;
        window_ = make_row_window<Rows::kQueries>(p.args, p.tiling, t, row);
        Position at;
        exists_ = memory.rows.find(t, row, at);
        bias_row_ = BiasIndex(p.args).origin - BiasIndex(p.args).of(at);
    }

    __device__ __forceinline__ void run(int& stage) {
        const NeighborhoodCudaArgs& args = p_.args;
        const T* const query =
            static_cast<const T*>(args.query.data) + item_.sample * args.query.batch + item_.head * args.query.head;
        copy_rows<kRows>(memory_.row_tile(0), first_row_, p_, t_, memory_.rows, args.query, query, args.dim);
        const int windows = count_column_tiles(t_, p_.tiling.columns);
        const int tiles = windows + (args.extra + kColumns - 1) / kColumns;
        ColumnCursor coming(t_), here(t_);
        stream_tiles(
            tiles, stage,
            [&](int stage, int tile) {
                if (tile >= windows) return load_extra(stage, (tile - windows) * kColumns);
                load_window(stage, coming.at);
                coming.advance(t_, p_.tiling.columns);
            },
            [&](int stage, int tile) {
                if (threadIdx.x == 0) count_tile();
                if (tile == 0) query_.keep(args.dim);
                if (tile >= windows) {
                    const int left = args.extra - (tile - windows) * kColumns;
                    return visit(stage, exists_ ? lowest_bits(min(left, kColumns)) : 0, nullptr);
                }
                const float* bias = static_cast<const float*>(args.bias);
                const BiasIndex index(args);
                if (bias != nullptr) bias += item_.head * index.size(args) + index.of(here.at);
                visit(stage, bits_.seen(window_, here.at), bias);
                here.advance(t_, p_.tiling.columns);
            });
        finish();
    }

  private:
    __device__ __forceinline__ void load_window(int stage, const Position& at) const {
        const uint64_t exists = bits_.seen(union_window(t_), at);
        load(stage, p_.args.key, token_offset(p_.args, p_.args.key, t_, at), memory_.columns.offsets[0], 0, exists, 0);
        load(stage, p_.args.value, token_offset(p_.args, p_.args.value, t_, at), memory_.columns.offsets[1], 0, exists,
             1);
    }
    __device__ __forceinline__ void load_extra(int stage, int first) const {
        const CudaView &key = p_.args.extra_key, &value = p_.args.extra_value;
        const uint64_t exists = lowest_bits(p_.args.extra - first);
        load(stage, key, first * key.axis[2], nullptr, key.axis[2], exists, 0);
        load(stage, value, first * value.axis[2], nullptr, value.axis[2], exists, 1);
    }
    __device__ __forceinline__ void load(int stage, const CudaView& view, int64_t offset, const int64_t* offsets,
                                         int64_t step, uint64_t exists, int which) const {
        const int head = item_.head / (p_.args.heads / p_.args.heads_kv);
        const T* const first = static_cast<const T*>(view.data) + item_.sample * view.batch + head * view.head + offset;
        copy_columns<kColumns>(memory_.column_tile(stage, which), ColumnSource<T>{first, offsets, step, exists},
                               which == 0 ? p_.args.dim : p_.args.dim_v, p_.aligned);
    }

    __device__ __forceinline__ void visit(int stage, uint64_t seen, const float* bias) {
        const Mask mask(seen);
        if (mask.whole)
            add<true>(stage, mask, bias);
        else if (mask.groups != 0)
            add<false>(stage, mask, bias);
    }

    template <bool kWhole>
    __device__ __forceinline__ void add(int stage, const Mask& mask, const float* bias) {
        WarpSums<kRows, kColumns> logits;
        multiply_columns<kWhole>(logits, query_, key_reader_, memory_.column_tile(stage, 0), mask, p_.args.dim);
        make_logits<kWhole>(logits, mask, lane_, static_cast<float>(p_.args.scale * kLog2E), bias, bias_row_,
                            memory_.columns.bias);
        sums_.template soften<kWhole>(logits, mask);
        add_weighted_columns<kWhole, T, D, kRows, kColumns>(sums_.out, logits, value_reader_,
                                                            memory_.column_tile(stage, 1), mask, p_.args.dim_v);
    }

    // Results go to where the warp's queries were, and from there to global memory in whole chunks.
    __device__ __forceinline__ void finish() {
        const NeighborhoodCudaArgs& args = p_.args;
        const int64_t map = static_cast<int64_t>(args.axis[0].length) * args.axis[1].length * args.axis[2].length;
        const int64_t first = item_.sample * map * args.heads + item_.head;
        const SharedTile<T, D> tile = memory_.row_tile(0);
        __syncwarp();  // the warp has read its queries
#pragma unroll
        for (int i = 0; i < kRows / 8; ++i) {
            const int r = i / 2, half = i % 2, row = first_row_ + 8 * i + lane_ / 4;
            float total = sums_.total[r][half];
            total += __shfl_xor_sync(0xFFFFFFFFu, total, 1);
            total += __shfl_xor_sync(0xFFFFFFFFu, total, 2);
            const float share = 1.0f / total;
#pragma unroll
            for (int j = 0; j < D / 8; ++j)
                Mma<T>::store2(tile.pair(row, 8 * j + lane_ % 4 * 2), sums_.out[r][j][2 * half] * share,
                               sums_.out[r][j][2 * half + 1] * share);
            Position at;
            if (lane_ % 4 == 0 && memory_.rows.find(t_, row, at))
                static_cast<float*>(args.lse)[first + token_number(args, t_, at) * args.heads] =
                    (sums_.most[r][half] + log2f(total)) * kLn2;
        }
        __syncwarp();  // the warp's results are there
        store_rows<kRows>(tile, first_row_, p_, t_, memory_.rows, static_cast<T*>(args.out) + first * args.dim_v,
                          args.heads, args.dim_v);
        __syncwarp();  // the next queries may take their place
    }

    const NeighborhoodPass& p_;
    const Memory& memory_;
    const ColumnBits& bits_;
    const Item& item_;
    const RowTile& t_;
    int lane_, first_row_;
    RowOperands<T, D, kRows, Tiles::kKeepQuery> query_;
    ColumnReader<T, D> key_reader_;
    TransposedReader<T, D> value_reader_;
    RowWindow window_;  // of row lane % kRows of the warp's
    bool exists_;
    int bias_row_;
    ForwardSums<T, D> sums_;
};

template <class T, int D>
__global__ void __launch_bounds__(32 * kMostWarps, ForwardTiles<T, D>::kBlocks)
    neighborhood_forward_mma(const __grid_constant__ NeighborhoodPass p) {
    using Work = ForwardItem<T, D>;
    NBV_SHARED(memory);
    const typename Work::Memory block(memory, blockDim.x / 32 * Work::kRows);
    block.columns.fill(p, p.args.key, p.args.value);
    block.rows.fill(p.tiling);
    __syncthreads();  // tables are there
    const ColumnBits bits(p.tiling.columns);
    int stage = 0;
    for (int64_t number = blockIdx.x; number < p.items; number += gridDim.x) {
        const Item item(p, static_cast<int32_t>(number));
        const RowTile t = make_row_tile<Rows::kQueries>(p.args, p.tiling, item.tile);
        if (!t.empty) Work(p, block, bits, item, t).run(stage);
    }
}

}  // namespace
}  // namespace nbv
