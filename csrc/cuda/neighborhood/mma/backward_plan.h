// How the backward on tensor cores is launched: rows of a block as its shared memory allows, and where sums of the bias
// are kept.
#pragma once

#include "../passes.h"
#include "backward_keys.h"
#include "backward_queries.h"

namespace nbv {
namespace {

// As many rows of kMostWarps warps as bytes(rows) of shared memory allow, halved until they do; at least those of one.
template <class Bytes>
int32_t fit_rows(const CudaDevice& device, int32_t most, int32_t warp_rows, const Bytes& bytes) {
    int32_t rows = most;
    while (rows > warp_rows && bytes(rows) > device.block_shared) rows /= 2;
    return rows;
}

template <class Work, class Memory, class Run>
NeighborhoodPass plan_bias_queries(void (*kernel)(NeighborhoodPass), const NeighborhoodCudaArgs& args,
                                   const CudaDevice& device, const NeighborhoodScratch& scratch, const Run& run) {
    using Sums = WarpBiasSums<Work::kGroup>;
    const auto bytes = [&](int32_t rows, bool tables) {
        return Memory::bytes(rows) + Sums::bytes(rows / Work::kRows, tables ? bias_entries(args) : 0);
    };
    const bool in_shared = bytes(Work::kRows, true) <= device.block_shared;
    // Without tables in shared memory each is a part of its own.
    const int32_t warps = in_shared ? kMostWarps : std::clamp(scratch.splits / Sums::kTables, 1, kMostWarps);
    const int32_t most =
        fit_rows(device, warps * Work::kRows, Work::kRows, [&](int32_t rows) { return bytes(rows, in_shared); });
    NeighborhoodPass pass = make_pass(args, device, args.heads, {most, Work::kRows, Work::Tiles::kColumns});
    scratch.give(pass);
    pass.bias_in_shared = in_shared;
    const int32_t used = ceil_divide(pass.tiling.rows.product(), Work::kRows),
                  parts = in_shared ? 1 : used * Sums::kTables;
    const int64_t blocks = std::min<int64_t>(scratch.splits / parts, pass.items / args.heads);
    pass.splits = static_cast<int32_t>(blocks) * parts;
    run(kernel, args.heads * blocks, 32 * used, bytes(used * Work::kRows, in_shared), pass);
    return pass;
}

template <class T, int D, class Run>
NeighborhoodPass plan_queries(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                              const NeighborhoodScratch& scratch, const Run& run) {
    using Work = QueriesBackward<T, D>;
    using Memory = QueriesMemory<T, D>;
    const auto kernel = neighborhood_backward_queries_mma<T, D>;
    if (args.grad_bias != nullptr) return plan_bias_queries<Work, Memory>(kernel, args, device, scratch, run);
    const int32_t most = fit_rows(device, kMostWarps * Work::kRows, Work::kRows, Memory::bytes);
    NeighborhoodPass pass = make_pass(args, device, args.heads, {most, Work::kRows, Work::Tiles::kColumns});
    scratch.give(pass);
    const int32_t warps = ceil_divide(pass.tiling.rows.product(), Work::kRows);
    const int64_t bytes = Memory::bytes(warps * Work::kRows);
    const int64_t blocks = count_blocks(pass, device, 32 * warps, bytes, Work::Tiles::kBlocks * kMostWarps);
    run(kernel, blocks, 32 * warps, bytes, pass);
    return pass;
}

// Of keys, or of additional tokens.
template <class T, int D, class Run>
NeighborhoodPass plan_keys(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                           const NeighborhoodScratch& scratch, bool extra, const Run& run) {
    using Work = KeysBackward<T, D>;
    using Memory = KeysMemory<T, D>;
    const int32_t most = fit_rows(device, kMostWarps / Work::kShares * Work::kRows, Work::kRows, Memory::bytes);
    const Capacity capacity{most, Work::kRows, Work::Tiles::kColumns};
    NeighborhoodPass pass =
        extra ? make_extra_pass(args, scratch, capacity) : make_pass(args, device, args.heads_kv, capacity);
    scratch.give(pass);
    const int32_t groups = ceil_divide(pass.tiling.rows.product(), Work::kRows), threads = 32 * groups * Work::kShares;
    const int64_t bytes = Memory::bytes(groups * Work::kRows);
    const int64_t blocks = count_blocks(pass, device, threads, bytes, Work::Tiles::kBlocks * kMostWarps);
    run(neighborhood_backward_keys_mma<T, D>, blocks, threads, bytes, pass);
    return pass;
}

}  // namespace
}  // namespace nbv
