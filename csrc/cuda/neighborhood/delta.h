// delta = sum over channels of grad_out * out, less the gradient of the LSE: what the gradient of every logit lacks.
#pragma once

#include "pass.h"
#include "vectors.h"

namespace nbv {
namespace {

constexpr int kDeltaThreads = 128, kDeltaLanes = 8, kDeltaRows = kDeltaThreads / kDeltaLanes;

// Rows of a sample: tokens and heads.
NBV_HOST_DEVICE inline int64_t count_delta_rows(const NeighborhoodCudaArgs& p) {
    return static_cast<int64_t>(p.axis[0].length) * p.axis[1].length * p.axis[2].length * p.heads;
}
NBV_HOST_DEVICE inline int64_t count_delta_blocks(const NeighborhoodCudaArgs& p) {
    return (count_delta_rows(p) + kDeltaRows - 1) / kDeltaRows;  // of a sample
}

// T is what tensors hold.
template <class T>
__global__ void __launch_bounds__(kDeltaThreads) neighborhood_delta(const __grid_constant__ NeighborhoodPass pass) {
    const NeighborhoodCudaArgs& p = pass.args;
    const uint32_t blocks = static_cast<uint32_t>(count_delta_blocks(p)),
                   rows = static_cast<uint32_t>(count_delta_rows(p));
    const int32_t sample = blockIdx.x / blocks, lane = threadIdx.x % kDeltaLanes;
    const uint32_t row = blockIdx.x % blocks * kDeltaRows + threadIdx.x / kDeltaLanes;  // may be beyond 31 bits
    Compute<T> sum = 0;
    if (row < rows) {
        const int32_t head = row % p.heads, token = row / p.heads;
        const Position at = split_index(token, {p.axis[0].length, p.axis[1].length, p.axis[2].length});
        const auto find = [&](const CudaView& view) {
            return static_cast<const T*>(view.data) + sample * view.batch + at.z * view.axis[0] + at.y * view.axis[1] +
                   at.x * view.axis[2] + head * view.head;
        };
        const T *out = find(p.out_view), *grad = find(p.grad_out);
        constexpr int kSize = Vector<T>::kSize;
        for (int d = lane * kSize; d < p.dim_v; d += kDeltaLanes * kSize) {
            const Vector<T> x = load_vector(out, d, p.dim_v, pass.aligned);
            const Vector<T> y = load_vector(grad, d, p.dim_v, pass.aligned);
#pragma unroll
            for (int i = 0; i < kSize; ++i) sum += widen(x.at[i]) * widen(y.at[i]);
        }
    }
    for (int by = 1; by < kDeltaLanes; by *= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, by);
    if (row >= rows || lane != 0) return;
    const int64_t number = static_cast<int64_t>(sample) * rows + row;
    const auto* grad_lse = static_cast<const Compute<T>*>(p.grad_lse);
    static_cast<Compute<T>*>(pass.delta)[number] = grad_lse == nullptr ? sum : sum - grad_lse[number];
}

}  // namespace
}  // namespace nbv
