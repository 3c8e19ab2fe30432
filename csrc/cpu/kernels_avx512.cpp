#include "kernels.h"

namespace nbv {

const Kernels& avx512_kernels() {
    static constexpr Kernels kernels = make_kernels("avx512");
    return kernels;
}

}  // namespace nbv
