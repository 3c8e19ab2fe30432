// What the operators' glue on CUDA shares: checks of tensors, the current stream. It knows torch: not for kernels.
#pragma once

#include <cuda_runtime_api.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/shim_utils.h>

#include <cstdint>
#include <vector>

namespace nbv {
namespace {

// Errors with the operator's name before them: check(condition, "what", value, "expected").
struct Check {
    const char* name;

    template <class... Parts>
    void operator()(bool condition, const Parts&... parts) const {
        STD_TORCH_CHECK(condition, name, " on CUDA: ", parts...);
    }
};

void check_device(const Check& check, const char* name, const torch::stable::Tensor& tensor,
                  const torch::stable::Tensor& query) {
    check(tensor.is_cuda(), name, " must be on the CUDA device of query, got a tensor that is on none");
    check(tensor.get_device_index() == query.get_device_index(), name, " must be on cuda:", query.get_device_index(),
          " as query, got cuda:", tensor.get_device_index());
}

void check_sizes(const Check& check, const char* name, const torch::stable::Tensor& tensor,
                 const std::vector<int64_t>& sizes, const char* layout) {
    const int64_t axes = static_cast<int64_t>(sizes.size());
    check(tensor.dim() == axes, name, " must have ", axes, " axes, ", layout, ", got ", tensor.dim());
    for (int64_t axis = 0; axis < axes; ++axis)
        check(tensor.size(axis) == sizes[axis], name, " must have size ", sizes[axis], " along axis ", axis, ", got ",
              tensor.size(axis));
}

// Kernels take any strides but that of the last axis.
void check_dense(const Check& check, const char* name, const torch::stable::Tensor& tensor) {
    const int64_t last = tensor.dim() - 1;
    check(tensor.numel() == 0 || tensor.size(last) == 1 || tensor.stride(last) == 1, "the last axis of ", name,
          " must be dense, got a stride of ", tensor.stride(last));
}

cudaStream_t current_stream(const torch::stable::Tensor& tensor) {
    void* stream = nullptr;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(tensor.get_device_index(), &stream));
    return static_cast<cudaStream_t>(stream);
}

}  // namespace
}  // namespace nbv
