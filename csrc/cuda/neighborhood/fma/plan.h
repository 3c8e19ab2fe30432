// The kernels without tensor cores: what plan.h asks of a path.
#pragma once

#include "../passes.h"

namespace nbv {
namespace {

template <class T>
struct FmaPath {
    using Type = T;

    template <class Run>
    static void forward(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Run& run);
    template <class Run>
    static NeighborhoodPass queries(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                    const NeighborhoodScratch& scratch, const Run& run);
    template <class Run>
    static void keys(const NeighborhoodCudaArgs& args, const CudaDevice& device, const NeighborhoodScratch& scratch,
                     const Run& run);
    template <class Run>
    static NeighborhoodPass extra(const NeighborhoodCudaArgs& args, const CudaDevice& device,
                                  const NeighborhoodScratch& scratch, const Run& run);
};

}  // namespace
}  // namespace nbv
