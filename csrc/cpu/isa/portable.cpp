#include "kernels.h"

namespace nbv {

const KernelSet& portable_kernels() {
    static constexpr KernelSet kernels = make_kernel_set("portable");
    return kernels;
}

}  // namespace nbv
