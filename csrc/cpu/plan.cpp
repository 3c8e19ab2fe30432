#include "plan.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace nbv {
namespace {

constexpr int64_t kTileBytes = 640 << 10;  // keys and values of a tile: they shall stay in the second-level cache
constexpr int64_t kFewTasks = 16;          // enough for a few threads to share evenly

int64_t tile_bytes(const Problem& p) {
    int64_t keys = 1;
    for (int a = 0; a < 3; ++a) keys *= std::min(group_length(p.axis[a], 0), p.tile[a] + p.axis[a].kernel - 1);
    return keys * (p.dim + p.dim_v) * 4;
}

const Kernels& choose_kernels() {
    const char* wish = std::getenv("NBV_ISA");
#ifdef NBV_X86
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (avx512 && (wish == nullptr || std::strcmp(wish, "avx512") == 0)) return avx512_kernels();
    if (avx2 && (wish == nullptr || std::strcmp(wish, "portable") != 0)) return avx2_kernels();
#endif
    (void)wish;
    return portable_kernels();
}

}  // namespace

// By the shapes alone, never the number of threads: results are the same bits on any.
void choose_tiles(Problem& p) {
    for (int a = 0; a < 3; ++a) p.tile[a] = std::max<int64_t>(1, group_length(p.axis[a], 0));
    for (;;) {
        for (int a = 0; a < 3; ++a)
            p.num_tiles[a] = (std::max<int64_t>(1, group_length(p.axis[a], 0)) + p.tile[a] - 1) / p.tile[a];
        // Halve the axis that loses least by it: the longest in windows; rows rather than columns.
        int axis = 0;
        const auto windows = [&](int a) {
            return static_cast<double>(p.tile[a]) / p.axis[a].kernel / (a == 2 ? 2 : 1);
        };
        for (int a = 1; a < 3; ++a)
            if (windows(a) > windows(axis)) axis = a;
        const bool large = tile_bytes(p) > kTileBytes && windows(axis) > 0.5;
        const bool few = num_tasks(p, true) < kFewTasks && windows(axis) >= 2.0;
        if ((!large && !few) || p.tile[axis] < 4) return;
        p.tile[axis] = (p.tile[axis] + 1) / 2;
        if (axis != 2) p.tile[axis] += p.tile[axis] % 2;  // query rows go in pairs
    }
}

const Kernels& best_kernels() {
    static const Kernels& kernels = choose_kernels();
    return kernels;
}

}  // namespace nbv
