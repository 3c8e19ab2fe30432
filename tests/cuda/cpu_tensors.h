// Included before an op.cpp of csrc/cuda: it takes CPU tensors for CUDA's, and registers its operators for the CPU.
#pragma once

#include <cuda_runtime_api.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/macros.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

struct NoGuard {
    explicit NoGuard(int) {}
};
namespace torch::stable::accelerator {
using ::NoGuard;
}

#define DeviceGuard NoGuard
#define is_cuda is_cpu
#define CUDA CPU
#define aoti_torch_get_current_cuda_stream(index, stream) (*(stream) = nullptr, (index) < 0 ? 0 : 1)
#undef STD_CUDA_CHECK
#define STD_CUDA_CHECK(launch) STD_TORCH_CHECK((launch) == cudaSuccess, "not launched")
