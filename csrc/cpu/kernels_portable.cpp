#include "kernels.h"

namespace nbv {

const Kernels& portable_kernels() {
    static constexpr Kernels kernels = make_kernels("portable");
    return kernels;
}

}  // namespace nbv
