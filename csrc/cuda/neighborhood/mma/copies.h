// Copies of row tiles and column tiles to shared memory. What a tile has no token or no channel for is filled with
// zeros: products and sums go over it, and even a zero times what was left there could be NaN.
#pragma once

#include "../pass.h"
#include "operands.h"

namespace nbv {
namespace {

// Chunks of a row that products of `dim` channels read: whole blocks of 16 channels.
template <class T>
__device__ __forceinline__ int used_chunks(int dim) {
    return (dim + 15) / 16 * static_cast<int>(sizeof(T));
}

// A chunk of a row whose channels begin at `from`. Asynchronous where rows are aligned; at once elsewhere.
template <class T, int D>
__device__ __forceinline__ void copy_chunk(const SharedTile<T, D>& to, int row, int chunk, const T* from, bool exists,
                                           int dim, bool aligned) {
    constexpr int kItems = SharedTile<T, D>::kChunkItems;
    const int first = chunk * kItems;
    if (aligned) {
        const bool inside = exists && first < dim;
        cp_async16(to.chunk(row, chunk), inside ? from + first : from, inside);
        return;
    }
    T items[kItems];
#pragma unroll
    for (int i = 0; i < kItems; ++i) items[i] = exists && first + i < dim ? from[first + i] : from_float<T>(0.0f);
    uint4 bits;
    memcpy(&bits, items, sizeof(bits));
    *reinterpret_cast<uint4*>(to.chunk(row, chunk)) = bits;
}

// Where the columns of a tile lie: column i at first + offsets[i], or first + i * step without offsets.
template <class T>
struct ColumnSource {
    const T* first;
    const int64_t* offsets;
    int64_t step;
    uint64_t exists;  // bit i: column i is a token; others are not read
};

// By all threads of the block.
template <int kColumns, class T, int D>
__device__ __forceinline__ void copy_columns(const SharedTile<T, D>& to, const ColumnSource<T>& from, int dim,
                                             bool aligned) {
    constexpr int kChunks = SharedTile<T, D>::kChunks;
    const int used = used_chunks<T>(dim);
    for (int i = threadIdx.x; i < kColumns * kChunks; i += blockDim.x) {
        const int column = i / kChunks, chunk = i % kChunks;
        if (chunk >= used) continue;
        const bool exists = from.exists >> column & 1;
        const int64_t offset = !exists ? 0 : from.offsets != nullptr ? from.offsets[column] : column * from.step;
        copy_chunk(to, column, chunk, from.first + offset, exists, dim, aligned);
    }
}

// Positions within the column tiles of a pass, in shared memory: a tile's tokens lie at the same distances from its
// first one everywhere.
template <int kColumns>
struct ColumnTable {
    int64_t offsets[2][kColumns];  // elements, in the two tensors whose columns pass by
    int32_t bias[kColumns];        // of BiasIndex

    // By all threads of the block; a barrier must follow.
    __device__ __forceinline__ void fill(const NeighborhoodPass& p, const CudaView& first, const CudaView& second) {
        const NeighborhoodCudaArgs& args = p.args;
        const RowTile origin{};  // the first group
        const BiasIndex index(args);
        for (int i = threadIdx.x; i < kColumns; i += blockDim.x) {
            const Position at = split_index(i, p.tiling.columns);
            offsets[0][i] = token_offset(args, first, origin, at);
            offsets[1][i] = token_offset(args, second, origin, at);
            bias[i] = index.of(at);
        }
    }
};

// Also of a contiguous map.
template <int kColumns>
struct TokenTable : ColumnTable<kColumns> {
    int64_t tokens[kColumns];  // numbers in the map

    // By all threads of the block; a barrier must follow.
    __device__ __forceinline__ void fill(const NeighborhoodPass& p, const CudaView& first, const CudaView& second) {
        ColumnTable<kColumns>::fill(p, first, second);
        for (int i = threadIdx.x; i < kColumns; i += blockDim.x)
            tokens[i] = token_number(p.args, RowTile{}, split_index(i, p.tiling.columns));
    }
};

// Positions within the row tiles of a pass, in shared memory: z, y, x in a byte each.
struct RowTable {
    static constexpr int kMostRows = 128;
    static constexpr uint32_t kNone = ~0u;
    uint32_t packed[kMostRows];

    // By all threads of the block; a barrier must follow.
    __device__ __forceinline__ void fill(const Tiling& tiling) {
        for (int i = threadIdx.x; i < kMostRows; i += blockDim.x) {
            const Position at = split_index(i, tiling.rows);
            packed[i] = i < tiling.rows.product() ? static_cast<uint32_t>(at.z << 16 | at.y << 8 | at.x) : kNone;
        }
    }

    // False if the tile does not have that row.
    __device__ __forceinline__ bool find(const RowTile& t, int row, Position& at) const {
        const uint32_t bits = packed[row];
        at = {t.first[0] + static_cast<int>(bits >> 16), t.first[1] + static_cast<int>(bits >> 8 & 255),
              t.first[2] + static_cast<int>(bits & 255)};
        return bits != kNone && at.z < t.length[0] && at.y < t.length[1] && at.x < t.length[2];
    }
};

// Rows [first, first + kRows) of a tile, by the warp that works on them. `from`: sample and head of a tensor.
template <int kRows, class T, int D>
__device__ __forceinline__ void copy_rows(const SharedTile<T, D>& to, int first, const NeighborhoodPass& p,
                                          const RowTile& t, const RowTable& table, const CudaView& view, const T* from,
                                          int dim) {
    constexpr int kChunks = SharedTile<T, D>::kChunks;
    const int used = used_chunks<T>(dim);
    for (int i = threadIdx.x % 32; i < kRows * kChunks; i += 32) {
        const int row = first + i / kChunks, chunk = i % kChunks;
        if (chunk >= used) continue;
        Position at;
        const bool exists = table.find(t, row, at);
        copy_chunk(to, row, chunk, from + (exists ? token_offset(p.args, view, t, at) : 0), exists, dim, p.aligned);
    }
}

// Rows [first, first + kRows) from shared memory to a contiguous tensor [token, heads, dim], by the warp that wrote
// them; `to`: sample and head.
template <int kRows, class T, int D>
__device__ __forceinline__ void store_rows(const SharedTile<T, D>& from, int first, const NeighborhoodPass& p,
                                           const RowTile& t, const RowTable& table, T* to, int heads, int dim) {
    constexpr int kChunks = SharedTile<T, D>::kChunks, kItems = SharedTile<T, D>::kChunkItems;
    for (int i = threadIdx.x % 32; i < kRows * kChunks; i += 32) {
        const int row = first + i / kChunks, channel = i % kChunks * kItems;
        Position at;
        if (channel >= dim || !table.find(t, row, at)) continue;
        T* const target = to + token_number(p.args, t, at) * heads * dim + channel;
        const uint4 bits = *reinterpret_cast<const uint4*>(from.chunk(row, channel / kItems));
        if (p.aligned) {
            *reinterpret_cast<uint4*>(target) = bits;
            continue;
        }
        T items[kItems];
        memcpy(items, &bits, sizeof(bits));
#pragma unroll
        for (int j = 0; j < kItems; ++j)
            if (channel + j < dim) target[j] = items[j];
    }
}

// Column tiles in two stages: while a block works on one, the next is on its way. load(stage, tile) starts copies,
// work(stage, tile) follows when they are there. One barrier per tile: whoever passes it has also left the tile before,
// whose stage is filled next. `stage` goes on from item to item for the same reason.
template <class Load, class Work>
__device__ __forceinline__ void stream_tiles(const int& tiles, int& stage, const Load& load, const Work& work) {
    load(stage, 0);
    cp_async_commit();
    for (int tile = 0; tile < tiles; ++tile) {
        cp_async_wait<0>();  // this thread's part of the tile is there
        __syncthreads();     // everyone's part is there, and everyone has left the other stage
        if (tile + 1 < tiles) {
            load(stage ^ 1, tile + 1);
            cp_async_commit();
        }
        work(stage, tile);
        stage ^= 1;
    }
}

}  // namespace
}  // namespace nbv
