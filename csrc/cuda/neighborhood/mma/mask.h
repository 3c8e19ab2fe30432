// What the rows of a warp see of a column tile: a word of bits per row, held by one lane.
#pragma once

#include "../../common/gpu.h"
#include "../tiles.h"

namespace nbv {
namespace {

// Sums of the warp are blocks of 16 rows and 8 columns. Lane i has the word of row i modulo kRows.
template <int kRows, int kColumns>
struct WarpMask {
    static_assert((kRows == 16 || kRows == 32) && kColumns % 16 == 0 && kColumns <= 64, "as many as lanes and bits");
    uint64_t word;
    bool whole;       // every row sees every column
    uint32_t groups;  // bit g: some row sees one of columns [16 g, 16 g + 16)

    // By the whole warp.
    __device__ __forceinline__ explicit WarpMask(uint64_t word)
        : word(word), whole(__all_sync(0xFFFFFFFFu, word == lowest_bits(kColumns))), groups(0) {
#pragma unroll
        for (int g = 0; g < kColumns / 16; ++g)
            groups |= (__any_sync(0xFFFFFFFFu, (word >> 16 * g & 0xFFFF) != 0) ? 1u : 0u) << g;
    }

    __device__ __forceinline__ bool every_group() const { return groups == (1u << kColumns / 16) - 1; }
    __device__ __forceinline__ bool holds(int group) const { return (groups >> group & 1) != 0; }

    // Of row 16 * block + 8 * half + g for lane 4 g + q, by the whole warp: bit 8 j + i is column 8 j + 2 q + i.
    __device__ __forceinline__ uint64_t row(int block, int half, int lane) const {
        return __shfl_sync(0xFFFFFFFFu, word, 16 * block + 8 * half + lane / 4) >> (lane % 4 * 2);
    }
};

}  // namespace
}  // namespace nbv
