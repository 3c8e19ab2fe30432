// The kernels for half precision on tensor cores.
#include "../start.h"

namespace nbv {

cudaError_t launch_mma_half(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                            Direction direction) {
    return start<MmaPath<Half>>(args, device, stream, direction);
}

}  // namespace nbv
