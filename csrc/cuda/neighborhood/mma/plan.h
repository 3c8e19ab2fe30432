// The kernels on tensor cores: what plan.h asks of a path.
#pragma once

#include <stdexcept>

#include "../passes.h"

namespace nbv {
namespace {

template <class T>
struct MmaPath {
    using Type = T;

    template <class Run>
    static void forward(const NeighborhoodCudaArgs&, const CudaDevice&, const Run&) {
        throw std::invalid_argument("no kernels on tensor cores");
    }

    template <class Run>
    static NeighborhoodPass queries(const NeighborhoodCudaArgs&, const CudaDevice&, const NeighborhoodScratch&,
                                    const Run&) {
        throw std::invalid_argument("no kernels on tensor cores");
    }

    template <class Run>
    static void keys(const NeighborhoodCudaArgs&, const CudaDevice&, const NeighborhoodScratch&, const Run&) {
        throw std::invalid_argument("no kernels on tensor cores");
    }

    template <class Run>
    static NeighborhoodPass extra(const NeighborhoodCudaArgs&, const CudaDevice&, const NeighborhoodScratch&,
                                  const Run&) {
        throw std::invalid_argument("no kernels on tensor cores");
    }
};

}  // namespace
}  // namespace nbv
