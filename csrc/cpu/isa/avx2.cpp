#include "kernels.h"
#include "match/kernels.h"

namespace nbv {

const Kernels& avx2_kernels() {
    static constexpr Kernels kernels = make_kernels("avx2");
    return kernels;
}

const MatchKernels& avx2_match_kernels() { return kMatchKernels; }

}  // namespace nbv
