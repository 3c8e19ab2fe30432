// Between the tensors' layout and the kernels': any storage type and strides to dense rows of the compute type, and
// back.
#pragma once

#include "tile.h"

namespace nbv {
namespace {

NBV_INLINE int64_t offset_of(const View& view, int64_t batch, int64_t z, int64_t y, int64_t x, int64_t head) {
    return batch * view.batch + z * view.axis[0] + y * view.axis[1] + x * view.axis[2] + head * view.head;
}

template <class T, class S>
NBV_INLINE const S* element(const View& view, int64_t batch, int64_t z, int64_t y, int64_t x, int64_t head) {
    return reinterpret_cast<const S*>(view.data) + offset_of(view, batch, z, y, x, head);
}

// Strided tokens defeat the hardware's prefetching, and what is asked for early costs nothing.
template <int for_writing, class S>
NBV_INLINE void prefetch_tokens(const S* from, int64_t stride, int64_t count, int64_t dim) {
    for (int64_t x = 0; x < count; ++x)
        for (int64_t d = 0; d < dim; d += 64 / sizeof(S)) __builtin_prefetch(from + x * stride + d, for_writing);
}

// One token: dim values, then zeros up to a whole vector.
template <class T, class S>
NBV_INLINE void load_token(const S* from, int64_t dim, T* to) {
    int64_t d = 0;
    for (; d + kLanes<T> <= dim; d += kLanes<T>) store(to + d, load_compute(from + d));
    if (d == dim) return;
    Vec<T> rest{};
    for (int i = 0; d + i < dim; ++i) rest[i] = to_compute(from[d + i]);
    store(to + d, rest);
}

template <class T, class S>
NBV_INLINE void store_scaled(const T* from, int64_t dim, T factor, S* to) {
    int64_t d = 0;
    for (; d + kLanes<T> <= dim; d += kLanes<T>) store_compute(to + d, load(from + d) * factor);
    for (; d < dim; ++d) from_compute(from[d] * factor, to + d);
}

// kLanes tokens of kLanes dims, transposed.
template <class V, int N>
NBV_INLINE void transpose(V (&v)[N]) {
    V copy[N];
    for (int i = 0; i < N; ++i) copy[i] = v[i];
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) v[i][j] = copy[j][i];
}

#if defined(__AVX__) && (defined(__clang__) || __GNUC__ >= 12)
NBV_INLINE void transpose(Vec<float> (&v)[8]) {
    Vec<float> a[8], b[8];
    for (int i = 0; i < 4; ++i) {
        a[2 * i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        a[2 * i + 1] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) {
            b[4 * i + 2 * j] = __builtin_shufflevector(a[4 * i + j], a[4 * i + 2 + j], 0, 1, 8, 9, 4, 5, 12, 13);
            b[4 * i + 2 * j + 1] = __builtin_shufflevector(a[4 * i + j], a[4 * i + 2 + j], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    for (int i = 0; i < 4; ++i) {
        v[i] = __builtin_shufflevector(b[i], b[4 + i], 0, 1, 2, 3, 8, 9, 10, 11);
        v[4 + i] = __builtin_shufflevector(b[i], b[4 + i], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}
#endif

// Tokens [count, dim] -> [dim, columns]: the same channel of neighboring keys side by side, so that one load at any
// column is that channel of the next kLanes keys. Whole vectors are written: columns holds count rounded up. What lies
// in the lanes past `count` does not matter, for the softmax masks them.
template <class T, class S>
inline void pack_transposed(const S* from, int64_t token_stride, int64_t count, int64_t dim, T* to, int64_t columns) {
    constexpr int lanes = kLanes<T>;
    for (int64_t x = 0; x < count; x += lanes) {
        if (x + 2 * lanes < count)
            prefetch_tokens<0>(from + (x + 2 * lanes) * token_stride, token_stride,
                               smaller(lanes, count - x - 2 * lanes), dim);
        int64_t d = 0;
        for (; d + lanes <= dim; d += lanes) {
            Vec<T> block[lanes];
            for (int i = 0; i < lanes; ++i)
                block[i] = load_compute(from + smaller(x + i, count - 1) * token_stride + d);
            transpose(block);
            for (int i = 0; i < lanes; ++i) store(to + (d + i) * columns + x, block[i]);
        }
        for (; d < dim; ++d)
            for (int64_t i = x; i < smaller(x + lanes, count); ++i)
                to[d * columns + i] = to_compute(from[i * token_stride + d]);
    }
}

// Rows of keys of a tile: [z, y, x] -> as transposed rows [dim, columns] and, or, as dense tokens [x, dim padded].
// Scores need the first layout, sums over keys the second; the backward pass needs the keys in both.
template <class T, class S>
inline void pack_keys(const Problem& p, const Tile& t, const View& view, int64_t head, int64_t dim, T* transposed,
                      int64_t columns, T* dense, int64_t dense_dim) {
    const int64_t stride = view.axis[2] * p.axis[2].dilation;
    for (int64_t z = 0; z < t.keys[0]; ++z) {
        for (int64_t y = 0; y < t.keys[1]; ++y) {
            const S* from = element<T, S>(view, t.batch, (t.key[0] + z) * p.axis[0].dilation + t.group[0],
                                          (t.key[1] + y) * p.axis[1].dilation + t.group[1],
                                          t.key[2] * p.axis[2].dilation + t.group[2], head);
            if (y + 1 < t.keys[1])
                prefetch_tokens<0>(from + view.axis[1] * p.axis[1].dilation, stride, smaller(16, t.keys[2]), dim);
            if (transposed != nullptr) {
                pack_transposed(from, stride, t.keys[2], dim, transposed, columns);
                transposed += dim * columns;
            }
            if (dense != nullptr) {
                for (int64_t x = 0; x < t.keys[2]; ++x) {
                    if (x + 16 < t.keys[2]) prefetch_tokens<0>(from + (x + 16) * stride, stride, 1, dim);
                    load_token(from + x * stride, dim, dense + x * dense_dim);
                }
                dense += t.keys[2] * dense_dim;
            }
        }
    }
}

template <class T, class S>
inline void pack_extra(const Problem& p, const Tile& t, const View& view, int64_t head, int64_t dim, T* transposed,
                       int64_t columns, T* dense, int64_t dense_dim) {
    const S* from = element<T, S>(view, t.batch, 0, 0, 0, head);
    if (transposed != nullptr) pack_transposed(from, view.axis[2], p.extra, dim, transposed, columns);
    for (int64_t s = 0; dense != nullptr && s < p.extra; ++s)
        load_token(from + s * view.axis[2], dim, dense + s * dense_dim);
}

}  // namespace
}  // namespace nbv
