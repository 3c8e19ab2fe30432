// Sums what the tasks of the backward pass left in their slots, in the order of the tasks: whichever thread sums a row,
// every bit of it is the same.
#pragma once

#include "pack.h"

namespace nbv {
namespace {

// One row of keys of a residue group: adds the slots of all tiles whose windows reach it.
template <class T, class S>
inline void sum_row(const Problem& p, int64_t first_task, const int64_t (&group)[3], int64_t z, int64_t y,
                    const void* partial, int64_t slot, int64_t dim, int64_t padded, T factor, const View& to, T* sum) {
    const int64_t length = group_length(p.axis[2], group[2]);
    for (int64_t i = 0; i < length * padded; ++i) sum[i] = 0;
    const int64_t tiles = p.num_tiles[0] * p.num_tiles[1] * p.num_tiles[2];
    Tile t{};
    for (int64_t i = 0; i < tiles; ++i) {
        const int64_t task = first_task + i * p.heads_kv;
        t = make_tile(p, task, true);
        if (t.empty || z < t.key[0] || z >= t.key[0] + t.keys[0] || y < t.key[1] || y >= t.key[1] + t.keys[1]) continue;
        const int64_t row = (z - t.key[0]) * t.keys[1] + y - t.key[1];
        const T* from = static_cast<const T*>(partial) + task * slot + row * t.keys[2] * padded;
        T* into = sum + t.key[2] * padded;
        for (int64_t j = 0; j < t.keys[2] * padded; j += kLanes<T>) store(into + j, load(into + j) + load(from + j));
    }
    for (int64_t x = 0; x < length; ++x) {
        S* token =
            const_cast<S*>(element<T, S>(to, t.batch, z * p.axis[0].dilation + group[0],
                                         y * p.axis[1].dilation + group[1], x * p.axis[2].dilation + group[2], t.head));
        store_scaled(sum + x * padded, dim, factor, token);
    }
}

template <class T, class S>
inline void sum_key_row_of(const Problem& p, int64_t row, char* scratch) {
    const Sizes<T> sizes(p);
    const int64_t y = row % group_length(p.axis[1], 0);
    row /= group_length(p.axis[1], 0);
    const int64_t z = row % group_length(p.axis[0], 0);
    row /= group_length(p.axis[0], 0);
    int64_t group[3], parts = p.num_tiles[0] * p.num_tiles[1] * p.num_tiles[2], part = 0, groups = 1;
    for (int a = 2; a >= 0; --a) {
        group[a] = row % num_groups(p.axis[a]);
        row /= num_groups(p.axis[a]);
        part += group[a] * groups * parts;
        groups *= num_groups(p.axis[a]);
    }
    const int64_t first_task = backward_task(p, row / p.heads_kv, row % p.heads_kv, part, parts * groups);
    if (z >= group_length(p.axis[0], group[0]) || y >= group_length(p.axis[1], group[1])) return;
    T* sum = reinterpret_cast<T*>(scratch);
    if (p.grad_key.data)
        sum_row<T, S>(p, first_task, group, z, y, p.partial_key, sizes.keys * sizes.dim, p.dim, sizes.dim,
                      static_cast<T>(p.scale), p.grad_key, sum);
    if (p.grad_value.data)
        sum_row<T, S>(p, first_task, group, z, y, p.partial_value, sizes.keys * sizes.dim_v, p.dim_v, sizes.dim_v, T(1),
                      p.grad_value, sum);
}

template <class T, class S>
inline void sum_extra_token(const Problem& p, const void* partial, int64_t slots, int64_t first, int64_t slot,
                            int64_t offset, int64_t dim, T factor, S* to) {
    for (int64_t d = 0; d < dim; ++d) {
        T sum = 0;
        for (int64_t i = 0; i < slots; ++i)
            sum += static_cast<const T*>(partial)[(first + i * p.heads_kv) * slot + offset + d];
        from_compute(sum * factor, to + d);
    }
}

template <class T, class S>
inline void sum_extra_of(const Problem& p, int64_t index) {
    const Sizes<T> sizes(p);
    const int64_t token = index % p.extra, head = index / p.extra % p.heads_kv, batch = index / p.extra / p.heads_kv;
    const int64_t slots = head_bundles(p), first = backward_task(p, batch, head, 0, slots);
    if (p.grad_extra_key.data) {
        S* key = const_cast<S*>(element<T, S>(p.grad_extra_key, batch, 0, 0, token, head));
        sum_extra_token<T, S>(p, p.partial_extra_key, slots, first, p.extra * sizes.dim, token * sizes.dim, p.dim,
                              static_cast<T>(p.scale), key);
    }
    if (p.grad_extra_value.data) {
        S* value = const_cast<S*>(element<T, S>(p.grad_extra_value, batch, 0, 0, token, head));
        sum_extra_token<T, S>(p, p.partial_extra_value, slots, first, p.extra * sizes.dim_v, token * sizes.dim_v,
                              p.dim_v, T(1), value);
    }
}

template <class T, class S>
inline void sum_bias_of(const Problem& p, int64_t head) {
    const int64_t group_heads = p.heads / p.heads_kv, width = 2 * p.axis[2].kernel - 1, table = bias_table_size(p);
    const int64_t rows = table / p.bias_width, slots = head_bundles(p);
    const int64_t ky = 2 * p.axis[1].kernel - 1;
    S* to = static_cast<S*>(p.grad_bias) + head * rows * width;
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t x = 0; x < width; ++x) {
            T sum = 0;
            for (int64_t batch = 0; batch < p.batch; ++batch) {
                for (int64_t i = 0; i < slots; ++i)
                    sum += static_cast<const T*>(
                        p.partial_bias)[(backward_task(p, batch, head / group_heads, i, slots) * group_heads +
                                         head % group_heads) *
                                            table +
                                        row * p.bias_width + x];
            }
            from_compute(sum, to + row / ky * p.bias_stride[0] + row % ky * p.bias_stride[1] + x * p.bias_stride[2]);
        }
    }
}

}  // namespace
}  // namespace nbv
