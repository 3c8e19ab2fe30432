// What the kernels of the backward leave for each other in the caller's scratch, and how many partial sums there are.
// For the host.
#pragma once

#include <algorithm>

#include "pass.h"
#include "shapes.h"

namespace nbv {
namespace {

inline int64_t count_map(const NeighborhoodCudaArgs& p) {
    return static_cast<int64_t>(p.axis[0].length) * p.axis[1].length * p.axis[2].length;
}

inline int64_t compute_bytes(CudaType type) { return type == CudaType::kDouble ? 8 : 4; }

// Entries of one head's bias.
inline int64_t bias_entries(const NeighborhoodCudaArgs& p) {
    int64_t entries = 1;
    for (const auto& axis : p.axis) entries *= 2 * static_cast<int64_t>(axis.kernel) - 1;
    return entries;
}

// How many parts: as many as give each multiprocessor three blocks where one part is `blocks` blocks, but no more than
// there are pieces of work to share, nor than fit 64 MiB of `bytes` each. At least one.
inline int32_t choose_parts(const CudaDevice& device, int64_t blocks, int64_t pieces, int64_t bytes) {
    const int64_t wanted = (3 * static_cast<int64_t>(device.multiprocessors) + blocks - 1) / blocks;
    const int64_t most = (int64_t{64} << 20) / bytes;
    return static_cast<int32_t>(std::max<int64_t>(1, std::min({wanted, pieces, most})));
}

struct NeighborhoodScratch {
    int32_t splits = 1, chunks = 1;  // at most: a plan may use fewer
    int64_t bias_at = 0, extra_at = 0, bytes = 0;

    NeighborhoodScratch(const NeighborhoodCudaArgs& p, const CudaDevice& device) {
        const int64_t item = compute_bytes(p.type), tiles = (count_map(p) + 63) / 64;
        take(count_map(p) * p.batch * p.heads * item);
        bias_at = bytes;
        if (p.grad_bias != nullptr) {
            const int64_t part = bias_entries(p) * p.heads * item;
            const int64_t pieces = (count_map(p) + 15) / 16 * p.batch;  // rows of a warp: the least of a row tile
            splits = std::max(2, choose_parts(device, p.heads, pieces, part));  // a warp may have two tables
            take(part * splits);
        }
        extra_at = bytes;
        if (p.extra > 0) {
            const int64_t tokens = static_cast<int64_t>(p.extra) * p.heads_kv * p.batch;
            const int64_t blocks = static_cast<int64_t>(p.extra + 63) / 64 * p.heads_kv * p.batch;
            const int64_t part = tokens * (p.dim + p.dim_v) * item;
            chunks = choose_parts(device, blocks, tiles, part);
            take(part * chunks);
        }
    }

    void give(NeighborhoodPass& pass) const {
        auto* const begin = static_cast<unsigned char*>(pass.args.scratch);
        pass.delta = begin;
        pass.bias_parts = pass.args.grad_bias == nullptr ? nullptr : begin + bias_at;
        pass.extra_parts = pass.args.extra == 0 ? nullptr : begin + extra_at;
    }

  private:
    void take(int64_t count) { bytes += (count + 255) / 256 * 256; }
};

}  // namespace
}  // namespace nbv
