// What arrives by cp.async after which wait: "wait<N>: items of three groups that are there". One line each.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../../csrc/cuda/common/gpu.h"

namespace {

using namespace nbv;

alignas(16) float source[32 * 4];

// Three groups of a chunk per lane; each lane looks at its own after the wait, without a barrier.
template <int kPending>
void look_after_wait() {
    int there[3] = {};
    const auto counters = simt::launch({1}, {32}, 3 * 512, [&] {
        NBV_SHARED(memory);
        const int lane = static_cast<int>(threadIdx.x);
        for (int group = 0; group < 3; ++group) {
            cp_async16(memory + group * 512 + lane * 16, source + lane * 4);
            cp_async_commit();
        }
        cp_async_wait<kPending>();
        for (int group = 0; group < 3; ++group) {
            const volatile float* chunk = reinterpret_cast<float*>(memory + group * 512 + lane * 16);
            for (int i = 0; i < 4; ++i) there[group] += chunk[i] == source[lane * 4 + i];
        }
    });
    std::printf("wait<%d>: %d %d %d, %d unwaited\n", kPending, there[0], there[1], there[2],
                static_cast<int>(counters.unwaited));
}

// As above, of 4 bytes: the second of every four is not committed at the first wait, the third is zero.
template <bool kEarly>
void look_at_words() {
    int there = 0, missing = 0;
    simt::launch({1}, {32}, 512, [&] {
        NBV_SHARED(memory);
        const int lane = static_cast<int>(threadIdx.x);
        for (const int i : {0, 2, 3}) cp_async4(memory + lane * 16 + i * 4, source + lane * 4 + i, i != 2);
        cp_async_commit();
        cp_async4(memory + lane * 16 + 4, source + lane * 4 + 1);
        cp_async_wait<0>();
        const volatile float* words = reinterpret_cast<float*>(memory + lane * 16);
        for (const int i : {0, 2, 3}) there += words[i] == (i == 2 ? 0 : source[lane * 4 + i]);
        if (kEarly) missing += std::isnan(words[1]);
        cp_async_commit();
        cp_async_wait<0>();
        there += words[1] == source[lane * 4 + 1];
    });
    std::printf("words: %d, %d missing\n", there, missing);
}

// Copies of another lane are there after its wait and a barrier; what is not committed is not waited for.
template <bool kCommit>
void look_at_neighbor() {
    int there = 0;
    simt::launch({1}, {64}, 1024, [&] {
        NBV_SHARED(memory);
        const int thread = static_cast<int>(threadIdx.x), other = (thread + 33) % 64;
        cp_async16(memory + thread * 16, source + thread % 32 * 4, thread != 7);
        if (kCommit) cp_async_commit();
        cp_async_wait<0>();
        __syncthreads();
        const volatile float* chunk = reinterpret_cast<float*>(memory + other * 16);
        for (int i = 0; i < 4; ++i) there += chunk[i] == (other == 7 ? 0 : source[other % 32 * 4 + i]);
    });
    std::printf("neighbor%s: %d\n", kCommit ? "" : " without commit", there);
}

}  // namespace

int main(int count, char** arguments) {
    for (int i = 0; i < 128; ++i) source[i] = static_cast<float>(i);
    try {
        if (count > 1 && std::string(arguments[1]) == "words") {
            look_at_words<true>();
            return 0;
        }
        look_after_wait<0>();
        look_at_neighbor<true>();
        look_at_words<false>();
        if (count > 1) return 0;
        look_after_wait<1>();
        look_after_wait<2>();
        look_after_wait<3>();
        look_at_neighbor<false>();
        look_at_words<true>();
    } catch (const simt::Fault& fault) {
        std::printf("fault: %s\n", fault.what());
    }
    return 0;
}
