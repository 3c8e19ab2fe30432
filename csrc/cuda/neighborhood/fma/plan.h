// The kernels without tensor cores: what plan.h asks of a path.
#pragma once

#include <stdexcept>

#include "../passes.h"
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

// Rows of a lane such that its sums are at most 128 registers, columns such that tiles of two tensors are at most 34
// KB.
template <class T, int kDim>
struct FmaShapes {
    static constexpr int kBytes = kDim * sizeof(T);
    static constexpr int kColumns = kBytes <= 512 ? 4 : kBytes <= 1024 ? 2 : 1;
    using Queries = FmaShape<T, kDim, kBytes <= 1024 ? 4 : 2, kColumns>;
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

template <class T>
struct FmaPath {
    using Type = T;

    template <class Run>
    static void forward(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run) {
        with_fma_dim<T>(args, [&](auto dim) {
            using S = typename FmaShapes<T, decltype(dim)::value>::Queries;
            const auto bytes = ForwardShared<S>::bytes;
            const auto pass = make_pass(args, device, args.heads, fma_capacity<S>(choose_warps(device, bytes)));
            const int32_t warps = count_warps<S>(pass);
            run(fma_forward<S>, count_blocks(pass, device, 32 * warps, bytes(warps)), 32 * warps, bytes(warps), pass);
        });
    }

    template <class Run>
    static NeighborhoodPass queries(const NeighborhoodCudaArgs&, const CudaDevice&, const NeighborhoodScratch&,
                                    const Run&) {
        throw std::invalid_argument("no gradients without tensor cores");
    }
    template <class Run>
    static void keys(const NeighborhoodCudaArgs&, const CudaDevice&, const NeighborhoodScratch&, const Run&) {
        throw std::invalid_argument("no gradients without tensor cores");
    }
    template <class Run>
    static NeighborhoodPass extra(const NeighborhoodCudaArgs&, const CudaDevice&, const NeighborhoodScratch&,
                                  const Run&) {
        throw std::invalid_argument("no gradients without tensor cores");
    }
};

}  // namespace
}  // namespace nbv
