// The gradient of the bias in one block: sums of the logits' gradients over all pairs of rows and columns that lie
// apart in the same way. A thread owns an entry of the table while a tile of columns is there, and adds its pairs in
// the order of rows: no atomics, and nothing to add up among warps.
#pragma once

#include "pass.h"

namespace nbv {
namespace {

// Where the block keeps its sums, of one head: in shared memory, or right in its part of scratch. Every thread sets a
// share of entries to 0, and stores the same share at the end.
template <class T>
struct BiasSums {
    T *table, *part;
    int32_t entries;

    __device__ __forceinline__ BiasSums(const NeighborhoodPass& p, T* shared)
        : entries(p.args.grad_bias == nullptr ? 0 : BiasIndex(p.args).size(p.args)) {
        part = static_cast<T*>(p.bias_parts) + static_cast<int64_t>(blockIdx.x) * entries;
        table = p.bias_in_shared ? shared : part;
        for (int32_t i = threadIdx.x; i < entries; i += blockDim.x) table[i] = 0;
    }

    __device__ __forceinline__ void store() const {
        if (table == part) return;
        for (int32_t i = threadIdx.x; i < entries; i += blockDim.x) part[i] = table[i];
    }

    // Gradients of the block's rows are in shared memory, `stride` elements apart, 0 where a row does not see a column.
    // Barriers must be before and after. `first`: the tile's first column.
    __device__ __forceinline__ void add(const T* grads, int stride, const NeighborhoodPass& p, const RowTile& t,
                                        const Position& first) const {
        const Shape &rows = p.tiling.rows, &columns = p.tiling.columns;
        const auto& axis = p.args.axis;
        const BiasIndex index(p.args);
        // Columns lie behind rows by 1 - rows to columns - 1 positions of their tiles, and `apart` more in the map.
        const Shape span{rows.z + columns.z - 1, rows.y + columns.y - 1, rows.x + columns.x - 1};
        const Position apart{first.z - t.first[0], first.y - t.first[1], first.x - t.first[2]};
        for (int32_t i = threadIdx.x; i < span.product(); i += blockDim.x) {
            const Position step = split_index(i, span);
            const Position by{step.z - rows.z + 1, step.y - rows.y + 1, step.x - rows.x + 1};
            const Position distance{apart.z + by.z, apart.y + by.y, apart.x + by.x};
            if (!within(distance.z, axis[0].kernel) || !within(distance.y, axis[1].kernel) ||
                !within(distance.x, axis[2].kernel))
                continue;  // nobody sees so far, and the table ends
            const Interval ys = both(by.y, rows.y, columns.y), xs = both(by.x, rows.x, columns.x);
            const Interval zs = both(by.z, rows.z, columns.z);
            T sum = 0;
            for (int32_t z = zs.begin; z < zs.end; ++z)
                for (int32_t y = ys.begin; y < ys.end; ++y)
                    for (int32_t x = xs.begin; x < xs.end; ++x) {
                        const int32_t row = (z * rows.y + y) * rows.x + x;
                        const int32_t column = ((z + by.z) * columns.y + y + by.y) * columns.x + x + by.x;
                        sum += grads[row * stride + column];
                    }
            table[index.origin + index.of(distance)] += sum;
        }
    }

  private:
    __device__ __forceinline__ static bool within(int32_t distance, int32_t kernel) {
        return distance > -kernel && distance < kernel;
    }
    // Rows whose column, `by` positions further, is in the tile.
    __device__ __forceinline__ static Interval both(int32_t by, int32_t rows, int32_t columns) {
        return {by < 0 ? -by : 0, rows < columns - by ? rows : columns - by};
    }
};

}  // namespace
}  // namespace nbv
