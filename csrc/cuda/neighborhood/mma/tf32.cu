// The kernels for float on tensor cores, in TF32.
#include "../start.h"

namespace nbv {

cudaError_t launch_mma_tf32(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                            Direction direction) {
    return start<MmaPath<float>>(args, device, stream, direction);
}

}  // namespace nbv
