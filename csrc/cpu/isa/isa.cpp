#include "isa.h"

#include <cstdlib>
#include <cstring>

namespace nbv {
namespace {

const KernelSet& choose_kernels() {
#ifdef NBV_X86
    const char* wish = std::getenv("NBV_ISA");
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (avx512 && (wish == nullptr || std::strcmp(wish, "avx512") == 0)) return avx512_kernels();
    if (avx2 && (wish == nullptr || std::strcmp(wish, "portable") != 0)) return avx2_kernels();
#endif
    return portable_kernels();
}

}  // namespace

const KernelSet& best_kernels() {
    static const KernelSet& best = choose_kernels();
    return best;
}

}  // namespace nbv
