// The operators nbv::neighborhood_attention and nbv::neighborhood_attention_backward on the CPU: from tensors to a
// Problem, and its tasks onto torch's threads. Schema, autograd and argument checks are in vision/ops.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "../common/log2.h"
#include "../common/tasks.h"
#include "../isa/isa.h"
#include "plan.h"

namespace nbv {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using Tensors = std::optional<Tensor>;
using Integers = std::vector<int64_t>;

constexpr int64_t kDeltaTokens = 256;  // of a task
int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

template <class... Parts>
void check(bool condition, const Parts&... parts) {
    STD_TORCH_CHECK(condition, "neighborhood_attention: ", parts...);
}

Storage storage_of(ScalarType type) {
    switch (type) {
        case ScalarType::Float:
            return Storage::kFloat;
        case ScalarType::Double:
            return Storage::kDouble;
        case ScalarType::BFloat16:
            return Storage::kBFloat16;
        case ScalarType::Half:
            return Storage::kHalf;
        default:
            check(false, "the dtype must be float32, float64, bfloat16 or float16");
            return Storage::kFloat;
    }
}

// In the sizes and the dtype that the kernels will read, whoever called the operator.
void check_tensor(const char* name, const Tensor& tensor, const Integers& sizes, ScalarType type) {
    check(tensor.is_cpu(), name, " must be on the CPU as query");
    check(tensor.scalar_type() == type, name, " must be ", type, ", got ", tensor.scalar_type());
    const int64_t axes = static_cast<int64_t>(sizes.size());
    check(tensor.dim() == axes, name, " must have ", axes, " axes, got ", tensor.dim());
    for (int64_t a = 0; a < axes; ++a)
        check(tensor.size(a) == sizes[a], name, " must have size ", sizes[a], " along axis ", a, ", got ",
              tensor.size(a));
}

// Of queries, keys or values, in the order of the problem's axes.
View view_of(const Tensor& tensor, const Problem& p) {
    View view;
    view.data = static_cast<char*>(tensor.data_ptr());
    const int64_t rank = tensor.dim() - 3;
    check(tensor.numel() == 0 || tensor.size(tensor.dim() - 1) == 1 || tensor.stride(tensor.dim() - 1) == 1,
          "the last axis of every tensor must be dense");
    view.batch = tensor.stride(0);
    for (int a = 0; a < 3; ++a)
        if (p.order[a] >= 3 - rank) view.axis[a] = tensor.stride(1 + p.order[a] - (3 - rank));
    view.head = tensor.stride(tensor.dim() - 2);
    return view;
}

// Of additional tokens: their stride is that of the last axis, whatever the order of the others.
View tokens_of(const Tensor& tensor) { return view_of(tensor, Problem{}); }

// Of the log-sum-exp, its gradient and delta, all of them dense and in the input's order.
View sums_of(const Problem& p) {
    View view;
    view.head = 1;
    int64_t stride = p.heads;
    for (int input_axis = 2; input_axis >= 0; --input_axis)
        for (int a = 0; a < 3; ++a)
            if (p.order[a] == input_axis) {
                view.axis[a] = stride;
                stride *= p.axis[a].length;
            }
    view.batch = stride;
    return view;
}

Integers sizes_of(const Tensor& tensor, int64_t last = -1) {
    Integers sizes;
    for (int64_t a = 0; a < tensor.dim(); ++a) sizes.push_back(tensor.size(a));
    if (last >= 0) sizes.back() = last;
    return sizes;
}

// Everything but outputs and workspaces.
Problem make_problem(const Tensor& query, const Tensor& key, const Tensor& value, const Tensors& extra_key,
                     const Tensors& extra_value, const Integers& kernel, const Integers& stride,
                     const Integers& dilation, const Integers& causal, double scale) {
    Problem p;
    const int64_t rank = query.dim() - 3;
    check(rank >= 1 && rank <= 3, "query must be [batch, 1 to 3 spatial axes, heads, dim]");
    check(key.dim() == query.dim() && value.dim() == query.dim(), "query, key and value must have the same rank");
    for (const Integers* list : {&kernel, &stride, &dilation, &causal})
        check(static_cast<int64_t>(list->size()) == rank, "one kernel size, stride, dilation, causal per axis");
    p.storage = storage_of(query.scalar_type());
    for (int64_t a = 0; a < rank; ++a) {
        Axis& axis = p.axis[3 - rank + a];
        axis = {query.size(1 + a), kernel[a], stride[a], dilation[a], causal[a] != 0};
        check(key.size(1 + a) == axis.length && value.size(1 + a) == axis.length, "spatial sizes must be equal");
        check(axis.kernel >= 1 && axis.dilation >= 1 && axis.stride >= 1 && axis.stride <= axis.kernel &&
                  (query.numel() == 0 || axis.kernel <= axis.length / axis.dilation),
              "kernel size, stride or dilation out of range");
    }
    order_axes(p);
    p.batch = query.size(0);
    p.heads = query.size(rank + 1);
    p.heads_kv = key.size(rank + 1);
    p.dim = query.size(rank + 2);
    p.dim_v = value.size(rank + 2);
    check(p.dim >= 1 && p.dim_v >= 1, "query and value must have at least one channel, got ", p.dim, " and ", p.dim_v);
    check(p.heads_kv > 0 && p.heads % p.heads_kv == 0, "the heads of key must divide the ", p.heads, " of query, got ",
          p.heads_kv);
    Integers sizes = sizes_of(query, p.dim);
    sizes[rank + 1] = p.heads_kv;
    check_tensor("key", key, sizes, query.scalar_type());
    sizes.back() = p.dim_v;
    check_tensor("value", value, sizes, query.scalar_type());
    p.scale = scale;
    p.sums = sums_of(p);
    p.query = view_of(query, p);
    p.key = view_of(key, p);
    p.value = view_of(value, p);
    check(extra_key.has_value() == extra_value.has_value(), "additional keys and values come together");
    if (extra_key.has_value()) {
        check(extra_key->dim() == 4, "additional_keys must have 4 axes, got ", extra_key->dim());
        const int64_t tokens = extra_key->size(1);
        check_tensor("additional_keys", *extra_key, {p.batch, tokens, p.heads_kv, p.dim}, query.scalar_type());
        check_tensor("additional_values", *extra_value, {p.batch, tokens, p.heads_kv, p.dim_v}, query.scalar_type());
        p.extra = extra_key->size(1);
        p.extra_key = tokens_of(*extra_key);
        p.extra_value = tokens_of(*extra_value);
    }
    choose_tiles(p);
    return p;
}

ScalarType compute_type(const Problem& p) {
    return p.storage == Storage::kDouble ? ScalarType::Double : ScalarType::Float;
}

// The bias table in the compute type and the order of the problem's axes, its rows widened so that whole vectors can be
// read.
Tensor pad_bias(const Tensor& bias, const Tensor& query, Problem& p) {
    int64_t table[3];  // entries along each axis of the input
    for (int a = 0; a < 3; ++a) table[p.order[a]] = 2 * p.axis[a].kernel - 1;
    Integers sizes{p.heads};
    for (int64_t a = 6 - query.dim(); a < 3; ++a) sizes.push_back(table[a]);
    check_tensor("bias", bias, sizes, query.scalar_type());
    for (int a = 0; a < 3; ++a) {
        p.bias_stride[a] = 1;
        for (int inner = p.order[a] + 1; inner < 3; ++inner) p.bias_stride[a] *= table[inner];
    }
    p.bias_width = padded_bias_width(p.axis[2].kernel);
    const int64_t kz = 2 * p.axis[0].kernel - 1, ky = 2 * p.axis[1].kernel - 1, kx = 2 * p.axis[2].kernel - 1;
    Tensor dense = torch::stable::to(torch::stable::contiguous(bias), std::make_optional(compute_type(p)));
    Tensor padded = torch::stable::new_zeros(dense, {p.heads, kz * ky, p.bias_width});
    p.bias = padded.data_ptr();
    // The factor must not make an infinity of the lowest finite number, with which callers mask.
    const auto widen = [&]<class T>(const T* from, T* to) {
        constexpr T most = std::numeric_limits<T>::max();
        for (int64_t row = 0; row < p.heads * kz * ky; ++row) {
            const int64_t head = row / ky / kz, z = row / ky % kz, y = row % ky;
            const T* entries = from + head * kz * ky * kx + z * p.bias_stride[0] + y * p.bias_stride[1];
            for (int64_t x = 0; x < kx; ++x) {
                const T entry = entries[x * p.bias_stride[2]];
                const T scaled = static_cast<T>(entry * kLog2E);
                to[row * p.bias_width + x] = std::abs(entry) <= most ? std::clamp(scaled, -most, most) : entry;
            }
        }
    };
    if (p.storage == Storage::kDouble)
        widen(static_cast<const double*>(dense.data_ptr()), static_cast<double*>(padded.data_ptr()));
    else
        widen(static_cast<const float*>(dense.data_ptr()), static_cast<float*>(padded.data_ptr()));
    return padded;
}

std::tuple<Tensor, Tensor> neighborhood_attention(Tensor query, Tensor key, Tensor value, Tensors bias,
                                                  Tensors extra_key, Tensors extra_value, Integers kernel,
                                                  Integers stride, Integers dilation, Integers causal, double scale,
                                                  bool /*tf32: for GPUs*/) {
    Problem p = make_problem(query, key, value, extra_key, extra_value, kernel, stride, dilation, causal, scale);
    const Integers shape = sizes_of(query, p.dim_v);
    Tensor out = torch::stable::new_empty(query, shape);
    Tensor lse = torch::stable::new_empty(query, Integers(shape.begin(), shape.end() - 1), compute_type(p));
    if (lse.numel() == 0) return {out, lse};
    Tensors padded;
    if (bias.has_value()) padded = pad_bias(*bias, query, p);
    p.out = view_of(out, p);
    p.lse = lse.mutable_data_ptr();
    const NeighborhoodKernels& kernels = best_kernels().neighborhood;
    run_tasks(num_tasks(p, false), kernels.scratch_bytes(p, false),
              [&](int64_t task, char* scratch) { kernels.forward(p, task, scratch); });
    return {out, lse};
}

using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

Tensor gradient_of(const Tensors& tensor, const Tensor& like, bool wanted) {
    return tensor.has_value() && wanted ? torch::stable::new_empty(*tensor, sizes_of(*tensor))
                                        : torch::stable::new_empty(like, Integers{0});
}

// What is asked for in `p`, which lacks slots and delta yet.
void run_backward(Problem& p, const Tensor& lse) {
    const NeighborhoodKernels& kernels = best_kernels().neighborhood;
    choose_bundles(p);
    const int64_t tiles = num_tasks(p, true), bundles = num_bundles(p), keys = p.wants_key, values = p.wants_value;
    // Slots of the tiles and bundles, one after the other in a workspace that is kept as Scratch is.
    const int64_t part_sizes[] = {
        keys * tiles * kernels.partial_key_size(p), values * tiles * kernels.partial_value_size(p),
        keys * bundles * p.extra * padded_dim(p, p.dim), values * bundles * p.extra * padded_dim(p, p.dim_v),
        p.wants_bias ? bundles * p.heads / p.heads_kv * bias_table_size(p) : 0};
    void** const parts[] = {&p.partial_key, &p.partial_value, &p.partial_extra_key, &p.partial_extra_value,
                            &p.partial_bias};
    const int64_t item = p.storage == Storage::kDouble ? sizeof(double) : sizeof(float);
    int64_t total = 0;
    for (const int64_t size : part_sizes) total += aligned(size * item);
    static thread_local Scratch workspace;
    const ScratchUse use(workspace, total);
    char* part = use.memory();
    for (int i = 0; i < 5; part += aligned(part_sizes[i] * item), ++i) *parts[i] = part;

    const Tensor delta = torch::stable::empty_like(lse);
    p.delta = delta.data_ptr();
    const int64_t bytes = kernels.scratch_bytes(p, true), tokens = lse.numel() / p.heads;
    if (wants_logits(p))
        run_tasks((tokens + kDeltaTokens - 1) / kDeltaTokens, 0, [&](int64_t task, char*) {
            kernels.delta(p, task * kDeltaTokens, std::min(tokens, (task + 1) * kDeltaTokens));
        });
    run_tasks(bundles, bytes, [&](int64_t bundle, char* scratch) { kernels.backward(p, bundle, scratch); });
    run_tasks(num_key_rows(p), bytes, [&](int64_t row, char* scratch) { kernels.sum_key_row(p, row, scratch); });
    if (p.wants_bias) run_tasks(p.heads, 0, [&](int64_t head, char*) { kernels.sum_bias(p, head); });
    if (p.extra > 0)
        run_tasks(p.batch * p.heads_kv * p.extra, 0, [&](int64_t token, char*) { kernels.sum_extra(p, token); });
}

Gradients neighborhood_attention_backward(Tensor grad_out, Tensor grad_lse, Tensor query, Tensor key, Tensor value,
                                          Tensors bias, Tensors extra_key, Tensors extra_value, Tensor out, Tensor lse,
                                          Integers kernel, Integers stride, Integers dilation, Integers causal,
                                          double scale, bool /*tf32*/, int64_t wanted) {
    Problem p = make_problem(query, key, value, extra_key, extra_value, kernel, stride, dilation, causal, scale);
    const Integers sizes = sizes_of(query, p.dim_v), sums(sizes.begin(), sizes.end() - 1);
    check_tensor("the gradient of the output", grad_out, sizes, query.scalar_type());
    check_tensor("the output", out, sizes, query.scalar_type());
    check_tensor("lse", lse, sums, compute_type(p));
    check_tensor("the gradient of lse", grad_lse, sums, compute_type(p));
    const Tensor dense_lse = torch::stable::contiguous(lse), dense_grad_lse = torch::stable::contiguous(grad_lse);
    const auto wants = [&](int input) { return (wanted >> input & 1) != 0; };
    Gradients grads{gradient_of(query, query, wants(0)),     gradient_of(key, query, wants(1)),
                    gradient_of(value, query, wants(2)),     gradient_of(bias, query, wants(3)),
                    gradient_of(extra_key, query, wants(4)), gradient_of(extra_value, query, wants(5))};
    if (lse.numel() == 0) {
        std::apply([](auto&... grad) { (torch::stable::zero_(grad), ...); }, grads);
        return grads;
    }
    Tensors padded;
    if (bias.has_value()) padded = pad_bias(*bias, query, p);
    p.out = view_of(out, p);
    p.lse = dense_lse.data_ptr();
    p.grad_out = view_of(grad_out, p);
    p.grad_lse = dense_grad_lse.data_ptr();
    const bool has_extra = p.extra > 0;
    p.wants_query = wants(0);
    p.wants_key = wants(1) || (has_extra && wants(4));
    p.wants_value = wants(2) || (has_extra && wants(5));
    p.wants_bias = bias.has_value() && wants(3);
    if (wants(0)) p.grad_query = view_of(std::get<0>(grads), p);
    if (wants(1)) p.grad_key = view_of(std::get<1>(grads), p);
    if (wants(2)) p.grad_value = view_of(std::get<2>(grads), p);
    if (p.wants_bias) p.grad_bias = std::get<3>(grads).mutable_data_ptr();
    if (has_extra && wants(4)) p.grad_extra_key = tokens_of(std::get<4>(grads));
    if (has_extra && wants(5)) p.grad_extra_value = tokens_of(std::get<5>(grads));
    run_backward(p, dense_lse);
    return grads;
}

}  // namespace
}  // namespace nbv

STABLE_TORCH_LIBRARY_IMPL(nbv, CPU, m) {
    m.impl("neighborhood_attention", TORCH_BOX(&nbv::neighborhood_attention));
    m.impl("neighborhood_attention_backward", TORCH_BOX(&nbv::neighborhood_attention_backward));
}
