// How much of a backward pass a warp holds in its 255 registers, by type and channels.
//
// Sums of rows stay in registers: 16 rows of D channels take D / 2 of a lane's. Products of rows and columns take half
// as many as there are columns, twice (logits, and gradients of weights): a tile's columns go through in groups. Shared
// memory bounds these kernels, and an operand of columns costs half as much per product for 32 rows as for 16; so warps
// have 32 rows where the sums leave room.
#pragma once

#include "policy.h"

namespace nbv {
namespace {

template <class T, int D>
struct QueriesTiles {
    static constexpr bool kNarrow = sizeof(T) == 2;
    static constexpr int kWarpRows = D == 64 || (kNarrow && D == 128) ? 32 : 16;
    static constexpr int kColumns = static_cast<int>(D * sizeof(T)) <= 128 ? 64 : D * sizeof(T) <= 512 ? 32 : 16;
    static constexpr int kGroup = D == 32 || kColumns < 32 ? 16 : 32;  // columns whose products are in registers
    static constexpr bool kKeepRows = kNarrow && D == 32;              // operands of rows stay in registers
    // That share a multiprocessor's registers.
    static constexpr int kBlocks = D == 32 ? 4 : !kNarrow && D == 128 ? 3 : 2;
};

// Gradients of keys and of values are twice as many sums. With 256 channels they leave no room for products: two warps
// have the same rows, each with half of the channels of the sums, and both compute the products of rows and columns.
// That is half as much work again.
template <class T, int D>
struct KeysTiles {
    static constexpr bool kNarrow = sizeof(T) == 2;
    static constexpr int kWarpRows = D == 64 ? 32 : 16;
    static constexpr int kShares = D == 256 ? 2 : 1;  // warps that have the same rows
    static constexpr int kChannels = D / kShares;     // of a warp's sums
    static constexpr int kColumns = QueriesTiles<T, D>::kColumns;
    static constexpr int kGroup = QueriesTiles<T, D>::kGroup;
    static constexpr bool kKeepValues = kNarrow && D == 32;
    // With 128 channels registers are left for one of the two: a tenth of what a warp reads from shared memory.
    static constexpr bool kKeepKeys = kKeepValues || (kNarrow && D == 128);
    static constexpr int kBlocks = D == 32 ? 4 : 2;
};

}  // namespace
}  // namespace nbv
