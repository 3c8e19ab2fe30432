// The operators nbv::neighborhood_attention and nbv::neighborhood_attention_backward on CUDA: from tensors to
// NeighborhoodCudaArgs, and its kernels onto the current stream. Schema, autograd and the choice of TF32 are in
// vision/ops; the .cu files know no torch.
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/macros.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "../common/tensors.h"
#include "args.h"
#include "launch.h"

namespace nbv {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using torch::stable::accelerator::DeviceGuard;
using Tensors = std::optional<Tensor>;
using Integers = std::vector<int64_t>;

constexpr int64_t kMostInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kMostTokens = (int64_t{1} << 30) - 1;  // along an axis
constexpr const char* kGrid = "[batch, 1 to 3 spatial axes, heads, dim]";
constexpr const char* kExtra = "[batch, tokens, heads, dim]";
constexpr Check check{"neighborhood_attention"};

CudaType type_of(ScalarType type) {
    check(type == ScalarType::Float || type == ScalarType::Double || type == ScalarType::BFloat16 ||
              type == ScalarType::Half,
          "query must be float32, float64, bfloat16 or float16, got ", type);
    if (type == ScalarType::Float) return CudaType::kFloat;
    if (type == ScalarType::Double) return CudaType::kDouble;
    return type == ScalarType::BFloat16 ? CudaType::kBFloat16 : CudaType::kHalf;
}

ScalarType compute_type(const NeighborhoodCudaArgs& args) {
    return args.type == CudaType::kDouble ? ScalarType::Double : ScalarType::Float;
}

// Of a device, as the runtime library knows it: its answers wait for nothing, and a stream may be captured meanwhile.
// A thread keeps those on its last device.
CudaDevice describe_device(int32_t index) {
    thread_local int32_t described = std::numeric_limits<int32_t>::min();
    thread_local CudaDevice device;
    if (index == described) return device;
    const auto ask = [&](cudaDeviceAttr attribute) {
        int value = 0;
        STD_CUDA_CHECK(cudaDeviceGetAttribute(&value, attribute, index));
        return value;
    };
    device.architecture = 10 * ask(cudaDevAttrComputeCapabilityMajor) + ask(cudaDevAttrComputeCapabilityMinor);
    device.multiprocessors = ask(cudaDevAttrMultiProcessorCount);
    device.block_shared = ask(cudaDevAttrMaxSharedMemoryPerBlockOptin);
    described = index;
    return device;
}

void check_architecture(const NeighborhoodCudaArgs& args, const CudaDevice& device) {
    const bool is_half = args.type == CudaType::kBFloat16 || args.type == CudaType::kHalf;
    const int32_t least = is_half ? 80 : 75;
    check(device.architecture >= least, is_half ? "half precision" : "it", " needs compute capability ", least / 10,
          ".", least % 10, ", this card has ", device.architecture / 10, ".", device.architecture % 10);
}

int32_t narrow(const char* name, int64_t size, int64_t least, int64_t most) {
    check(size >= least && size <= most, name, " must be from ", least, " to ", most, ", got ", size);
    return static_cast<int32_t>(size);
}

void check_kind(const char* name, const Tensor& tensor, const Tensor& query) {
    check_device(check, name, tensor, query);
    check(tensor.scalar_type() == query.scalar_type(), name, " must have the dtype of query, ", query.scalar_type(),
          ", got ", tensor.scalar_type());
}

// Of a tensor [batch, axes, heads, channels] of which only the last axis must be dense.
CudaView make_view(const char* name, const Tensor& tensor, const Tensor& query, const Integers& sizes,
                   const char* layout = kGrid) {
    check_kind(name, tensor, query);
    check_sizes(check, name, tensor, sizes, layout);
    check_dense(check, name, tensor);
    CudaView view;
    view.data = tensor.const_data_ptr();
    view.batch = tensor.stride(0);
    const int64_t rank = tensor.dim() - 3;
    for (int64_t a = 0; a < rank; ++a) view.axis[3 - rank + a] = tensor.stride(1 + a);
    view.head = tensor.stride(tensor.dim() - 2);
    return view;
}

// Sizes of query with other last ones.
Integers sizes_like(const Tensor& query, const Integers& last) {
    Integers sizes;
    for (int64_t a = 0; a < query.dim() - 2; ++a) sizes.push_back(query.size(a));
    sizes.insert(sizes.end(), last.begin(), last.end());
    return sizes;
}

void set_window(NeighborhoodCudaArgs& args, const Tensor& query, const Integers& kernel, const Integers& stride,
                const Integers& dilation, const Integers& causal) {
    const int64_t rank = query.dim() - 3;
    for (const Integers* list : {&kernel, &stride, &dilation, &causal})
        check(static_cast<int64_t>(list->size()) == rank, "the window must have ", rank, " numbers of each kind, got ",
              list->size());
    for (int64_t a = 0; a < rank; ++a) {
        const int64_t length = query.size(1 + a), most = query.numel() == 0 ? kMostTokens : length;
        auto& axis = args.axis[3 - rank + a];
        axis.length = narrow("a spatial size", length, 0, kMostTokens);
        axis.kernel = narrow("a kernel size", kernel[a], 1, most);
        axis.dilation = narrow("a dilation", dilation[a], 1, most / kernel[a]);
        axis.stride = narrow("a stride", stride[a], 1, kernel[a]);
        axis.causal = causal[a] != 0;
    }
}

// Everything but bias, outputs and scratch; without elements it is checked, too.
NeighborhoodCudaArgs make_args(const Tensor& query, const Tensor& key, const Tensor& value, const Tensors& extra_key,
                               const Tensors& extra_value, const Integers& kernel, const Integers& stride,
                               const Integers& dilation, const Integers& causal, double scale, bool tf32) {
    const int64_t rank = query.dim() - 3;
    check(rank >= 1 && rank <= 3, "query must have 4 to 6 axes, ", kGrid, ", got ", query.dim());
    check(key.dim() == query.dim() && value.dim() == query.dim(), "key and value must have the ", query.dim(),
          " axes of query, got ", key.dim(), " and ", value.dim());
    NeighborhoodCudaArgs args;
    args.type = type_of(query.scalar_type());
    args.tf32 = tf32 && args.type == CudaType::kFloat;
    args.scale = scale;
    args.batch = narrow("the batch size", query.size(0), 0, kMostInt32);
    args.heads = narrow("the number of heads", query.size(rank + 1), 0, kMostInt32);
    args.heads_kv = narrow("the number of key's heads", key.size(rank + 1), 1, kMostInt32);
    check(args.heads % args.heads_kv == 0, "the heads of key must divide the ", args.heads, " of query, got ",
          args.heads_kv);
    args.dim = narrow("the head dim", query.size(rank + 2), 1, kMostNeighborhoodDim);
    args.dim_v = narrow("the head dim of value", value.size(rank + 2), 1, kMostNeighborhoodDim);
    check(query.numel() / args.dim <= kMostInt32, "query must have at most 2^31 - 1 tokens times heads, got ",
          query.numel() / args.dim);
    set_window(args, query, kernel, stride, dilation, causal);
    args.query = make_view("query", query, query, sizes_like(query, {args.heads, args.dim}));
    args.key = make_view("key", key, query, sizes_like(query, {args.heads_kv, args.dim}));
    args.value = make_view("value", value, query, sizes_like(query, {args.heads_kv, args.dim_v}));
    check(extra_key.has_value() == extra_value.has_value(), "additional keys and values come together");
    if (extra_key.has_value()) {
        check(extra_key->dim() == 4, "additional_keys must have 4 axes, ", kExtra, ", got ", extra_key->dim());
        args.extra = narrow("the number of additional tokens", extra_key->size(1), 0, kMostTokens);
        const auto view = [&](const char* name, const Tensor& tensor, int64_t dim) {
            return make_view(name, tensor, query, {args.batch, args.extra, args.heads_kv, dim}, kExtra);
        };
        args.extra_key = view("additional_keys", *extra_key, args.dim);
        args.extra_value = view("additional_values", *extra_value, args.dim_v);
    }
    return args;
}

// Kernels take the place of a pair in the bias from places of its key and its query, as if the table went on over the
// whole map (BiasIndex).
void check_bias_places(const NeighborhoodCudaArgs& args) {
    int64_t places = 0;
    for (const auto& axis : args.axis) {
        places = places * (2 * int64_t{axis.kernel} - 1) + axis.length;
        check(places <= kMostInt32, "a bias of this kernel size would have over 2^31 - 1 places on this map");
    }
}

// In the compute type; the tensor must live until the kernels are on their stream.
Tensor convert_bias(const Tensor& bias, const Tensor& query, NeighborhoodCudaArgs& args) {
    Integers sizes{args.heads};
    for (int64_t a = 6 - query.dim(); a < 3; ++a) sizes.push_back(2 * args.axis[a].kernel - 1);
    check_kind("bias", bias, query);
    check_sizes(check, "bias", bias, sizes, "[heads, 2 kernel size - 1, ...]");
    check(bias.numel() <= kMostInt32, "bias must have at most 2^31 - 1 elements, got ", bias.numel());
    check_bias_places(args);
    Tensor dense = torch::stable::contiguous(torch::stable::to(bias, std::make_optional(compute_type(args))));
    args.bias = dense.const_data_ptr();
    return dense;
}

std::tuple<Tensor, Tensor> neighborhood_attention(Tensor query, Tensor key, Tensor value, Tensors bias,
                                                  Tensors extra_key, Tensors extra_value, Integers kernel,
                                                  Integers stride, Integers dilation, Integers causal, double scale,
                                                  bool tf32) {
    auto args = make_args(query, key, value, extra_key, extra_value, kernel, stride, dilation, causal, scale, tf32);
    const DeviceGuard guard(query.get_device_index());
    Tensors converted;
    if (bias.has_value()) converted = convert_bias(*bias, query, args);
    Tensor out = torch::stable::new_empty(query, sizes_like(query, {args.heads, args.dim_v}));
    Tensor lse = torch::stable::new_empty(query, sizes_like(query, {args.heads}), compute_type(args));
    if (lse.numel() == 0) return {out, lse};  // nothing to launch, and a grid of 0 blocks is an error
    const CudaDevice device = describe_device(query.get_device_index());
    check_architecture(args, device);
    args.out = out.mutable_data_ptr();
    args.lse = lse.mutable_data_ptr();
    STD_CUDA_CHECK(launch_neighborhood_forward(args, device, current_stream(query)));
    return {out, lse};
}

using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

// Contiguous; empty where there is no such input.
Tensor gradient_of(const Tensors& tensor, const Tensor& query) {
    Integers sizes;
    if (tensor.has_value())
        for (int64_t a = 0; a < tensor->dim(); ++a) sizes.push_back(tensor->size(a));
    return torch::stable::new_empty(query, tensor.has_value() ? sizes : Integers{0});
}

Tensor dense_sums(const char* name, const Tensor& tensor, const Tensor& query, const NeighborhoodCudaArgs& args) {
    check_device(check, name, tensor, query);
    check(tensor.scalar_type() == compute_type(args), name, " must be ", compute_type(args), ", got ",
          tensor.scalar_type());
    check_sizes(check, name, tensor, sizes_like(query, {args.heads}), "[batch, 1 to 3 spatial axes, heads]");
    return torch::stable::contiguous(tensor);
}

// Those that the bits of `wanted` ask for, and empty ones: the kernels compute all.
Gradients only(Gradients& grads, int64_t wanted, const Tensor& query) {
    int64_t bit = 0;
    const auto keep = [&](Tensor& grad) {
        if ((wanted >> bit++ & 1) == 0) grad = torch::stable::new_empty(query, Integers{0});
    };
    std::apply([&](auto&... grad) { (keep(grad), ...); }, grads);
    return grads;
}

void set_gradients(NeighborhoodCudaArgs& args, const Gradients& grads, bool has_bias) {
    args.grad_query = std::get<0>(grads).mutable_data_ptr();
    args.grad_key = std::get<1>(grads).mutable_data_ptr();
    args.grad_value = std::get<2>(grads).mutable_data_ptr();
    if (has_bias) args.grad_bias = std::get<3>(grads).mutable_data_ptr();
    if (args.extra == 0) return;
    args.grad_extra_key = std::get<4>(grads).mutable_data_ptr();
    args.grad_extra_value = std::get<5>(grads).mutable_data_ptr();
}

Gradients neighborhood_attention_backward(Tensor grad_out, Tensor grad_lse, Tensor query, Tensor key, Tensor value,
                                          Tensors bias, Tensors extra_key, Tensors extra_value, Tensor out, Tensor lse,
                                          Integers kernel, Integers stride, Integers dilation, Integers causal,
                                          double scale, bool tf32, int64_t wanted) {
    auto args = make_args(query, key, value, extra_key, extra_value, kernel, stride, dilation, causal, scale, tf32);
    const Integers sizes = sizes_like(query, {args.heads, args.dim_v});
    args.grad_out = make_view("the gradient of the output", grad_out, query, sizes);
    args.out_view = make_view("the output", out, query, sizes);
    const DeviceGuard guard(query.get_device_index());
    Tensor dense_lse = dense_sums("lse", lse, query, args);
    Tensor dense_grad_lse = dense_sums("the gradient of lse", grad_lse, query, args);
    Tensors converted;
    if (bias.has_value()) converted = convert_bias(*bias, query, args);
    Gradients grads{gradient_of(query, query), gradient_of(key, query),       gradient_of(value, query),
                    gradient_of(bias, query),  gradient_of(extra_key, query), gradient_of(extra_value, query)};
    if (lse.numel() == 0) {
        std::apply([](auto&... grad) { (torch::stable::zero_(grad), ...); }, grads);
        return only(grads, wanted, query);
    }
    const CudaDevice device = describe_device(query.get_device_index());
    check_architecture(args, device);
    args.lse = dense_lse.mutable_data_ptr();
    args.grad_lse = dense_grad_lse.const_data_ptr();
    set_gradients(args, grads, bias.has_value());
    // Given back at the end of this function, before the kernels have run, like the copies above: torch's allocator
    // reuses them on this stream only, after the kernels.
    Tensor scratch = torch::stable::new_empty(query, {neighborhood_backward_scratch(args, device)}, ScalarType::Byte);
    args.scratch = scratch.mutable_data_ptr();
    STD_CUDA_CHECK(launch_neighborhood_backward(args, device, current_stream(query)));
    return only(grads, wanted, query);
}

}  // namespace
}  // namespace nbv

STABLE_TORCH_LIBRARY_IMPL(nbv, CUDA, m) {
    m.impl("neighborhood_attention", TORCH_BOX(&nbv::neighborhood_attention));
    m.impl("neighborhood_attention_backward", TORCH_BOX(&nbv::neighborhood_attention_backward));
}
