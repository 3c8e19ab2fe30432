// The operators nbv::match_attention and nbv::match_attention_backward on the CPU: from tensors to a MatchProblem, and
// its tasks onto torch's threads. Schema, autograd, half precision and argument checks are in vision/ops.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <optional>
#include <tuple>
#include <vector>

#include "../common/tasks.h"
#include "../isa/isa.h"
#include "problem.h"

namespace nbv {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

void check_match(bool condition, const char* message) { STD_TORCH_CHECK(condition, "match_attention: ", message); }

// Of a tensor [batch, y, x, heads, last] of which only the last axis must be dense.
View match_view(const Tensor& tensor, const MatchProblem& p, int64_t last) {
    check_match(tensor.dim() == 5 && tensor.size(0) == p.batch && tensor.size(1) == p.height &&
                    tensor.size(2) == p.width && tensor.size(3) == p.heads && tensor.size(4) == last,
                "every tensor must be [batch, y, x, heads, ...] with the sizes of query");
    check_match(tensor.scalar_type() == (p.is_double ? ScalarType::Double : ScalarType::Float),
                "every tensor must have the dtype of query, float32 or float64");
    check_match(tensor.numel() == 0 || last == 1 || tensor.stride(4) == 1,
                "the last axis of every tensor must be dense");
    View view;
    view.data = static_cast<char*>(tensor.data_ptr());
    view.batch = tensor.stride(0);
    view.axis[1] = tensor.stride(1);
    view.axis[2] = tensor.stride(2);
    view.head = tensor.stride(3);
    return view;
}

MatchProblem make_match_problem(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& offset,
                                int64_t radius_x, int64_t radius_y, double scale) {
    check_match(query.dim() == 5, "query must be [batch, y, x, heads, dim]");
    MatchProblem p;
    p.is_double = query.scalar_type() == ScalarType::Double;
    p.batch = query.size(0);
    p.height = query.size(1);
    p.width = query.size(2);
    p.heads = query.size(3);
    p.dim = query.size(4);
    p.radius_x = radius_x;
    p.radius_y = radius_y;
    p.scale = scale;
    check_match(radius_x >= 0 && radius_y >= 0 && radius_x < kMostMatchSlots && radius_y < kMostMatchSlots &&
                    p.slots() <= kMostMatchSlots,
                "the window must have from 4 to 1024 pixels");
    check_match(query.numel() == 0 || (p.width >= 2 * radius_x + 2 && p.height >= 2 * radius_y + 2),
                "the map must be at least 2 radius + 2 pixels along each axis");
    p.query = match_view(query, p, p.dim);
    p.key = match_view(key, p, p.dim);
    p.value = match_view(value, p, p.dim);
    p.offset = match_view(offset, p, 2);
    return p;
}

std::tuple<Tensor, Tensor> match_attention(Tensor query, Tensor key, Tensor value, Tensor offset, int64_t radius_x,
                                           int64_t radius_y, double scale, bool need_weights) {
    MatchProblem p = make_match_problem(query, key, value, offset, radius_x, radius_y, scale);
    Tensor out = torch::stable::new_empty(query, {p.batch, p.height, p.width, p.heads, p.dim});
    Tensor attn = need_weights ? torch::stable::new_empty(query, {p.batch, p.height, p.width, p.heads, p.slots()})
                               : torch::stable::new_empty(query, {0});
    if (out.numel() == 0) return {out, attn};
    p.out = out.mutable_data_ptr();
    if (need_weights) p.attn = attn.mutable_data_ptr();
    const MatchKernels& kernels = best_kernels().match;
    run_tasks(p.batch * p.height, 0, [&](int64_t row, char*) { kernels.forward(p, row); });
    return {out, attn};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> match_attention_backward(Tensor grad_out, std::optional<Tensor> grad_attn,
                                                                    Tensor query, Tensor key, Tensor value,
                                                                    Tensor offset, int64_t radius_x, int64_t radius_y,
                                                                    double scale) {
    MatchProblem p = make_match_problem(query, key, value, offset, radius_x, radius_y, scale);
    const std::vector<int64_t> shape = {p.batch, p.height, p.width, p.heads, p.dim};
    Tensor grad_query = torch::stable::new_empty(query, shape), grad_key = torch::stable::new_zeros(query, shape);
    Tensor grad_value = torch::stable::new_zeros(query, shape);
    Tensor grad_offset = torch::stable::new_empty(query, {p.batch, p.height, p.width, p.heads, 2});
    if (grad_query.numel() == 0) return {grad_query, grad_key, grad_value, grad_offset};
    p.grad_out = match_view(grad_out, p, p.dim);
    if (grad_attn.has_value()) p.grad_attn = match_view(*grad_attn, p, p.slots());
    p.grad_query = grad_query.mutable_data_ptr();
    p.grad_key = grad_key.mutable_data_ptr();
    p.grad_value = grad_value.mutable_data_ptr();
    p.grad_offset = grad_offset.mutable_data_ptr();
    const MatchKernels& kernels = best_kernels().match;
    run_tasks(p.batch * p.heads, 0, [&](int64_t task, char*) { kernels.backward(p, task); });
    return {grad_query, grad_key, grad_value, grad_offset};
}

}  // namespace
}  // namespace nbv

STABLE_TORCH_LIBRARY_IMPL(nbv, CPU, m) {
    m.impl("match_attention", TORCH_BOX(&nbv::match_attention));
    m.impl("match_attention_backward", TORCH_BOX(&nbv::match_attention_backward));
}
