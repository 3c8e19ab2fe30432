// The operators nbv::match_attention and nbv::match_attention_backward on CUDA: from tensors to MatchCudaArgs, and its
// kernels onto the current stream. Schema, autograd and half precision are in vision/ops; kernels.cu knows no torch.
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

constexpr int64_t kMostElements = std::numeric_limits<int32_t>::max();

constexpr Check check{"match_attention"};

// How many elements lie between the first and the last one of a tensor, both included.
int64_t count_reach(const Tensor& tensor) {
    int64_t reach = 1;
    for (int64_t axis = 0; axis < tensor.dim(); ++axis) {
        if (tensor.size(axis) == 0) return 0;
        reach += (tensor.size(axis) - 1) * tensor.stride(axis);
    }
    return reach;
}

// Of a tensor [batch, y, x, heads, last] of which only the last axis must be dense.
MatchCudaView make_view(const char* name, const Tensor& tensor, const Tensor& query, const MatchCudaArgs& args,
                        int64_t last) {
    check_device(check, name, tensor, query);
    check(tensor.scalar_type() == (args.is_double ? ScalarType::Double : ScalarType::Float), name,
          " must have the dtype of query, float32 or float64, got ", tensor.scalar_type());
    check_sizes(check, name, tensor, {args.batch, args.height, args.width, args.heads, last},
                "[batch, y, x, heads, ...]");
    check_dense(check, name, tensor);
    check(count_reach(tensor) <= kMostElements, name, " must reach over at most 2^31 - 1 elements, got ",
          count_reach(tensor));
    return {tensor.const_data_ptr(), tensor.stride(0), tensor.stride(1), tensor.stride(2), tensor.stride(3)};
}

MatchCudaArgs make_args(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& offset,
                        int64_t radius_x, int64_t radius_y, double scale) {
    check(query.dim() == 5, "query must have 5 axes, [batch, y, x, heads, dim], got ", query.dim());
    MatchCudaArgs args;
    args.is_double = query.scalar_type() == ScalarType::Double;
    args.batch = query.size(0);
    args.height = query.size(1);
    args.width = query.size(2);
    args.heads = query.size(3);
    args.dim = query.size(4);
    args.radius_x = radius_x;
    args.radius_y = radius_y;
    args.scale = scale;
    const auto fits = [](int64_t radius) { return radius >= 0 && radius < kMostMatchCudaSlots; };
    check(fits(radius_x) && fits(radius_y) && args.slots() <= kMostMatchCudaSlots, "a window must have from 4 to ",
          kMostMatchCudaSlots, " pixels, got radius (", radius_x, ", ", radius_y, ")");
    check(query.numel() == 0 || (args.width >= 2 * radius_x + 2 && args.height >= 2 * radius_y + 2),
          "the map must be at least 2 radius + 2 pixels along each axis, got ", args.width, " x ", args.height,
          " for radius (", radius_x, ", ", radius_y, ")");
    args.query = make_view("query", query, query, args, args.dim);
    args.key = make_view("key", key, query, args, args.dim);
    args.value = make_view("value", value, query, args, args.dim);
    args.offset = make_view("offset", offset, query, args, 2);
    return args;
}

// Without elements there is nothing to launch, and a grid of 0 blocks is an error.
bool is_empty(const MatchCudaArgs& args) { return args.batch * args.height * args.width * args.heads * args.dim == 0; }

// Contiguous and uninitialized, on the device of `like`.
Tensor make_output(const char* name, const Tensor& like, const MatchCudaArgs& args, int64_t last) {
    const std::vector<int64_t> sizes = {args.batch, args.height, args.width, args.heads, last};
    int64_t count = 1;
    for (int64_t size : sizes) count *= size;
    check(count <= kMostElements, name, " must have at most 2^31 - 1 elements, got ", count);
    return torch::stable::new_empty(like, sizes);
}

std::tuple<Tensor, Tensor> match_attention(Tensor query, Tensor key, Tensor value, Tensor offset, int64_t radius_x,
                                           int64_t radius_y, double scale, bool need_weights) {
    MatchCudaArgs args = make_args(query, key, value, offset, radius_x, radius_y, scale);
    const DeviceGuard guard(query.get_device_index());
    Tensor out = make_output("the output", query, args, args.dim);
    Tensor attn =
        need_weights ? make_output("the weights", query, args, args.slots()) : torch::stable::new_empty(query, {0});
    if (is_empty(args)) return {out, attn};
    args.need_weights = need_weights;
    args.out = out.mutable_data_ptr();
    if (need_weights) args.attn = attn.mutable_data_ptr();
    STD_CUDA_CHECK(launch_match_forward(args, current_stream(query)));
    return {out, attn};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> match_attention_backward(Tensor grad_out, std::optional<Tensor> grad_attn,
                                                                    Tensor query, Tensor key, Tensor value,
                                                                    Tensor offset, int64_t radius_x, int64_t radius_y,
                                                                    double scale) {
    MatchCudaArgs args = make_args(query, key, value, offset, radius_x, radius_y, scale);
    args.grad_out = make_view("the gradient of the output", grad_out, query, args, args.dim);
    if (grad_attn.has_value())
        args.grad_attn = make_view("the gradient of the weights", *grad_attn, query, args, args.slots());
    const DeviceGuard guard(query.get_device_index());
    Tensor grad_query = make_output("the gradient of query", query, args, args.dim);
    Tensor grad_key = make_output("the gradient of key", query, args, args.dim);
    Tensor grad_value = make_output("the gradient of value", query, args, args.dim);
    Tensor grad_offset = make_output("the gradient of offset", query, args, 2);
    if (is_empty(args)) return {grad_query, grad_key, grad_value, grad_offset};
    args.grad_query = grad_query.mutable_data_ptr();
    args.grad_key = grad_key.mutable_data_ptr();
    args.grad_value = grad_value.mutable_data_ptr();
    args.grad_offset = grad_offset.mutable_data_ptr();
    // Given back at the end of this function, before the kernels have run: torch's allocator reuses it on this stream
    // only, after them.
    Tensor scratch = torch::stable::new_empty(query, {match_backward_scratch(args)}, ScalarType::Byte);
    args.scratch = scratch.mutable_data_ptr();
    STD_CUDA_CHECK(launch_match_backward(args, current_stream(query)));
    return {grad_query, grad_key, grad_value, grad_offset};
}

}  // namespace
}  // namespace nbv

STABLE_TORCH_LIBRARY_IMPL(nbv, CUDA, m) {
    m.impl("match_attention", TORCH_BOX(&nbv::match_attention));
    m.impl("match_attention_backward", TORCH_BOX(&nbv::match_attention_backward));
}
