// Shuffles, votes, barriers, indices and atomics against their definitions.
#include <cstdio>
#include <vector>

#include "../../csrc/cuda/common/gpu.h"

namespace {

using namespace nbv;

int wrong = 0;

void expect(bool right, const char* what, int a, int b = 0) {
    if (!right && ++wrong <= 20) std::printf("wrong: %s at %d, %d\n", what, a, b);
}

constexpr uint32_t kAll = 0xFFFFFFFFu;

void check_shuffles() {
    simt::launch({2}, {64}, 0, [] {
        const int lane = static_cast<int>(threadIdx.x) % 32, mine = 100 * static_cast<int>(threadIdx.x / 32) + lane;
        const int base = mine - lane;
        expect(__shfl_sync(kAll, mine, 5) == base + 5, "shfl", lane);
        expect(__shfl_sync(kAll, mine, lane + 1) == base + (lane + 1) % 32, "shfl round the end", lane);
        expect(__shfl_sync(kAll, mine, 3, 8) == base + lane / 8 * 8 + 3, "shfl in eights", lane);
        for (int by = 1; by < 32; by *= 2) {
            expect(__shfl_xor_sync(kAll, mine, by) == base + (lane ^ by), "xor", lane, by);
            expect(__shfl_down_sync(kAll, mine, by) == base + (lane + by < 32 ? lane + by : lane), "down", lane, by);
            expect(__shfl_up_sync(kAll, mine, by) == base + (lane >= by ? lane - by : lane), "up", lane, by);
        }
        // As the PTX ISA says: xor may reach into a group before, not behind.
        expect(__shfl_xor_sync(kAll, mine, 4, 4) == base + ((lane & 4) ? lane ^ 4 : lane), "xor over groups", lane);
        expect(__shfl_down_sync(kAll, mine, 3, 4) == base + (lane % 4 == 0 ? lane + 3 : lane), "down in fours", lane);
        expect(__shfl_up_sync(kAll, mine, 1, 4) == base + (lane % 4 ? lane - 1 : lane), "up in fours", lane);
        expect(__shfl_xor_sync(kAll, mine + 0.5, 1) == (base + (lane ^ 1)) + 0.5, "xor of doubles", lane);
        float sum = static_cast<float>(lane);
        for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(kAll, sum, by);
        expect(sum == 496, "sum of a warp", lane);
    });
}

void check_votes() {
    simt::launch({1}, {32}, 0, [] {
        const int lane = static_cast<int>(threadIdx.x);
        expect(__ballot_sync(kAll, lane % 3 == 0) == 0x49249249u, "ballot", lane);
        expect(__any_sync(kAll, lane == 7) == 1 && __any_sync(kAll, 0) == 0, "any", lane);
        expect(__all_sync(kAll, lane < 32) == 1 && __all_sync(kAll, lane != 7) == 0, "all", lane);
        // Two halves at once, in different branches.
        if (lane < 16) {
            expect(__ballot_sync(0x0000FFFFu, 1) == 0x0000FFFFu, "ballot of a half", lane);
        } else {
            expect(__shfl_xor_sync(0xFFFF0000u, lane, 1) == (lane ^ 1), "shuffle of a half", lane);
            __syncwarp(0xFFFF0000u);
        }
    });
    // A part of the warp meets first, while the others wait for all.
    simt::launch({1}, {32}, 0, [] {
        if (threadIdx.x >= 2) __syncwarp(~0x3u);
        expect(__ballot_sync(kAll, 1) == kAll, "ballot after a part has met", threadIdx.x);
        if (threadIdx.x < 2) __syncwarp(0x3u);
        __syncwarp();
    });
    simt::launch({1}, {48}, 0, [] {  // the second warp has 16 lanes
        const bool second = threadIdx.x >= 32;
        expect(__ballot_sync(kAll, 1) == (second ? 0x0000FFFFu : kAll), "ballot of a short warp", threadIdx.x);
        __syncthreads();
    });
}

void check_blocks() {
    std::vector<int> seen(2 * 3 * 4 * 24, 0);
    int total = 0;
    float sum = 0;
    const auto counters = simt::launch({2, 3, 4}, {2, 4, 3}, 24 * 4, [&] {
        NBV_SHARED(memory);
        int* const turn = reinterpret_cast<int*>(memory);
        const int thread = static_cast<int>(threadIdx.x + 2 * (threadIdx.y + 4 * threadIdx.z));
        const int block = static_cast<int>(blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z));
        expect(turn[thread] == -1, "shared memory that is new", block, thread);
        turn[thread] = thread;
        __syncthreads();
        const int next = turn[(thread + 1) % 24];
        __syncthreads();
        turn[thread] = next;
        __syncthreads();
        expect(turn[(thread + 1) % 24] == (thread + 2) % 24, "barriers", block, thread);
        seen[block * 24 + thread] += 1;
        atomicAdd(&total, thread);
        if (thread == 0) atomicAdd(&sum, 0.5f);
    });
    for (size_t i = 0; i < seen.size(); ++i) expect(seen[i] == 1, "threads", static_cast<int>(i));
    expect(total == 24 * 276 && sum == 12, "atomics", total);
    expect(counters.blocks == 24 && counters.barriers == 72 && counters.atomics == 24 * 25, "counters", 0);
    simt::launch({1}, {1024}, 0, [] { __syncthreads(); });
    // Some blocks alone, by numbers that count x first.
    std::vector<int> ran(24, 0);
    const auto some = simt::launch({2, 3, 4}, {32}, 0,
                                   [&] { ran[blockIdx.x + 2 * (blockIdx.y + 3 * blockIdx.z)] += threadIdx.x == 0; },
                                   {.blocks = {1, 8, 23}});
    for (int i = 0; i < 24; ++i) expect(ran[i] == (i == 1 || i == 8 || i == 23), "some blocks", i);
    expect(some.blocks == 3, "counters of some blocks", 0);
}

}  // namespace

int main() {
    check_shuffles();
    check_votes();
    check_blocks();
    std::printf("%d wrong\n", wrong);
    return wrong != 0;
}
