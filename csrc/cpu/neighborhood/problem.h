// What a call asks for, as plain data: shapes, strides, tiles. Made once by the operator, read by every kernel.
#pragma once

#include <cstdint>

#include "../../geometry/window.h"
#include "../common/view.h"

namespace nbv {

enum class Storage { kFloat, kDouble, kBFloat16, kHalf };

struct Problem {
    Storage storage = Storage::kFloat;
    // z, y, x: vectors run along x, pairs of rows along y. Leading axes of length 1 where the input has fewer.
    Axis axis[3];
    int order[3] = {0, 1, 2};  // which axis of the input each of them is; every view has them in the kernels' order
    int64_t batch = 1, heads = 1, heads_kv = 1, dim = 1, dim_v = 1;
    int64_t extra = 0;  // additional tokens, [batch, extra, heads_kv, dim]: their stride is axis[2]
    double scale = 1.0;
    View query, key, value, out, extra_key, extra_value;
    void* lse = nullptr;  // [batch, z, y, x, heads], in the compute type
    View sums;            // strides of lse, its gradient and delta
    // [heads, 2 kz - 1, 2 ky - 1, bias_width] in the compute type, times log2 e, or null; rows end in unused lanes.
    const void* bias = nullptr;
    int64_t bias_width = 0;
    int64_t bias_stride[3] = {0, 0, 0};  // of the caller's table, in which grad_bias is

    int64_t tile[3] = {1, 1, 1};       // queries of a tile along each axis of a residue group
    int64_t num_tiles[3] = {1, 1, 1};  // of the longest group

    // Backward only. Each tile owns one slot of keys and values; each bundle of tiles, which are worked on one after
    // the other, one of additional tokens and bias. Slots are summed afterward, in their order.
    int64_t bundle = 1;  // tiles
    // What somebody asks for the gradients of; key and value with their additional tokens. Outputs of others are null.
    bool wants_query = true, wants_key = true, wants_value = true, wants_bias = true;
    View grad_out, grad_query;
    const void* grad_lse = nullptr;
    void* delta = nullptr;  // [batch, z, y, x, heads]: dO . out - d lse, what the softmax takes off a weight's gradient
    void *partial_key = nullptr, *partial_value = nullptr;              // [tiles, tile's keys, dim padded]
    void *partial_extra_key = nullptr, *partial_extra_value = nullptr;  // [bundles, extra, dim padded]
    void* partial_bias = nullptr;                                       // [bundles, heads / heads_kv, bias table]
    View grad_key, grad_value, grad_extra_key, grad_extra_value;
    void* grad_bias = nullptr;  // [heads, 2 kz - 1, 2 ky - 1, 2 kx - 1], in the storage type and the input's order
};

namespace {

// Whether gradients of logits are needed: that of the values needs weights alone.
inline bool wants_logits(const Problem& p) { return p.wants_query || p.wants_key || (p.bias && p.wants_bias); }

inline int64_t bias_table_size(const Problem& p) {
    return (2 * p.axis[0].kernel - 1) * (2 * p.axis[1].kernel - 1) * p.bias_width;
}

// Tiles of all residue groups: of one head of one sample.
inline int64_t num_tiles(const Problem& p) {
    int64_t count = 1;
    for (int a = 0; a < 3; ++a) count *= num_groups(p.axis[a]) * p.num_tiles[a];
    return count;
}

// Tasks of the forward pass; those of the backward pass take all query heads of one key head together.
inline int64_t num_tasks(const Problem& p, bool backward) {
    return p.batch * (backward ? p.heads_kv : p.heads) * num_tiles(p);
}

// Bundles of one key head of one sample, and of all.
inline int64_t head_bundles(const Problem& p) { return (num_tiles(p) + p.bundle - 1) / p.bundle; }
inline int64_t num_bundles(const Problem& p) { return p.batch * p.heads_kv * head_bundles(p); }

// Rows of keys to be summed: batch x heads_kv x residue groups x planes x rows of the longest group.
inline int64_t num_key_rows(const Problem& p) {
    int64_t count = p.batch * p.heads_kv;
    for (int a = 0; a < 3; ++a) count *= num_groups(p.axis[a]) * (a < 2 ? group_length(p.axis[a], 0) : 1);
    return count;
}

}  // namespace

// The kernels as compiled for one instruction set. `scratch` is 64-byte aligned and private to the thread.
struct NeighborhoodKernels {
    int64_t (*scratch_bytes)(const Problem&, bool backward);
    int64_t (*partial_key_size)(const Problem&);  // elements of one tile's slot
    int64_t (*partial_value_size)(const Problem&);
    void (*forward)(const Problem&, int64_t task, char* scratch);
    void (*delta)(const Problem&, int64_t first_token, int64_t last_token);  // of batch x z x y x x
    void (*backward)(const Problem&, int64_t bundle, char* scratch);
    void (*sum_key_row)(const Problem&, int64_t row, char* scratch);  // the tiles' slots, into the gradients
    void (*sum_extra)(const Problem&, int64_t token);                 // of batch x heads_kv x extra
    void (*sum_bias)(const Problem&, int64_t head);
};

}  // namespace nbv
