// What a launch did, counted exactly.
#pragma once

#include <cstdint>

namespace nbv::simt {

struct Counters {
    int64_t blocks = 0;
    int64_t barriers = 0;                                  // __syncthreads, per block
    int64_t warp_syncs = 0;                                // __syncwarp, per warp
    int64_t exchanges = 0;                                 // shuffles and votes, per warp
    int64_t mma = 0;                                       // per warp: 16 x 8 x 16 multiply-adds each
    int64_t mma_tf32 = 0;                                  // per warp: 16 x 8 x 8 of TF32
    int64_t exp2 = 0;                                      // exp2_fast, per lane
    int64_t ldmatrix = 0;                                  // per warp
    int64_t ldmatrix_phases = 0, ldmatrix_wavefronts = 0;  // equal where no two rows of a phase share a bank
    int64_t cp_async = 0;                                  // per lane
    int64_t cp_async_read = 0;                             // bytes: of global_read, what they copied
    int64_t unwaited = 0;                                  // copies that no wait preceded the lane's end
    int64_t atomics = 0;                                   // per lane
    int64_t global_read = 0, global_written = 0;           // bytes: by cp.async and atomics; with hooks, all
    int64_t shared_read = 0, shared_written = 0;           // bytes: by ldmatrix, cp.async and atomics; with hooks, all
    int64_t shared_phases = 0, shared_wavefronts = 0;      // of plain accesses, with hooks only
    int64_t tiles = 0;                                     // what count_tile() added

    void print() const;  // one "name value" per line, to standard output
};

}  // namespace nbv::simt
