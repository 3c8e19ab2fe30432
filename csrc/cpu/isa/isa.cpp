#include "isa.h"

#include <cstdlib>
#include <cstring>
#ifdef NBV_X86
#include <cpuid.h>
#endif

namespace nbv {
namespace {

#ifdef NBV_X86
// clang before 15 does not know "f16c" as a name for __builtin_cpu_supports.
bool has_f16c() {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

const KernelSet& choose_kernels() {
#ifdef NBV_X86
    const char* wish = std::getenv("NBV_ISA");
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
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

// For tests, which cannot tell from numbers whose kernels computed them.
extern "C" __attribute__((visibility("default"))) const char* nbv_instruction_set() { return nbv::best_kernels().name; }
