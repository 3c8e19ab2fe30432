// csrc/cuda/neighborhood/op.cpp as it is, for CPU tensors: its launches go to the emulator.
#include "cpu_tensors.h"

// After the above.
#include "../../csrc/cuda/neighborhood/op.cpp"
#include "../../csrc/cuda/neighborhood/plan.h"

#define NBV_EXPORT extern "C" __attribute__((visibility("default")))

namespace nbv {
namespace {

int architecture = 90;
NeighborhoodCudaArgs launched;  // of the last launch
std::vector<float> launched_bias;

void note(const NeighborhoodCudaArgs& args) {
    launched = args;
    const float* bias = args.type == CudaType::kDouble ? nullptr : static_cast<const float*>(args.bias);
    launched_bias.assign(bias, bias == nullptr ? nullptr : bias + bias_entries(args) * args.heads);
}

// plan(path, run) for the paths without tensor cores; what is on them takes long to compile, and is noted only. A Fault
// comes out as the operator's error.
template <class Plan>
cudaError_t emulate(const NeighborhoodCudaArgs& args, const CudaDevice& device, const Plan& plan) {
    note(args);
    const auto run = [&](void (*kernel)(NeighborhoodPass), int64_t blocks, int64_t threads, int64_t bytes,
                         const NeighborhoodPass& pass) {
        simt::launch(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), bytes, [&] { kernel(pass); },
                     {.shared_limit = device.block_shared});
    };
    if (args.type == CudaType::kDouble) plan(FmaPath<double>{}, run);
    if (args.type == CudaType::kFloat) plan(FmaPath<float>{}, run);
    return cudaSuccess;
}

}  // namespace

cudaError_t launch_neighborhood_forward(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t) {
    return emulate(args, device, [&](auto path, const auto& run) { path.forward(args, device, run); });
}

cudaError_t launch_neighborhood_backward(const NeighborhoodCudaArgs& args, const CudaDevice& device, cudaStream_t) {
    return emulate(args, device,
                   [&](auto path, const auto& run) { plan_backward_of<decltype(path)>(args, device, run); });
}

int64_t neighborhood_backward_scratch(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    return neighborhood_scratch_bytes(args, device);
}

}  // namespace nbv

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    switch (attribute) {
        case cudaDevAttrMultiProcessorCount:
            *value = 4;
            break;
        case cudaDevAttrComputeCapabilityMajor:
            *value = nbv::architecture / 10;
            break;
        case cudaDevAttrComputeCapabilityMinor:
            *value = nbv::architecture % 10;
            break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin:
            *value = 227 * 1024;
            break;
    }
    return cudaSuccess;
}

NBV_EXPORT void set_architecture(int architecture) { nbv::architecture = architecture; }
NBV_EXPORT bool launched_with_tf32() { return nbv::launched.tf32; }
NBV_EXPORT void forget_launch() { nbv::note({}); }
NBV_EXPORT int count_launched_bias() { return static_cast<int>(nbv::launched_bias.size()); }
NBV_EXPORT float launched_bias(int index) { return nbv::launched_bias[index]; }
