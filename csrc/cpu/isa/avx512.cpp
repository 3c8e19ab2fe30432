#include "kernels.h"

namespace nbv {

const KernelSet& avx512_kernels() {
    static constexpr KernelSet kernels = make_kernel_set("avx512");
    return kernels;
}

}  // namespace nbv
