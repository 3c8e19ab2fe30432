// The kernels for double.
#include "../start.h"

namespace nbv {

cudaError_t launch_fma_double(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t stream,
                              Direction direction) {
    return start<FmaPath<double>>(args, device, stream, direction);
}

}  // namespace nbv
