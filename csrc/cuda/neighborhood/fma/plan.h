// The kernels without tensor cores: what plan.h asks of a path.
#pragma once

#include "../passes.h"
#include "backward_keys.h"
#include "backward_queries.h"
#include "forward.h"

namespace nbv {
namespace {

// use(shape) with the smallest kernels that hold the channels of a call.
template <class T, class Use>
void with_fma_dim(const NeighborhoodCudaArgs& args, const Use& use) {
    const int32_t dim = std::max(args.dim, args.dim_v);
    if constexpr (std::is_same_v<T, double>) {
        dim <= 64 ? use(std::integral_constant<int, 64>{}) : use(std::integral_constant<int, 256>{});
    } else {
        if (dim <= 32) return use(std::integral_constant<int, 32>{});
        if (dim <= 64) return use(std::integral_constant<int, 64>{});
        dim <= 128 ? use(std::integral_constant<int, 128>{}) : use(std::integral_constant<int, 256>{});
    }
}

// Rows and columns of a lane such that nothing is spilled: sums of keys and values take twice the registers. And such
// that a warp has what it needs in the 64 KB of shared memory that every device gives a block.
template <class T, int kDim>
struct FmaShapes {
    static constexpr int kBytes = kDim * sizeof(T);
    static constexpr int kColumns = kBytes <= 512 ? 4 : kBytes <= 1024 ? 2 : 1;
    static constexpr int kBackwardRows = kBytes > 1024 ? 1 : kBytes > 512 || sizeof(T) == 8 ? 2 : 4;
    using Forward = FmaShape<T, kDim, kBytes <= 1024 ? 4 : 2, kColumns>;
    using Queries = FmaShape<T, kDim, kBackwardRows, kColumns>;
    using Keys = FmaShape<T, kDim, kBackwardRows, std::is_same_v<T, float> && kDim == 128 ? 2 : kColumns>;
};

// Warps of a block: as many as its shared memory holds.
template <class Bytes>
int32_t choose_warps(const CudaDevice& device, const Bytes& bytes) {
    int32_t warps = kFmaWarps;
    while (warps > 1 && bytes(warps) > device.block_shared) warps /= 2;
    return warps;
}

template <class S>
int32_t count_warps(const NeighborhoodPass& pass) {
    return ceil_divide(pass.tiling.rows.product(), S::kWarpRows);
}

template <class S>
Capacity fma_capacity(int32_t warps) {
    return {warps * S::kWarpRows, S::kWarpRows, S::kColumns};
}

// Of kernels that have registers for `beside` blocks of kFmaWarps warps.
inline int64_t fma_blocks(const NeighborhoodPass& pass, const CudaDevice& device, int32_t warps, int64_t bytes,
                          int64_t beside) {
    return count_blocks(pass, device, 32 * warps, bytes, beside * kFmaWarps);
}

template <class T>
struct FmaPath {
    using Type = T;

    template <class Run>
    static void forward(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run) {
        with_fma_dim<T>(args, [&](auto dim) {
            using S = typename FmaShapes<T, decltype(dim)::value>::Forward;
            const auto bytes = ForwardShared<S>::bytes;
            const auto pass = make_pass(args, device, args.heads, fma_capacity<S>(choose_warps(device, bytes)));
            const int32_t warps = count_warps<S>(pass);
            run(neighborhood_forward_fma<S>, fma_blocks(pass, device, warps, bytes(warps), S::kForwardBlocks),
                32 * warps, bytes(warps), pass);
        });
    }

    template <class Run>
    static NeighborhoodPass queries(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                    const NeighborhoodScratch& scratch, const Run& run) {
        NeighborhoodPass pass;
        with_fma_dim<T>(args, [&](auto dim) {
            using S = typename FmaShapes<T, decltype(dim)::value>::Queries;
            const auto most = BackwardQueriesShared<S>::bytes;
            pass = make_pass(args, device, args.heads, fma_capacity<S>(choose_warps(device, most)));
            scratch.give(pass);
            const int32_t warps = count_warps<S>(pass);
            int64_t bytes = most(warps), blocks = fma_blocks(pass, device, warps, bytes, S::kBackwardBlocks);
            if (args.grad_bias != nullptr) {
                split_heads(pass, scratch);
                blocks = static_cast<int64_t>(args.heads) * pass.splits;
                const int64_t table = bias_entries(args) * static_cast<int64_t>(sizeof(T));
                pass.bias_in_shared = bytes + table <= device.block_shared;
                if (pass.bias_in_shared) bytes += table;
            }
            run(neighborhood_backward_queries_fma<S>, blocks, 32 * warps, bytes, pass);
        });
        return pass;
    }

    template <class Run>
    static void keys(const NeighborhoodCudaArgs& args, const CudaDevice& device, const NeighborhoodScratch& scratch,
                     const Run& run) {
        run_keys(args, device, scratch, run,
                 [&](const Capacity& capacity) { return make_pass(args, device, args.heads_kv, capacity); });
    }

    template <class Run>
    static NeighborhoodPass extra(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                  const NeighborhoodScratch& scratch, const Run& run) {
        return run_keys(args, device, scratch, run,
                        [&](const Capacity& capacity) { return make_extra_pass(args, scratch, capacity); });
    }

  private:
    template <class Run, class Make>
    static NeighborhoodPass run_keys(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                     const NeighborhoodScratch& scratch, const Run& run, const Make& make) {
        NeighborhoodPass pass;
        with_fma_dim<T>(args, [&](auto dim) {
            using S = typename FmaShapes<T, decltype(dim)::value>::Keys;
            const auto bytes = BackwardKeysShared<S>::bytes;
            pass = make(fma_capacity<S>(choose_warps(device, bytes)));
            scratch.give(pass);
            const int32_t warps = count_warps<S>(pass);
            run(neighborhood_backward_keys_fma<S>, fma_blocks(pass, device, warps, bytes(warps), S::kBackwardBlocks),
                32 * warps, bytes(warps), pass);
        });
        return pass;
    }
};

}  // namespace
}  // namespace nbv
