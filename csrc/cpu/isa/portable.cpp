#include "kernels.h"
#include "match/kernels.h"

namespace nbv {

const Kernels& portable_kernels() {
    static constexpr Kernels kernels = make_kernels("portable");
    return kernels;
}

const MatchKernels& portable_match_kernels() { return kMatchKernels; }

}  // namespace nbv
