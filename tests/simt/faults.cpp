// Kernels with one fault each, and their right twins: `faults <name>` says what the emulator says.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../../csrc/cuda/common/gpu.h"

namespace {

using namespace nbv;

constexpr uint32_t kAll = 0xFFFFFFFFu;

int lane() { return static_cast<int>(threadIdx.x); }

template <class Kernel>
void run(Kernel kernel, int threads = 64, int64_t shared = 1024) {
    simt::launch({1}, {static_cast<unsigned>(threads)}, shared, kernel);
}

// Each lane of the block writes an item; each reads its neighbor's.
template <bool kBarrier>
void neighbor() {
    NBV_SHARED(memory);
    volatile int* items = reinterpret_cast<int*>(memory);
    items[lane()] = lane();
    if (kBarrier) __syncthreads();
    const int seen = items[(lane() + 1) % 64];
    __syncthreads();
    items[lane()] = seen;
}

// In the manner of a reduction: reads before, writes after, nothing between.
void write_after_read() {
    NBV_SHARED(memory);
    volatile int* items = reinterpret_cast<int*>(memory);
    items[lane()] = 1;
    __syncthreads();
    const int sum = items[lane()] + items[lane() ^ 32];
    items[lane()] = sum;
}

// Within one warp.
template <bool kBarrier>
void neighbor_of_warp() {
    NBV_SHARED(memory);
    volatile int* items = reinterpret_cast<int*>(memory);
    items[lane()] = lane();
    if (kBarrier) __syncwarp();
    const int seen = items[lane() ^ 1];
    if (kBarrier) __syncwarp();
    items[lane()] = seen;
}

// Lanes that have met in a shuffle, a vote or a product need not see each other's stores.
template <class Meet>
void neighbor_after(Meet meet) {
    NBV_SHARED(memory);
    volatile int* items = reinterpret_cast<int*>(memory);
    items[lane()] = lane();
    meet();
    const int seen = items[lane() ^ 1];
    __syncwarp();
    items[lane()] = seen;
}
void meet_in_a_product() {
    float d[4] = {};
    const uint32_t a[4] = {};
    mma_16x8x16<Half>(d, a, 0, 0);
}

// A warp's own barrier orders nothing between warps.
void neighbor_of_other_warp() {
    NBV_SHARED(memory);
    volatile int* items = reinterpret_cast<int*>(memory);
    items[lane()] = lane();
    __syncwarp();
    const int seen = items[lane() ^ 32];
    __syncthreads();
    items[lane()] = seen;
}

// Halves of a word are no race, nor is a word that all only read.
void halves_of_a_word() {
    NBV_SHARED(memory);
    volatile uint16_t* items = reinterpret_cast<uint16_t*>(memory);
    items[lane()] = 1;
    __syncthreads();
    volatile int all = items[0] + items[1];
    (void)all;
}

void same_word() {
    NBV_SHARED(memory);
    *reinterpret_cast<volatile int*>(memory) = 1;
}

void barrier_in_a_branch() {
    if (lane() < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}
void barrier_for_some() {
    if (lane() < 40) __syncthreads();
}
void barrier_after_some_left() {
    if (lane() < 40) return;
    __syncthreads();
}
void shuffle_in_a_branch() {
    volatile int x = 0;
    if (lane() % 2 == 0) x = __shfl_xor_sync(kAll, lane(), 1);
    (void)x;
}
void shuffle_against_vote() {
    volatile int x = lane() % 2 ? __shfl_xor_sync(kAll, lane(), 1) : static_cast<int>(__ballot_sync(kAll, 1));
    (void)x;
}
void masks_that_differ() { __syncwarp(lane() % 32 < 16 ? 0x0000FFFFu : kAll); }
void mask_without_itself() { __syncwarp(lane() == 3 ? 0x1u : kAll); }
void barrier_against_shuffle() {
    if (lane() == 0) __syncthreads();
    __syncwarp();
    if (lane() != 0) __syncthreads();
}

void barrier_against_warp_barrier() {
    if (lane() == 0) {
        __syncthreads();
    } else {
        __syncwarp();
    }
}

template <int kOffset>
void write_at() {
    NBV_SHARED(memory);
    if (lane() == 5) reinterpret_cast<volatile float*>(memory + kOffset)[0] = 1;
}
template <int kOffset>
void read_at() {
    NBV_SHARED(memory);
    if (lane() == 5) {
        volatile float x = reinterpret_cast<volatile float*>(memory + kOffset)[0];
        (void)x;
    }
}
void ldmatrix_at() {
    NBV_SHARED(memory);
    uint32_t out[4];
    ldmatrix4(out, memory + lane() % 32 * 16 + 528);
}
void ldmatrix_misaligned() {
    NBV_SHARED(memory);
    uint32_t out[4];
    ldmatrix4(out, memory + 8);
}
void mma_of_a_part() {
    float d[4] = {};
    const uint32_t a[4] = {};
    mma_16x8x16<Half>(d, a, 0, 0);
}
alignas(16) const float source[64] = {};
void copy_at() {
    NBV_SHARED(memory);
    cp_async16(memory + lane() * 16 + 16, source);
}
void copy_misaligned() {
    NBV_SHARED(memory);
    cp_async16(memory + lane() * 4, source);
}
void copy4_misaligned() {
    NBV_SHARED(memory);
    cp_async4(memory + lane() * 2, source);
}
void copy4_last() {
    NBV_SHARED(memory);
    cp_async4(memory + lane() * 16 + 12, source);
}
void null_pointer() {
    volatile int* nothing = nullptr;
    asm("" : "+r"(nothing));
    if (lane() == 9) *nothing = 1;
}
int endless(int depth) {
    volatile char room[512];
    room[0] = static_cast<char>(depth);
    return depth < 0 ? 0 : endless(depth + 1) + room[0];
}
void stack_overflow() {
    volatile int x = endless(1);
    (void)x;
}
void throws() { throw 1; }

template <bool kRight>
void other_block() {
    std::vector<int> out(64);
    simt::launch({2}, {32}, 0, [&] { out[kRight ? blockIdx.x * 32 + threadIdx.x : threadIdx.x] = 1; });
}
void atomics_of_blocks() {
    std::vector<int> out(1);
    simt::launch({4}, {64}, 0, [&] { atomicAdd(out.data(), 1); });
    if (out[0] != 256) throw simt::Fault("wrong sum");
}

const std::map<std::string, std::function<void()>> kernels = {
    {"neighbor", [] { run(neighbor<true>); }},
    {"neighbor_race", [] { run(neighbor<false>); }},
    {"write_after_read_race", [] { run(write_after_read); }},
    {"neighbor_of_warp", [] { run(neighbor_of_warp<true>); }},
    {"neighbor_of_warp_race", [] { run(neighbor_of_warp<false>); }},
    {"neighbor_after_a_shuffle_race", [] { run([] { neighbor_after([] { __shfl_xor_sync(kAll, lane(), 1); }); }); }},
    {"neighbor_after_a_vote_race", [] { run([] { neighbor_after([] { __ballot_sync(kAll, 1); }); }); }},
    {"neighbor_after_a_product_race", [] { run([] { neighbor_after(meet_in_a_product); }); }},
    {"neighbor_of_other_warp_race", [] { run(neighbor_of_other_warp); }},
    {"halves_of_a_word", [] { run(halves_of_a_word); }},
    {"same_word_race", [] { run(same_word); }},
    {"other_block", other_block<true>},
    {"other_block_race", other_block<false>},
    {"atomics_of_blocks", atomics_of_blocks},
    {"barrier_in_a_branch", [] { run(barrier_in_a_branch); }},
    {"barrier_for_some", [] { run(barrier_for_some); }},
    {"barrier_after_some_left", [] { run(barrier_after_some_left); }},
    {"shuffle_in_a_branch", [] { run(shuffle_in_a_branch); }},
    {"shuffle_against_vote", [] { run(shuffle_against_vote); }},
    {"masks_that_differ", [] { run(masks_that_differ); }},
    {"mask_without_itself", [] { run(mask_without_itself); }},
    {"barrier_against_shuffle", [] { run(barrier_against_shuffle); }},
    {"barrier_against_warp_barrier", [] { run(barrier_against_warp_barrier, 32); }},
    {"write_behind", [] { run(write_at<1024>); }},
    {"write_behind_a_part", [] { run(write_at<100>, 64, 100); }},
    {"write_before", [] { run(write_at<-4>); }},
    {"write_far_behind", [] { run(write_at<300000>); }},
    {"read_behind", [] { run(read_at<1024>); }},
    {"read_behind_a_part", [] { run(read_at<100>, 64, 100); }},
    {"write_last", [] { run(write_at<1020>); }},
    {"ldmatrix_at", [] { run(ldmatrix_at); }},
    {"ldmatrix_misaligned", [] { run(ldmatrix_misaligned); }},
    {"mma_of_a_part", [] { run(mma_of_a_part, 48); }},
    {"copy_at", [] { run(copy_at); }},
    {"copy_misaligned", [] { run(copy_misaligned); }},
    {"copy4_misaligned", [] { run(copy4_misaligned); }},
    {"copy4_last", [] { run(copy4_last); }},
    {"null_pointer", [] { run(null_pointer); }},
    {"stack_overflow", [] { run(stack_overflow); }},
    {"throws", [] { run(throws); }},
    {"shared_limit", [] { run([] {}, 64, 48 * 1024 + 1); }},
    {"shared_most", [] { run([] {}, 64, 48 * 1024); }},
    {"shared_asked", [] { simt::launch({1}, {32}, 100 << 10, [] {}, {.shared_limit = 100 << 10}); }},
    {"shared_beyond", [] { simt::launch({1}, {32}, 100 << 10, [] {}, {.shared_limit = 228 << 10}); }},
    {"block_too_large", [] { run([] {}, 1025); }},
    {"grid_empty", [] { simt::launch({0}, {32}, 0, [] {}); }},
    {"block_of_no_grid", [] { simt::launch({2, 2}, {32}, 0, [] {}, {.blocks = {4}}); }},
    {"nested", [] { run([] { simt::launch({1}, {32}, 0, [] {}); }); }},
    // After a fault the next launch starts anew.
    {"again",
     [] {
         for (int i = 0; i < 3; ++i) try {
                 run(barrier_for_some);
                 throw simt::Fault("the fault was not found");
             } catch (const simt::Fault&) {
             }
         run(neighbor<true>, 64);
     }},
};

}  // namespace

int main(int count, char** arguments) {
    for (const auto& [name, kernel] : kernels) {
        if (count > 1 && name != arguments[1]) continue;
        try {
            kernel();
            std::printf("%s: ok\n", name.c_str());
        } catch (const simt::Fault& fault) {
            std::printf("%s: fault: %s\n", name.c_str(), fault.what());
        }
        std::fflush(stdout);
    }
    return 0;
}
