// The kernels on tensor cores: what plan.h asks of a path.
#pragma once

#include <type_traits>

#include "../passes.h"
#include "backward_plan.h"
#include "forward.h"

namespace nbv {
namespace {

// use(std::integral_constant) of the channels that kernels are compiled for: the least that hold those of the call.
template <class Use>
void with_padded_dim(const NeighborhoodCudaArgs& args, const Use& use) {
    const int32_t dim = std::max(args.dim, args.dim_v);
    if (dim <= 32)
        use(std::integral_constant<int, 32>{});
    else if (dim <= 64)
        use(std::integral_constant<int, 64>{});
    else if (dim <= 128)
        use(std::integral_constant<int, 128>{});
    else
        use(std::integral_constant<int, 256>{});
}

// As many warps as the device has shared memory for, each with `warp_rows` rows.
template <class Work>
int32_t most_rows(const CudaDevice& device, int32_t warp_rows) {
    int32_t rows = kMostWarps * warp_rows;
    while (rows > warp_rows && Work::bytes(rows) > device.block_shared) rows /= 2;
    return rows;
}

// Starts a kernel whose blocks take items in turn, with the warps that tiles need.
template <class Work, class Run>
void run_items(void (*kernel)(NeighborhoodPass), const NeighborhoodPass& pass, const CudaDevice& device,
               int32_t warp_rows, const Run& run) {
    const int32_t warps = ceil_divide(pass.tiling.rows.product(), warp_rows);
    const int64_t threads = 32 * warps, bytes = Work::bytes(warps * warp_rows);
    run(kernel, count_blocks(pass, device, threads, bytes, Work::Tiles::kBlocks * kMostWarps), threads, bytes, pass);
}

template <class T>
struct MmaPath {
    using Type = T;

    template <class Run>
    static void forward(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run) {
        with_padded_dim(args, [&](auto dim) {
            using Work = ForwardItem<T, dim()>;
            const int32_t rows = most_rows<Work>(device, Work::kRows);
            const NeighborhoodPass pass = make_pass(args, device, args.heads, {rows, Work::kRows, Work::kColumns});
            run_items<Work>(neighborhood_forward_mma<T, dim()>, pass, device, Work::kRows, run);
        });
    }

    template <class Run>
    static NeighborhoodPass queries(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                    const NeighborhoodScratch& scratch, const Run& run) {
        NeighborhoodPass pass;
        with_padded_dim(args, [&](auto dim) { pass = plan_queries<T, dim()>(args, device, scratch, run); });
        return pass;
    }

    template <class Run>
    static void keys(const NeighborhoodCudaArgs& args, const CudaDevice& device, const NeighborhoodScratch& scratch,
                     const Run& run) {
        with_padded_dim(args, [&](auto dim) { plan_keys<T, dim()>(args, device, scratch, false, run); });
    }

    template <class Run>
    static NeighborhoodPass extra(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                  const NeighborhoodScratch& scratch, const Run& run) {
        NeighborhoodPass pass;
        with_padded_dim(args, [&](auto dim) { pass = plan_keys<T, dim()>(args, device, scratch, true, run); });
        return pass;
    }
};

}  // namespace
}  // namespace nbv
