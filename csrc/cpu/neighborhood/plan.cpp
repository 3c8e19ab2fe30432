#include "plan.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "match/problem.h"

namespace nbv {
namespace {

constexpr int64_t kRowBytes = 512 << 10;  // keys and values of a pair's rows: they shall stay in the second-level cache
constexpr int64_t kTileBytes = 2 << 20;   // all of a tile's, which a thread holds
constexpr int64_t kFewTasks = 16;         // enough for a few threads to share evenly

int64_t key_bytes(const Problem& p) { return (p.dim + p.dim_v) * 4; }

int64_t row_bytes(const Problem& p) {
    return max_keys(p.axis[0], 1) * max_keys(p.axis[1], 2) * max_keys(p.axis[2], p.tile[2]) * key_bytes(p);
}

int64_t tile_bytes(const Problem& p) {
    int64_t bytes = key_bytes(p);
    for (int a = 0; a < 3; ++a) bytes *= max_keys(p.axis[a], p.tile[a]);
    return bytes;
}

double windows(const Problem& p, int a) { return static_cast<double>(p.tile[a]) / p.axis[a].kernel; }

void count_tiles(Problem& p) {
    for (int a = 0; a < 3; ++a)
        p.num_tiles[a] = (std::max<int64_t>(1, group_length(p.axis[a], 0)) + p.tile[a] - 1) / p.tile[a];
}

void halve(Problem& p, int a) {
    p.tile[a] = (p.tile[a] + 1) / 2;
    if (a == 1) p.tile[a] += p.tile[a] % 2;  // query rows go in pairs
    count_tiles(p);
}

enum class Isa { kPortable, kAvx2, kAvx512 };

Isa choose_isa() {
    const char* wish = std::getenv("NBV_ISA");
#ifdef NBV_X86
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (avx512 && (wish == nullptr || std::strcmp(wish, "avx512") == 0)) return Isa::kAvx512;
    if (avx2 && (wish == nullptr || std::strcmp(wish, "portable") != 0)) return Isa::kAvx2;
#endif
    (void)wish;
    return Isa::kPortable;
}

template <class T>
const T& choose(const T& (*portable)(), [[maybe_unused]] const T& (*avx2)(), [[maybe_unused]] const T& (*avx512)()) {
    static const Isa isa = choose_isa();
    if (isa == Isa::kAvx512) return avx512();
    return isa == Isa::kAvx2 ? avx2() : portable();
}

}  // namespace

// By the shapes alone, never the number of threads: results are the same bits on any. Every cut makes tiles share keys,
// so that the axis with the most windows is cut, and none that has fewer than two.
void choose_tiles(Problem& p) {
    for (int a = 0; a < 3; ++a) p.tile[a] = std::max<int64_t>(1, group_length(p.axis[a], 0));
    count_tiles(p);
    while (row_bytes(p) > kRowBytes && windows(p, 2) >= 2 && p.tile[2] >= 32) halve(p, 2);
    while (tile_bytes(p) > kTileBytes || num_tasks(p, true) < kFewTasks) {
        int axis = windows(p, 0) > windows(p, 1) ? 0 : 1;
        if (windows(p, axis) < 2 || p.tile[axis] < 4) axis = 2;
        if (windows(p, axis) < 2 || p.tile[axis] < 8) return;
        halve(p, axis);
    }
}

#ifdef NBV_X86
const Kernels& best_kernels() { return choose(portable_kernels, avx2_kernels, avx512_kernels); }
const MatchKernels& best_match_kernels() {
    return choose(portable_match_kernels, avx2_match_kernels, avx512_match_kernels);
}
#else
const Kernels& best_kernels() { return portable_kernels(); }
const MatchKernels& best_match_kernels() { return portable_match_kernels(); }
#endif

}  // namespace nbv
