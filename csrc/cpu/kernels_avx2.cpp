#include "kernels.h"

namespace nbv {

const Kernels& avx2_kernels() {
    static constexpr Kernels kernels = make_kernels("avx2");
    return kernels;
}

}  // namespace nbv
