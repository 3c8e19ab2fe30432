// A pass over all pairs of queries and keys that see each other, cut into work items: what each kernel gets.
#pragma once

#include "tiles.h"

namespace nbv {

// An item is a row tile of a head (of keys' heads where rows are keys) of a sample. Items of one head follow each
// other:
// ((head * batch) + sample) * tiling.tiles() + tile. Blocks take items in turn, or in runs where they keep sums.
struct NeighborhoodPass {
    NeighborhoodCudaArgs args;
    Tiling tiling;
    int64_t items = 0;
    float logit_scale = 0;  // scale * log2 e: many GPUs are slow at products of doubles
    int32_t splits = 1;     // blocks that share the items of a head, each with sums of its own
    bool aligned = false;   // rows of all tensors begin at multiples of 16 bytes and are as long: they may be copied so

    // Backward. What kernels leave for each other in scratch (scratch.h), in the compute type.
    void* delta = nullptr;        // [batch, z, y, x, heads]
    void* bias_parts = nullptr;   // [heads, splits, entries of a head's bias]; null without bias
    void* extra_parts = nullptr;  // [chunks, batch, heads_kv, extra, dim + dim_v]; null without additional tokens
    bool bias_in_shared = false;  // the block's sums of the bias are in shared memory, else in its part of bias_parts
    bool extra_rows = false;      // rows are additional tokens (extra.h)
    int32_t chunks = 1;           // of the queries, where rows are additional tokens
};

namespace {

// Where an item lies. Numbers of items fit 31 bits.
struct Item {
    int32_t head, sample, tile;

    NBV_HOST_DEVICE Item(const NeighborhoodPass& p, int32_t number) {
        const int32_t tiles = static_cast<int32_t>(p.tiling.tiles());
        tile = number % tiles;
        sample = number / tiles % p.args.batch;
        head = number / tiles / p.args.batch;
    }
};

}  // namespace
}  // namespace nbv
