// The kernels for bfloat16 on tensor cores.
#include "../start.h"

namespace nbv {

cudaError_t launch_mma_bfloat16(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                                Direction direction) {
    return start<MmaPath<BFloat16>>(args, device, stream, direction);
}

}  // namespace nbv
