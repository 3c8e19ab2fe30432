// The kernels for float without tensor cores.
#include "../start.h"

namespace nbv {

cudaError_t launch_fma_float(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                             Direction direction) {
    return start<FmaPath<float>>(args, device, stream, direction);
}

}  // namespace nbv
