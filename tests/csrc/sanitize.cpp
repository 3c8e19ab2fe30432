// The kernels of every instruction set on buffers of exactly the size they may touch, against plain loops: built with
// the address and undefined behavior sanitizers, which end the program at the first error.
#include <sanitizer/asan_interface.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../../csrc/cpu/isa/isa.h"
#include "../../csrc/cpu/neighborhood/plan.h"

namespace {

using nbv::Axis;
using nbv::bias_table_size, nbv::num_bundles, nbv::num_key_rows, nbv::num_tasks;
using nbv::KernelSet;
using nbv::NeighborhoodKernels;
using nbv::Problem;
using nbv::Storage;
using Values = std::vector<double>;  // of a tensor, in its logical order

constexpr Storage kStorages[] = {Storage::kFloat, Storage::kDouble, Storage::kBFloat16, Storage::kHalf};
constexpr const char* kStorageNames[] = {"float", "double", "bfloat16", "half"};
constexpr double kTolerances[] = {1e-4, 1e-9, 0.1, 0.02};  // absolute, times 1 + the largest value
constexpr int64_t kItems[] = {4, 8, 2, 2};
constexpr int64_t kGap = 64;  // bytes: wider than any vector, so that none reaches over it

int64_t item_of(Storage storage) { return kItems[static_cast<int>(storage)]; }
Storage compute_of(Storage storage) { return storage == Storage::kDouble ? storage : Storage::kFloat; }

// Heap memory of exactly `bytes`, all ones: NaN in every type, so that what is not written first, or not at all, shows.
class Buffer {
  public:
    explicit Buffer(int64_t bytes) : bytes_(bytes) {
        void* memory = nullptr;
        if (posix_memalign(&memory, 64, bytes) != 0) std::abort();
        data_ = static_cast<char*>(memory);
        wipe();
    }
    ~Buffer() {
        ASAN_UNPOISON_MEMORY_REGION(data_, bytes_);
        std::free(data_);
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    char* data() { return data_; }
    void wipe() { std::memset(data_, 0xFF, bytes_); }

  private:
    char* data_ = nullptr;
    int64_t bytes_;
};

// Inputs are multiples of 1/16 up to 1, which every storage type holds exactly.
void write_item(Storage storage, double value, char* to) {
    const float single = static_cast<float>(value);
    uint32_t bits;
    std::memcpy(&bits, &single, sizeof(bits));
    uint16_t half = static_cast<uint16_t>(bits >> 16);
    switch (storage) {
        case Storage::kFloat:
            std::memcpy(to, &single, sizeof(single));
            return;
        case Storage::kDouble:
            std::memcpy(to, &value, sizeof(value));
            return;
        case Storage::kHalf:
            half &= 0x8000u;
            if (value != 0) half = static_cast<uint16_t>(half | (((bits & 0x7FFFFFFFu) - (112u << 23)) >> 13));
            [[fallthrough]];
        case Storage::kBFloat16:
            std::memcpy(to, &half, sizeof(half));
    }
}

double read_item(Storage storage, const char* from) {
    float single;
    double value;
    uint16_t half;
    switch (storage) {
        case Storage::kFloat:
            std::memcpy(&single, from, sizeof(single));
            return single;
        case Storage::kDouble:
            std::memcpy(&value, from, sizeof(value));
            return value;
        case Storage::kBFloat16: {
            std::memcpy(&half, from, sizeof(half));
            const uint32_t bits = static_cast<uint32_t>(half) << 16;
            std::memcpy(&single, &bits, sizeof(single));
            return single;
        }
        case Storage::kHalf:
            break;
    }
    std::memcpy(&half, from, sizeof(half));
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    double magnitude = std::ldexp(exponent == 0 ? fraction : fraction + 1024, exponent == 0 ? -24 : exponent - 25);
    if (exponent == 31) magnitude = fraction == 0 ? HUGE_VAL : std::nan("");
    return half & 0x8000 ? -magnitude : magnitude;
}

// kGaps: memory that must not be touched follows every token's values of a head.
enum Layout { kDense, kHeadsFirst, kGaps, kExpanded };
constexpr const char* kLayoutNames[] = {"dense", "heads first", "gaps", "expanded"};

// [batch, z, y, x, heads, dim]
class Tensor {
  public:
    Tensor(Storage storage, const int64_t (&sizes)[6], Layout layout)
        : storage_(storage), buffer_(place(storage, sizes, layout)) {
        view_.data = buffer_.data();
        if (layout != kGaps) return;
        const int64_t item = item_of(storage), used = sizes[5] * item, tokens = count() / sizes[5];
        for (int64_t i = 0; i < tokens; ++i)
            ASAN_POISON_MEMORY_REGION(buffer_.data() + i * pitch_ * item + used, pitch_ * item - used);
    }

    const nbv::View& view() const { return view_; }
    int64_t count() const { return sizes_[0] * sizes_[1] * sizes_[2] * sizes_[3] * sizes_[4] * sizes_[5]; }

    void write(const Values& values) {
        for (int64_t i = 0; i < count(); ++i) write_item(storage_, values[i], at(i));
    }
    Values read() {
        Values values(count());
        for (int64_t i = 0; i < count(); ++i) values[i] = read_item(storage_, at(i));
        return values;
    }

  private:
    // Strides, and bytes in all.
    int64_t place(Storage storage, const int64_t (&sizes)[6], Layout layout) {
        std::memcpy(sizes_, sizes, sizeof(sizes_));
        const int64_t item = item_of(storage);
        pitch_ = layout == kGaps ? ((sizes[5] * item + 7) / 8 * 8 + kGap) / item : sizes[5];
        const int64_t heads = sizes[4], x = layout == kExpanded ? 1 : sizes[3];
        const bool heads_first = layout == kHeadsFirst;
        view_.head = heads_first ? sizes[1] * sizes[2] * x * pitch_ : pitch_;
        const int64_t token = heads_first ? pitch_ : heads * pitch_;
        view_.axis[2] = layout == kExpanded ? 0 : token;
        view_.axis[1] = x * token;
        view_.axis[0] = sizes[2] * x * token;
        view_.batch = sizes[1] * sizes[2] * x * heads * pitch_;
        return sizes[0] * view_.batch * item;
    }

    char* at(int64_t i) {
        int64_t index[6];
        for (int a = 5; a >= 0; i /= sizes_[a], --a) index[a] = i % sizes_[a];
        int64_t offset = index[0] * view_.batch + index[4] * view_.head + index[5];
        for (int a = 0; a < 3; ++a) offset += index[1 + a] * view_.axis[a];
        return view_.data + offset * item_of(storage_);
    }

    Storage storage_;
    int64_t sizes_[6], pitch_ = 0;
    nbv::View view_;
    Buffer buffer_;
};

struct Case {
    Axis axis[3];
    int64_t batch = 1, heads_kv = 1, group_heads = 1, dim = 8, dim_v = 8, extra = 0;
    bool bias = false;
    Layout layout = kDense;
    int order[3] = {0, 1, 2};  // of the axes within the kernels
    int64_t bundle = 1;

    int64_t heads() const { return heads_kv * group_heads; }
    int64_t tokens() const { return batch * axis[0].length * axis[1].length * axis[2].length; }
    int64_t bias_rows() const { return (2 * axis[0].kernel - 1) * (2 * axis[1].kernel - 1); }
    int64_t bias_columns() const { return 2 * axis[2].kernel - 1; }
    double scale() const { return 0.75 / std::sqrt(static_cast<double>(dim)) + 0.25; }

    std::string name() const {
        char text[400];
        int at = std::snprintf(text, sizeof(text), "axes (length kernel stride dilation causal)");
        for (const Axis& a : axis)
            at += std::snprintf(text + at, sizeof(text) - at, " (%d %d %d %d %d)", static_cast<int>(a.length),
                                static_cast<int>(a.kernel), static_cast<int>(a.stride), static_cast<int>(a.dilation),
                                static_cast<int>(a.causal));
        std::snprintf(
            text + at, sizeof(text) - at, ", batch %d, heads %d of %d, dims %d %d, extra %d, bias %d, %s, order %d%d%d",
            static_cast<int>(batch), static_cast<int>(heads()), static_cast<int>(heads_kv), static_cast<int>(dim),
            static_cast<int>(dim_v), static_cast<int>(extra), bias, kLayoutNames[layout], order[0], order[1], order[2]);
        return text;
    }
};

struct Inputs {
    Values query, key, value, extra_key, extra_value, bias, grad_out, grad_lse;
};

enum { kOut, kLse, kGradQuery, kGradKey, kGradValue, kGradExtraKey, kGradExtraValue, kGradBias, kNumOutputs };
constexpr const char* kOutputNames[] = {"out",        "lse",           "query grad",      "key grad",
                                        "value grad", "add keys grad", "add values grad", "bias grad"};

struct Outputs {
    Values of[kNumOutputs];
};

Inputs make_inputs(const Case& c, std::mt19937& random) {
    const auto draw = [&](int64_t count) {
        Values values(count);
        for (double& value : values) value = (static_cast<int>(random() % 33) - 16) / 16.0;
        return values;
    };
    const int64_t kv = c.tokens() * c.heads_kv, q = c.tokens() * c.heads(), extra = c.batch * c.extra * c.heads_kv;
    Inputs in{draw(q * c.dim),       draw(kv * c.dim),
              draw(kv * c.dim_v),    draw(extra * c.dim),
              draw(extra * c.dim_v), draw(c.bias ? c.heads() * c.bias_rows() * c.bias_columns() : 0),
              draw(q * c.dim_v),     draw(q)};
    if (c.layout != kExpanded) return in;
    for (Values* values : {&in.key, &in.value}) {
        const int64_t token = static_cast<int64_t>(values->size()) / c.tokens(), row = c.axis[2].length * token;
        for (int64_t i = 0; i < static_cast<int64_t>(values->size()); ++i)
            (*values)[i] = (*values)[i / row * row + i % token];
    }
    return in;
}

// A key that a query sees: rows of the tensors, and where its bias stands in a head's table.
struct Seen {
    bool extra;
    int64_t row, bias;
};

std::vector<Seen> keys_of(const Case& c, int64_t batch, const int64_t (&query)[3], int64_t head_kv) {
    int64_t start[3], end[3], position[3], group[3];
    for (int a = 0; a < 3; ++a) {
        group[a] = query[a] % c.axis[a].dilation;
        position[a] = query[a] / c.axis[a].dilation;
        const int64_t length = nbv::group_length(c.axis[a], group[a]);
        start[a] = nbv::window_start(c.axis[a], length, position[a]);
        end[a] = nbv::window_end(c.axis[a], length, position[a]);
    }
    std::vector<Seen> seen;
    int64_t key[3];
    for (key[0] = start[0]; key[0] < end[0]; ++key[0]) {
        for (key[1] = start[1]; key[1] < end[1]; ++key[1]) {
            for (key[2] = start[2]; key[2] < end[2]; ++key[2]) {
                int64_t token = batch, bias = 0;
                for (int a = 0; a < 3; ++a) {
                    token = token * c.axis[a].length + key[a] * c.axis[a].dilation + group[a];
                    bias = bias * (2 * c.axis[a].kernel - 1) + key[a] - position[a] + c.axis[a].kernel - 1;
                }
                seen.push_back({false, token * c.heads_kv + head_kv, bias});
            }
        }
    }
    for (int64_t i = 0; i < c.extra; ++i) seen.push_back({true, (batch * c.extra + i) * c.heads_kv + head_kv, 0});
    return seen;
}

double inner(const double* a, const double* b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
    return sum;
}

void add(double* to, double factor, const double* from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

Outputs reference(const Case& c, const Inputs& in) {
    Outputs result;
    const Values* like[] = {&in.grad_out, &in.grad_lse,  &in.query,       &in.key,
                            &in.value,    &in.extra_key, &in.extra_value, &in.bias};
    for (int i = 0; i < kNumOutputs; ++i) result.of[i].assign(like[i]->size(), 0.0);
    for (int64_t row = 0; row < c.tokens() * c.heads(); ++row) {
        const int64_t head = row % c.heads(), head_kv = head / c.group_heads;
        int64_t query[3], token = row / c.heads();
        for (int a = 2; a >= 0; token /= c.axis[a].length, --a) query[a] = token % c.axis[a].length;
        const std::vector<Seen> seen = keys_of(c, token, query, head_kv);
        const int64_t table = head * c.bias_rows() * c.bias_columns();
        const double* q = &in.query[row * c.dim];
        const double* grad = &in.grad_out[row * c.dim_v];
        Values weights;
        double max = -HUGE_VAL, sum = 0;
        for (const Seen& key : seen) {
            double score = c.scale() * inner(q, &(key.extra ? in.extra_key : in.key)[key.row * c.dim], c.dim);
            if (c.bias && !key.extra) score += in.bias[table + key.bias];
            weights.push_back(score);
            max = std::fmax(max, score);
        }
        for (double& weight : weights) sum += weight = std::exp(weight - max);
        double* out = &result.of[kOut][row * c.dim_v];
        for (size_t i = 0; i < seen.size(); ++i) {
            weights[i] /= sum;
            add(out, weights[i], &(seen[i].extra ? in.extra_value : in.value)[seen[i].row * c.dim_v], c.dim_v);
        }
        result.of[kLse][row] = max + std::log(sum);
        const double delta = inner(out, grad, c.dim_v) - in.grad_lse[row];
        for (size_t i = 0; i < seen.size(); ++i) {
            const Seen& key = seen[i];
            const double* k = &(key.extra ? in.extra_key : in.key)[key.row * c.dim];
            const double* v = &(key.extra ? in.extra_value : in.value)[key.row * c.dim_v];
            const double ds = weights[i] * (inner(grad, v, c.dim_v) - delta);
            add(&result.of[kGradQuery][row * c.dim], ds * c.scale(), k, c.dim);
            add(&result.of[key.extra ? kGradExtraKey : kGradKey][key.row * c.dim], ds * c.scale(), q, c.dim);
            add(&result.of[key.extra ? kGradExtraValue : kGradValue][key.row * c.dim_v], weights[i], grad, c.dim_v);
            if (c.bias && !key.extra) result.of[kGradBias][table + key.bias] += ds;
        }
    }
    return result;
}

// What the operator does, but every workspace in a buffer of its own.
Outputs run(const Case& c, const Inputs& in, Storage storage, const NeighborhoodKernels& kernels) {
    const auto sizes_of = [&](int64_t heads, int64_t dim, int64_t (&sizes)[6]) {
        const int64_t made[] = {c.batch, c.axis[0].length, c.axis[1].length, c.axis[2].length, heads, dim};
        std::memcpy(sizes, made, sizeof(made));
    };
    int64_t q_sizes[6], k_sizes[6], v_sizes[6], out_sizes[6];
    sizes_of(c.heads(), c.dim, q_sizes);
    sizes_of(c.heads_kv, c.dim, k_sizes);
    sizes_of(c.heads_kv, c.dim_v, v_sizes);
    sizes_of(c.heads(), c.dim_v, out_sizes);
    const int64_t extra_k_sizes[6] = {c.batch, 1, 1, c.extra, c.heads_kv, c.dim};
    const int64_t extra_v_sizes[6] = {c.batch, 1, 1, c.extra, c.heads_kv, c.dim_v};
    const int64_t table_sizes[6] = {1, 1, c.heads(), c.bias_rows(), 1, c.bias_columns()};
    const int64_t lse_sizes[6] = {1, 1, 1, c.tokens(), c.heads(), 1};
    const Layout plain = c.layout == kExpanded ? kDense : c.layout;  // of what cannot be expanded
    const Storage compute = compute_of(storage);
    const int64_t item = item_of(compute);

    Tensor query(storage, q_sizes, plain), key(storage, k_sizes, c.layout), value(storage, v_sizes, c.layout);
    Tensor extra_key(storage, extra_k_sizes, plain), extra_value(storage, extra_v_sizes, plain);
    Tensor grad_out(storage, out_sizes, plain), grad_lse(compute, lse_sizes, kDense);
    Tensor out(storage, out_sizes, plain), lse(compute, lse_sizes, kDense), delta(compute, lse_sizes, kDense);
    query.write(in.query);
    key.write(in.key);
    value.write(in.value);
    grad_out.write(in.grad_out);
    grad_lse.write(in.grad_lse);

    Problem p;
    p.storage = storage;
    std::memcpy(p.order, c.order, sizeof(p.order));
    for (int a = 0; a < 3; ++a) p.axis[a] = c.axis[c.order[a]];
    const auto turned = [&](nbv::View view) {
        const nbv::View from = view;
        for (int a = 0; a < 3; ++a) view.axis[a] = from.axis[c.order[a]];
        return view;
    };
    p.batch = c.batch;
    p.heads = c.heads();
    p.heads_kv = c.heads_kv;
    p.dim = c.dim;
    p.dim_v = c.dim_v;
    p.scale = c.scale();
    p.query = turned(query.view());
    p.key = turned(key.view());
    p.value = turned(value.view());
    p.out = turned(out.view());
    p.lse = lse.view().data;
    const int64_t row = c.axis[2].length, plane = c.axis[1].length * row, sample = c.axis[0].length * plane;
    p.sums = turned({nullptr, sample * c.heads(), {plane * c.heads(), row * c.heads(), c.heads()}, 1});
    if (c.extra > 0) {
        extra_key.write(in.extra_key);
        extra_value.write(in.extra_value);
        p.extra = c.extra;
        p.extra_key = extra_key.view();
        p.extra_value = extra_value.view();
    }
    choose_tiles(p);

    const int64_t table[3] = {(2 * c.axis[1].kernel - 1) * c.bias_columns(), c.bias_columns(), 1};
    for (int a = 0; a < 3; ++a) p.bias_stride[a] = table[c.order[a]];
    p.bias_width = c.bias ? nbv::padded_bias_width(p.axis[2].kernel) : 0;
    const int64_t kz = 2 * p.axis[0].kernel - 1, ky = 2 * p.axis[1].kernel - 1, kx = 2 * p.axis[2].kernel - 1;
    Buffer bias(c.heads() * kz * ky * p.bias_width * item);  // unused lanes stay NaN: they may be read, not used
    if (c.bias) {
        for (int64_t i = 0; i < c.heads() * kz * ky * kx; ++i) {
            const int64_t x = i % kx, y = i / kx % ky, z = i / kx / ky % kz, head = i / kx / ky / kz;
            const int64_t from = z * p.bias_stride[0] + y * p.bias_stride[1] + x * p.bias_stride[2];
            write_item(compute, in.bias[head * kz * ky * kx + from] * std::log2(std::exp(1.0)),
                       bias.data() + (i / kx * p.bias_width + x) * item);
        }
        p.bias = bias.data();
    }
    {
        Buffer scratch(kernels.scratch_bytes(p, false));
        for (int64_t task = 0; task < num_tasks(p, false); ++task, scratch.wipe())
            kernels.forward(p, task, scratch.data());
    }

    const int64_t tasks = num_tasks(p, true);
    p.bundle = c.bundle;
    const int64_t bundles = num_bundles(p);
    Tensor grad_query(storage, q_sizes, plain), grad_key(storage, k_sizes, plain), grad_value(storage, v_sizes, plain);
    Tensor grad_extra_key(storage, extra_k_sizes, plain), grad_extra_value(storage, extra_v_sizes, plain);
    Tensor grad_bias(storage, table_sizes, kDense);
    p.grad_out = turned(grad_out.view());
    p.grad_lse = grad_lse.view().data;
    p.delta = delta.view().data;
    p.grad_query = turned(grad_query.view());
    p.grad_key = turned(grad_key.view());
    p.grad_value = turned(grad_value.view());
    p.grad_extra_key = grad_extra_key.view();
    p.grad_extra_value = grad_extra_value.view();
    p.grad_bias = grad_bias.view().data;
    Buffer partial_key(tasks * kernels.partial_key_size(p) * item);
    Buffer partial_value(tasks * kernels.partial_value_size(p) * item);
    Buffer partial_extra_key(bundles * c.extra * padded_dim(p, c.dim) * item);
    Buffer partial_extra_value(bundles * c.extra * padded_dim(p, c.dim_v) * item);
    Buffer partial_bias(bundles * c.group_heads * bias_table_size(p) * item);
    p.partial_key = partial_key.data();
    p.partial_value = partial_value.data();
    p.partial_extra_key = partial_extra_key.data();
    p.partial_extra_value = partial_extra_value.data();
    p.partial_bias = partial_bias.data();

    const int64_t middle = c.tokens() / 2;
    kernels.delta(p, middle, c.tokens());
    kernels.delta(p, 0, middle);
    Buffer scratch(kernels.scratch_bytes(p, true));
    for (int64_t i = bundles - 1; i >= 0; --i, scratch.wipe()) kernels.backward(p, i, scratch.data());
    for (int64_t row = 0; row < num_key_rows(p); ++row, scratch.wipe()) kernels.sum_key_row(p, row, scratch.data());
    for (int64_t token = 0; token < c.batch * c.heads_kv * c.extra; ++token) kernels.sum_extra(p, token);
    for (int64_t head = 0; c.bias && head < c.heads(); ++head) kernels.sum_bias(p, head);
    return {{out.read(), lse.read(), grad_query.read(), grad_key.read(), grad_value.read(), grad_extra_key.read(),
             grad_extra_value.read(), c.bias ? grad_bias.read() : Values()}};
}

// Prints what is not as expected.
bool agrees(const Case& c, const Outputs& expected, const Outputs& got, Storage storage, const char* name) {
    for (int output = 0; output < kNumOutputs; ++output) {
        const Values &theirs = expected.of[output], &ours = got.of[output];
        double largest = 0;
        for (const double value : theirs) largest = std::fmax(largest, std::fabs(value));
        for (size_t i = 0; i < theirs.size(); ++i) {
            // Negated: NaN agrees with nothing.
            if (!(std::fabs(ours[i] - theirs[i]) <= kTolerances[static_cast<int>(storage)] * (1 + largest))) {
                std::fprintf(stderr, "%s, %s: %s[%zu] is %g, not %g\n  %s\n", name,
                             kStorageNames[static_cast<int>(storage)], kOutputNames[output], i, ours[i], theirs[i],
                             c.name().c_str());
                return false;
            }
        }
    }
    return true;
}

Case random_case(std::mt19937& random) {
    const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
    constexpr int64_t dims[] = {1, 5, 8, 20, 32, 40}, values[] = {1, 7, 8, 16, 20, 33, 64};
    Case c;
    int64_t room = 150;
    const int64_t rank = 1 + below(3);
    for (int64_t a = 3 - rank; a < 3; ++a) {
        Axis& axis = c.axis[a];
        const int64_t most = std::max<int64_t>(1, std::min<int64_t>(a == 2 ? 40 : 10, room >> (2 * (2 - a))));
        axis.kernel = 1 + below(std::min<int64_t>(most, a == 2 ? 11 : 5));
        axis.dilation = 1 + below(std::min<int64_t>(3, most / axis.kernel));
        axis.stride = 1 + below(axis.kernel);
        axis.length = axis.kernel * axis.dilation + below(most - axis.kernel * axis.dilation + 1);
        axis.causal = below(2) == 1;
        room /= axis.length;
    }
    c.batch = 1 + below(2);
    c.heads_kv = 1 + below(2);
    c.group_heads = 1 + below(3);
    c.dim = dims[below(6)];
    c.dim_v = values[below(7)];
    c.extra = below(2) * (1 + below(10));
    c.bias = below(2) == 1;
    c.layout = static_cast<Layout>(below(4));
    for (int a = 2; a > 0; --a) std::swap(c.order[a], c.order[below(a + 1)]);
    c.bundle = 1 + below(4);
    return c;
}

// {length, kernel, stride, dilation, causal} of z, y and x, batch, key heads, query heads of each, dims, additional
// tokens, bias, layout: shapes that chance seldom makes.
const Case kChosen[] = {
    {{{}, {}, {}}, 1, 1, 1, 1, 1, 0, true, kGaps},                                        // a single token
    {{{}, {}, {1100, 3, 1, 1, false}}, 1, 1, 1, 40, 40, 3, true, kGaps},                  // rows cut for the cache
    {{{}, {1, 1, 1, 1, false}, {40, 33, 5, 1, true}}, 1, 1, 2, 20, 33, 17, true, kGaps},  // rows of many vectors
    {{{}, {12, 3, 2, 1, false}, {16, 3, 1, 1, false}}, 1, 1, 1, 32, 40, 0, true, kGaps},  // cut along y
    {{{12, 2, 1, 1, true}, {4, 3, 1, 1, false}, {4, 3, 1, 1, true}}, 1, 1, 1, 8, 8, 2, true, kGaps},  // ... and z
    {{{}, {13, 5, 5, 2, true}, {17, 8, 8, 2, false}}, 1, 1, 2, 5, 20, 1, true, kGaps},  // uneven groups, widest strides
    {{{}, {9, 9, 1, 1, false}, {9, 9, 1, 1, false}}, 1, 1, 1, 32, 32, 9, true, kDense},  // all keys
    {{{14, 7, 2, 2, false}, {3, 2, 1, 1, true}, {5, 1, 1, 1, false}},
     2,
     1,
     2,
     9,
     5,
     2,
     true,
     kGaps,
     {2, 1, 0}},  // turned
};

}  // namespace

int main(int count, char** arguments) {
    std::vector<const KernelSet*> tables = {&nbv::portable_kernels()};
    const std::string best = nbv::best_kernels().name;
#ifdef NBV_X86
    if (best == "avx2" || best == "avx512") tables.push_back(&nbv::avx2_kernels());
    if (best == "avx512") tables.push_back(&nbv::avx512_kernels());
#endif
    std::mt19937 random(1);
    std::vector<Case> cases(std::begin(kChosen), std::end(kChosen));
    const int drawn = count > 1 ? std::atoi(arguments[1]) : 40;
    for (int i = 0; i < drawn; ++i) cases.push_back(random_case(random));
    int wrong = 0, calls = 0;
    for (const Case& c : cases) {
        const Inputs in = make_inputs(c, random);
        const Outputs expected = reference(c, in);
        for (const Storage storage : kStorages)
            for (const KernelSet* kernels : tables) {
                wrong += !agrees(c, expected, run(c, in, storage, kernels->neighborhood), storage, kernels->name);
                ++calls;
            }
    }
    std::printf("%d calls, %d wrong; instruction sets up to %s\n", calls, wrong, best.c_str());
    return wrong == 0 ? 0 : 1;
}
