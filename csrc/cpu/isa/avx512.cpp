#include "kernels.h"
#include "match/kernels.h"

namespace nbv {

const Kernels& avx512_kernels() {
    static constexpr Kernels kernels = make_kernels("avx512");
    return kernels;
}

const MatchKernels& avx512_match_kernels() { return kMatchKernels; }

}  // namespace nbv
