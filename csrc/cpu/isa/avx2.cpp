#include "kernels.h"

namespace nbv {

const KernelSet& avx2_kernels() {
    static constexpr KernelSet kernels = make_kernel_set("avx2");
    return kernels;
}

}  // namespace nbv
