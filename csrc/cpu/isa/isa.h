// The kernels of all operators as compiled for one instruction set, and the choice among them.
#pragma once

#include "../match/problem.h"
#include "../neighborhood/problem.h"
#include "../residuals/problem.h"

namespace nbv {

// A new operator adds its table here, and in kernels.h.
struct KernelSet {
    const char* name;
    NeighborhoodKernels neighborhood;
    MatchKernels match;
    ResidualKernels residuals;
};

const KernelSet& portable_kernels();
#ifdef NBV_X86
const KernelSet& avx2_kernels();
const KernelSet& avx512_kernels();
#endif

// By what the processor can do; the environment's NBV_ISA (portable, avx2, avx512) may ask for less. Chosen once.
const KernelSet& best_kernels();

}  // namespace nbv
