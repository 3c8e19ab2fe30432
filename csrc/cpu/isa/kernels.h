// The kernels of all operators as this translation unit's flags compile them. Everything that the tables lead to is in
// anonymous namespaces: were it not, the linker would keep one copy of a function for all instruction sets.
#pragma once

#include "../match/kernels.h"
#include "../neighborhood/kernels.h"
#include "../residuals/kernels.h"
#include "isa.h"

namespace nbv {
namespace {

constexpr KernelSet make_kernel_set(const char* name) {
    return {name, kNeighborhoodKernels, kMatchKernels, kResidualKernels};
}

}  // namespace
}  // namespace nbv
