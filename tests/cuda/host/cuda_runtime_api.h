// What the glue of CUDA kernels needs of CUDA's runtime, where there is none.
#pragma once

enum cudaError_t { cudaSuccess = 0 };
struct CUstream_st;
using cudaStream_t = CUstream_st*;

enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76,
    cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
