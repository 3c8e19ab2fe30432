// A kernel whose work test_simt.py counts by hand.
#include <vector>

#include "../../csrc/cuda/common/gpu.h"

namespace {

using namespace nbv;

struct Args {
    const float* in;
    float* out;
    uint4* wide;
    int* total;
};

__global__ void work(const Args args) {
    NBV_SHARED(memory);
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
    const int64_t place = blockIdx.x * blockDim.x + threadIdx.x;
    cp_async16(memory + 16 * thread, args.in + 4 * thread, thread < 48);
    cp_async_commit();
    cp_async_wait<0>();
    __syncthreads();
    const float* const items = reinterpret_cast<const float*>(memory);
    args.out[place] = items[thread] + items[2 * lane];  // one turn of the banks; two
    args.wide[place] = reinterpret_cast<const uint4*>(memory)[thread];
    uint32_t a[4], b[4];
    ldmatrix4(a, memory + 16 * lane);         // rows side by side: every bank once
    ldmatrix4(b, memory + 128 * (lane % 8));  // rows above each other: all in the same banks
    float sums[4] = {};
    for (int i = 0; i < 3; ++i) mma_16x8x16<Half>(sums, a, b[0], b[1]);
    for (int i = 0; i < 2; ++i) mma_16x8x8_tf32(sums, a, b[0], b[1]);
    if (lane < 5) sums[0] = exp2_fast(sums[0]);
    __syncwarp();
    const int first = __shfl_sync(0xFFFFFFFFu, thread, 0) + __shfl_up_sync(0xFFFFFFFFu, thread, 1);
    if (__ballot_sync(0xFFFFFFFFu, first > 0)) atomicAdd(args.total, 1);
    if (lane == 0) count_tile();
    __syncthreads();
}

}  // namespace

int main() {
    const std::vector<float> in(256, 1.0f);
    std::vector<float> out(128);
    std::vector<uint4> wide(128);
    std::vector<int> total(1);
    const Args args{in.data(), out.data(), wide.data(), total.data()};
    simt::launch({2}, {64}, 1024, [&] { work(args); }).print();
    return 0;
}
