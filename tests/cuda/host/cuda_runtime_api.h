// What the glue of CUDA kernels needs of CUDA's runtime, where there is none.
#pragma once

enum cudaError_t { cudaSuccess = 0 };
struct CUstream_st;
using cudaStream_t = CUstream_st*;
