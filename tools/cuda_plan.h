// Calls of the operators as lines of names and numbers (tools/cuda_plan.py writes them), and the plans that they go by.
#pragma once

#include <cstdint>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../csrc/cuda/match/plan.h"
#include "../csrc/cuda/neighborhood/plan.h"

namespace nbv {

class Call {
  public:
    explicit Call(const std::string& line) {
        std::istringstream words(line);
        words >> name;
        std::string key;
        for (int64_t value; words >> key >> value;) numbers_[key] = value;
    }

    int64_t operator[](const std::string& key) const {
        const auto found = numbers_.find(key);
        if (found == numbers_.end()) throw std::invalid_argument("no " + key + " in a call of " + name);
        return found->second;
    }

    std::string name;

  private:
    std::map<std::string, int64_t> numbers_;
};

namespace {

// run(kernel, blocks, threads, bytes, args) for each kernel, in their order.
template <class T, class Run>
void plan_match(const Call& call, const Run& run) {
    MatchCudaArgs args;
    args.batch = call["batch"];
    args.height = call["height"];
    args.width = call["width"];
    args.heads = call["heads"];
    args.dim = call["dim"];
    args.radius_x = args.radius_y = call["radius"];
    const auto start = [&](auto... launch) { run(launch..., args); };
    if (call["backward"])
        plan_match_backward<T>(args, start);
    else
        plan_match_forward<T>(args, start);
}

// Of tensors that are contiguous; where they lie is no matter, but that rows are aligned.
inline NeighborhoodCudaArgs neighborhood_args(const Call& call) {
    NeighborhoodCudaArgs p;
    p.type = static_cast<CudaType>(call["type"]);
    p.tf32 = call["tf32"] != 0;
    const char* const axes[] = {"_z", "_y", "_x"};
    for (int a = 0; a < 3; ++a) {
        const auto number = [&](const char* name) { return static_cast<int32_t>(call[std::string(name) + axes[a]]); };
        p.axis[a] = {number("length"), number("kernel"), number("stride"), number("dilation"), number("causal") != 0};
    }
    const auto number = [&](const char* name) { return static_cast<int32_t>(call[name]); };
    p.batch = number("batch");
    p.heads = number("heads");
    p.heads_kv = number("heads_kv");
    p.dim = number("dim");
    p.dim_v = number("dim_v");
    p.extra = number("extra");
    unsigned char* const somewhere = reinterpret_cast<unsigned char*>(uintptr_t{1} << 20);
    p.lse = p.scratch = somewhere;
    if (call["bias"]) p.bias = p.grad_bias = somewhere;
    const auto view = [&](CudaView& view, int64_t heads, int64_t channels) {
        view.data = somewhere;
        view.head = channels;
        view.axis[2] = heads * channels;
        view.axis[1] = view.axis[2] * p.axis[2].length;
        view.axis[0] = view.axis[1] * p.axis[1].length;
        view.batch = view.axis[0] * p.axis[0].length;
    };
    view(p.query, p.heads, p.dim);
    view(p.key, p.heads_kv, p.dim);
    view(p.value, p.heads_kv, p.dim_v);
    view(p.out_view, p.heads, p.dim_v);
    view(p.grad_out, p.heads, p.dim_v);
    p.out = p.grad_query = p.grad_key = p.grad_value = somewhere;
    if (p.extra > 0) p.extra_key.data = p.extra_value.data = p.grad_extra_key = p.grad_extra_value = somewhere;
    for (auto [extra, channels] : {std::pair(&p.extra_key, p.dim), std::pair(&p.extra_value, p.dim_v)}) {
        extra->head = channels;
        extra->axis[2] = int64_t{channels} * p.heads_kv;
        extra->batch = extra->axis[2] * p.extra;
    }
    return p;
}

// The same, with NeighborhoodPass for args.
template <class Run>
void plan_neighborhood(const Call& call, const Run& run) {
    const NeighborhoodCudaArgs args = neighborhood_args(call);
    const CudaDevice device{static_cast<int32_t>(call["architecture"]), static_cast<int32_t>(call["multiprocessors"]),
                            call["block_shared"]};
    if (call["backward"])
        plan_neighborhood_backward(args, device, run);
    else
        plan_neighborhood_forward(args, device, run);
}

template <class Run>
void plan(const Call& call, const Run& run) {
    if (call.name == "match" && call["bytes"] == 8) return plan_match<double>(call, run);
    if (call.name == "match") return plan_match<float>(call, run);
    if (call.name == "neighborhood") return plan_neighborhood(call, run);
    throw std::invalid_argument("no plan for " + call.name);
}

}  // namespace
}  // namespace nbv
