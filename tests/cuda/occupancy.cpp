// NVIDIA's own count of a multiprocessor's blocks: a line of numbers in, one number out.
#include <cstdio>

#include "cuda_occupancy.h"

int main() {
    int major, minor, warps, threads, registers;
    size_t shared_all, reserved, shared;
    while (std::scanf("%d %d %d %zu %zu %d %d %zu", &major, &minor, &warps, &shared_all, &reserved, &threads,
                      &registers, &shared) == 8) {
        cudaOccDeviceProp device{};
        device.computeMajor = major;
        device.computeMinor = minor;
        device.maxThreadsPerBlock = 1024;
        device.maxThreadsPerMultiprocessor = 32 * warps;
        device.regsPerBlock = device.regsPerMultiprocessor = 65536;
        device.warpSize = 32;
        device.sharedMemPerBlock = 48 << 10;
        device.sharedMemPerMultiprocessor = shared_all;
        device.sharedMemPerBlockOptin = shared_all - reserved;
        device.reservedSharedMemPerBlock = reserved;
        device.numSms = 1;
        cudaOccFuncAttributes kernel{};
        kernel.maxThreadsPerBlock = 1024;
        kernel.numRegs = registers;
        kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
        kernel.maxDynamicSharedSizeBytes = shared_all - reserved;
        cudaOccDeviceState state{};
        state.carveoutConfig = 100;
        cudaOccResult result{};
        const auto error = cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, shared);
        std::printf("%d\n", error == CUDA_OCC_SUCCESS ? result.activeBlocksPerMultiprocessor : -1);
    }
    return 0;
}
