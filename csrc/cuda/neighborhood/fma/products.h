// What all kernels without tensor cores are made of: tiles in shared memory, and products of them by a warp.
//
// A warp has 4 kLaneRows rows and 8 kLaneColumns columns of a tile. Lane 8 g + c has every fourth row from g, every
// eighth column from c, and of every channel vector of 8 the one at c. So lanes of a quarter warp, whose loads of 16
// bytes go to shared memory together, read one address of rows, or eight that lie on all banks.
#pragma once

#include "../pass.h"
#include "../vectors.h"

namespace nbv {
namespace {

constexpr int kFmaWarps = 4;  // of a block, at most
constexpr int kMostPlaces = 64;

// How much a lane holds, for tensors of T with at most kDim_ channels.
template <class T, int kDim_, int kLaneRows_, int kLaneColumns_>
struct FmaShape {
    using Type = T;
    static constexpr int kDim = kDim_, kLaneRows = kLaneRows_, kLaneColumns = kLaneColumns_;
    static constexpr int kWarpRows = 4 * kLaneRows, kColumns = 8 * kLaneColumns;
    static constexpr int kVector = Vector<T>::kSize, kLaneVectors = kDim / (8 * kVector);
    // How many blocks' registers a multiprocessor must hold: as many as spill none.
    static constexpr int kForwardBlocks = kDim * sizeof(T) <= 256 ? 3 : 2, kBackwardBlocks = 2;
    static constexpr int kStride = kDim + kVector;        // of tokens in shared memory, by which banks differ
    static constexpr int kWeightStride = kColumns + 8;    // of rows of weights there
    static constexpr int kRowSize = kWarpRows * kStride;  // elements: of a warp's rows of one tensor
    static constexpr int kColumnSize = kColumns * kStride;
    static constexpr int kWeightSize = kWarpRows * kWeightStride;
};

struct FmaLane {
    int warp, group, column;

    __device__ __forceinline__ FmaLane()
        : warp(threadIdx.x / 32), group(threadIdx.x % 32 / 8), column(threadIdx.x % 8) {}
};

template <class S>
using Scores = typename S::Type[S::kLaneRows][S::kLaneColumns];
template <class S>
using Sums = Vector<typename S::Type>[S::kLaneRows][S::kLaneVectors];

__device__ __forceinline__ float exp2_of(float x) { return exp2_fast(x); }
__device__ __forceinline__ double exp2_of(double x) { return exp2(x); }

__device__ __forceinline__ float log_of(float x) { return logf(x); }
__device__ __forceinline__ double log_of(double x) { return log(x); }

// Tokens to shared memory: offset(n) is where the n-th begins, or -1 for zeros. cp_async_wait and a barrier must
// follow.
template <class S, class Offset>
__device__ __forceinline__ void copy_tokens(typename S::Type* to, int tokens, const void* data, int dim, bool aligned,
                                            const Offset& offset) {
    using T = typename S::Type;
    constexpr int kVectors = S::kDim / S::kVector;
    const T* from = static_cast<const T*>(data);
#pragma unroll 1  // addresses of several copies at once would take registers that sums need
    for (int i = threadIdx.x; i < tokens * kVectors; i += blockDim.x) {
        const int token = i / kVectors, channel = i % kVectors * S::kVector;
        const int64_t at = offset(token);
        T* vector = to + token * S::kStride + channel;
        if (aligned) {
            const bool there = at >= 0 && channel < dim;
            cp_async16(vector, there ? from + at + channel : from, there);
            continue;
        }
#pragma unroll
        for (int k = 0; k < S::kVector; ++k) vector[k] = at >= 0 && channel + k < dim ? from[at + channel + k] : T(0);
    }
}

template <class T>
__device__ __forceinline__ Vector<T> load_shared(const T* from) {
    return *reinterpret_cast<const Vector<T>*>(from);
}

template <class S>
__device__ __forceinline__ void clear_scores(Scores<S>& scores) {
#pragma unroll
    for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
        for (int j = 0; j < S::kLaneColumns; ++j) scores[i][j] = 0;
}

// Products of rows and columns over `dim` channels; both pointers are to the lane's first.
template <class S>
__device__ __forceinline__ void multiply(const typename S::Type* rows, const typename S::Type* columns, int dim,
                                         Scores<S>& scores) {
    using T = typename S::Type;
    clear_scores<S>(scores);
#pragma unroll 1
    for (int d = 0; d < dim; d += S::kVector) {
        Vector<T> row[S::kLaneRows];
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i) row[i] = load_shared(rows + 4 * i * S::kStride + d);
#pragma unroll
        for (int j = 0; j < S::kLaneColumns; ++j) {
            const Vector<T> column = load_shared(columns + 8 * j * S::kStride + d);
#pragma unroll
            for (int k = 0; k < S::kVector; ++k)
#pragma unroll
                for (int i = 0; i < S::kLaneRows; ++i) scores[i][j] += row[i].at[k] * column.at[k];
        }
    }
}

template <class S>
__device__ __forceinline__ void scale_scores(Scores<S>& scores, typename S::Type scale) {
#pragma unroll
    for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
        for (int j = 0; j < S::kLaneColumns; ++j) scores[i][j] *= scale;
}

// sums += weights times columns. Pointers are to the lane's first row of weights and to its first channel of the tile's
// first column. Bit j of `groups`: some row of the warp has weights in columns [8 j, 8 j + 8).
// A column that is no number makes sums of all rows none, as 0 times NaN is NaN: tiles spread it, but not beyond
// themselves.
template <class S>
__device__ __forceinline__ void accumulate(const typename S::Type* weights, const typename S::Type* columns, int dim,
                                           unsigned groups, Sums<S>& sums) {
    using T = typename S::Type;
#pragma unroll 1
    for (int n = 0; n < S::kColumns; n += S::kVector) {
        if ((groups >> (n / 8) & 1) == 0) continue;
        Vector<T> weight[S::kLaneRows];
#pragma unroll
        for (int i = 0; i < S::kLaneRows; ++i) weight[i] = load_shared(weights + 4 * i * S::kWeightStride + n);
#pragma unroll
        for (int c = 0; c < S::kLaneVectors; ++c) {
            if (8 * S::kVector * c >= dim) continue;
#pragma unroll
            for (int m = 0; m < S::kVector; ++m) {
                const Vector<T> x = load_shared(columns + (n + m) * S::kStride + 8 * S::kVector * c);
#pragma unroll
                for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
                    for (int k = 0; k < S::kVector; ++k) sums[i][c].at[k] += weight[i].at[m] * x.at[k];
            }
        }
    }
}

template <class S>
__device__ __forceinline__ void clear(Sums<S>& sums) {
#pragma unroll
    for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
        for (int c = 0; c < S::kLaneVectors; ++c) sums[i][c] = {};
}

// The lane's weights to its warp's part of shared memory, for accumulate.
template <class S>
__device__ __forceinline__ void store_weights(typename S::Type* weights, const FmaLane& lane, const Scores<S>& scores) {
#pragma unroll
    for (int i = 0; i < S::kLaneRows; ++i)
#pragma unroll
        for (int j = 0; j < S::kLaneColumns; ++j)
            weights[(lane.group + 4 * i) * S::kWeightStride + lane.column + 8 * j] = scores[i][j];
}

// One row of sums, times a factor, to `dim` channels of global memory.
template <class S>
__device__ __forceinline__ void store_row(typename S::Type* to, const FmaLane& lane, int dim, bool aligned,
                                          const Vector<typename S::Type> (&sums)[S::kLaneVectors],
                                          typename S::Type factor) {
#pragma unroll
    for (int c = 0; c < S::kLaneVectors; ++c) {
        const int channel = (8 * c + lane.column) * S::kVector;
        Vector<typename S::Type> scaled = sums[c];
#pragma unroll
        for (int k = 0; k < S::kVector; ++k) scaled.at[k] *= factor;
        if (channel < dim) store_vector(to, channel, dim, aligned, scaled);
    }
}

}  // namespace
}  // namespace nbv
