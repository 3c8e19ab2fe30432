// Matrices spread over the registers of a warp: ldmatrix and mma.sync, with the layouts of the PTX ISA.
#pragma once

#include <cstdint>

#include "collectives.h"
#include "half.h"

namespace nbv::simt {

// `count` matrices of 8 x 8 two-byte items: lane 8 m + r gives row r of matrix m, 16 bytes of shared memory.
void load_matrices(uint32_t* out, int count, bool transposed, const void* row, const Place& place);

// d += a b, of 16 x 16 and 16 x 8.
void multiply_matrices(Half type, float* d, const uint32_t* a, uint32_t b0, uint32_t b1, const Place& place);
void multiply_matrices(BFloat16 type, float* d, const uint32_t* a, uint32_t b0, uint32_t b1, const Place& place);

// d += a b, of 16 x 8 and 8 x 8 in TF32: of every fp32 the low 13 bits are left out.
void multiply_matrices_tf32(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, const Place& place);

}  // namespace nbv::simt
