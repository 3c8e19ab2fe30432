// How a call is cut into tiles.
#pragma once

#include "problem.h"

namespace nbv {

constexpr int64_t kLaneBytes = 32;  // of the widest vectors that any of the kernels uses

// Channels of a packed token: whole vectors, so that no loop over packed channels has a rest. The widest vectors count,
// so that a workspace of this size suffices for every instruction set.
inline int64_t padded_dim(const Problem& p, int64_t dim) {
    const int64_t lanes = kLaneBytes / (p.storage == Storage::kDouble ? 8 : 4);
    return (dim + lanes - 1) / lanes * lanes;
}

// A row of the bias table is read in whole vectors from each of its first `kernel` entries on.
inline int64_t padded_bias_width(int64_t kernel) { return kernel - 1 + (kernel + 7) / 8 * 8; }

// Turns the axes, so that vectors and pairs of rows waste least.
void order_axes(Problem& p);

void choose_tiles(Problem& p);

// For the backward pass, after the tiles.
void choose_bundles(Problem& p);

}  // namespace nbv
