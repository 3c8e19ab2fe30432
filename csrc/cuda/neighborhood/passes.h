// Passes for a call, whatever kernels run them: tiles, numbers of items, alignment, scratch. For the host.
#pragma once

#include "extra.h"
#include "scratch.h"
#include "tilings.h"
#include "vectors.h"

namespace nbv {
namespace {

constexpr int64_t kMostItems = INT32_MAX;  // of a launch: the grid's limit, and items are counted in 32 bits

// What a block can hold: rows of all its warps, rows of one, columns at a time (64 at most).
struct Capacity {
    int32_t rows, warp_rows, columns;
};

// Rows of all tensors that a call reads or writes may be copied by 16 bytes.
inline bool is_aligned(const NeighborhoodCudaArgs& p) {
    const int64_t item = p.type == CudaType::kDouble ? 8 : p.type == CudaType::kFloat ? 4 : 2;
    const auto fits = [&](int64_t count) { return count * item % 16 == 0; };
    const auto begins = [](const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; };
    bool aligned = fits(p.dim) && fits(p.dim_v);
    for (const CudaView* view : {&p.query, &p.key, &p.value, &p.extra_key, &p.extra_value, &p.out_view, &p.grad_out}) {
        if (view->data == nullptr) continue;
        aligned = aligned && begins(view->data) && fits(view->batch) && fits(view->head);
        for (const int64_t stride : view->axis) aligned = aligned && fits(stride);
    }
    for (const void* data : {static_cast<const void*>(p.out), static_cast<const void*>(p.grad_query),
                             static_cast<const void*>(p.grad_key), static_cast<const void*>(p.grad_value),
                             static_cast<const void*>(p.grad_extra_key), static_cast<const void*>(p.grad_extra_value)})
        aligned = aligned && begins(data);
    return aligned;
}

// Over the map, for `heads` heads. Rows are given up until there is an item for every multiprocessor.
inline NeighborhoodPass make_pass(const NeighborhoodCudaArgs& args, const CudaDevice& device, int32_t heads,
                                  Capacity capacity) {
    NeighborhoodPass pass;
    pass.args = args;
    pass.logit_scale = static_cast<float>(args.scale * kLog2E);
    pass.aligned = is_aligned(args);
    for (;; capacity.rows /= 2) {
        pass.tiling = remember_tiling(args, capacity.rows, capacity.warp_rows, capacity.columns);
        pass.items = pass.tiling.tiles() * args.batch * heads;
        if (pass.items >= device.multiprocessors || capacity.rows <= capacity.warp_rows) return pass;
    }
}

// For gradients of the bias: a block keeps sums of one head, so a head's items are shared by `splits` blocks.
inline void split_heads(NeighborhoodPass& pass, const NeighborhoodScratch& scratch) {
    pass.splits = static_cast<int32_t>(std::min<int64_t>(scratch.splits, pass.items / pass.args.heads));
}

// Over additional tokens (extra.h), whose window is the whole map.
inline NeighborhoodPass make_extra_pass(const NeighborhoodCudaArgs& args, const NeighborhoodScratch& scratch,
                                        Capacity capacity) {
    NeighborhoodPass pass;
    pass.args = args;
    pass.logit_scale = static_cast<float>(args.scale * kLog2E);
    pass.args.bias = nullptr;
    for (auto& axis : pass.args.axis) axis = {axis.length, axis.length, 1, 1, false};
    pass.aligned = is_aligned(args);
    pass.extra_rows = true;
    pass.tiling = remember_tiling(pass.args, capacity.rows, capacity.warp_rows, capacity.columns);
    pass.tiling.rows = {1, 1, std::min(capacity.rows, args.extra)};
    int64_t column_tiles = 1;
    const Shape& columns = pass.tiling.columns;
    column_tiles *= ceil_divide(args.axis[0].length, columns.z);
    column_tiles *= ceil_divide(args.axis[1].length, columns.y);
    column_tiles *= ceil_divide(args.axis[2].length, columns.x);
    pass.chunks = static_cast<int32_t>(std::min<int64_t>(scratch.chunks, column_tiles));
    pass.tiling.row_tiles = {1, 1, ceil_divide(args.extra, pass.tiling.rows.x)};
    pass.tiling.groups = {1, 1, pass.chunks};
    pass.items = pass.tiling.tiles() * args.batch * args.heads_kv;
    return pass;
}

// Blocks that take items in turn: as many as run side by side, by their shared memory and registers. The latter hold
// `warps` of these kernels. With more blocks the last of them would have a multiprocessor for themselves, half used.
inline int64_t count_blocks(const NeighborhoodPass& pass, const CudaDevice& device, int64_t threads, int64_t bytes,
                            int64_t warps) {
    constexpr int64_t kReserved = 1024;  // bytes of each block, and what a block cannot ask for of all there are
    const int64_t by_shared = (device.block_shared + kReserved) / (bytes + kReserved);
    const int64_t beside = std::clamp<int64_t>(by_shared, 1, std::max<int64_t>(1, 32 * warps / threads));
    return std::min(pass.items, beside * device.multiprocessors);
}

}  // namespace
}  // namespace nbv
