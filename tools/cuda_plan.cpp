// Which kernels calls of the operators start, by the plans that CUDA goes by too. Reads calls, a line of names and
// numbers each (tools/cuda_plan.py writes them); prints "call", and for each kernel "launch", where its code lies
// from nbv_plan_origin, its blocks, threads per block and bytes of shared memory.
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../csrc/cuda/match/plan.h"

extern "C" void nbv_plan_origin() {}

namespace {

using namespace nbv;

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

template <class Kernel>
void print_launch(Kernel kernel, int64_t blocks, int64_t threads, int64_t bytes) {
    const auto at = reinterpret_cast<intptr_t>(kernel) - reinterpret_cast<intptr_t>(&nbv_plan_origin);
    std::printf("launch %lld %lld %lld %lld\n", static_cast<long long>(at), static_cast<long long>(blocks),
                static_cast<long long>(threads), static_cast<long long>(bytes));
}

template <class T>
void plan_match(const Call& call) {
    MatchCudaArgs args;
    args.batch = call["batch"];
    args.height = call["height"];
    args.width = call["width"];
    args.heads = call["heads"];
    args.dim = call["dim"];
    args.radius_x = args.radius_y = call["radius"];
    const auto run = [](auto... launch) { print_launch(launch...); };
    if (call["backward"])
        plan_match_backward<T>(args, run);
    else
        plan_match_forward<T>(args, run);
}

void plan(const Call& call) {
    std::puts("call");
    if (call.name == "match") return call["bytes"] == 8 ? plan_match<double>(call) : plan_match<float>(call);
    throw std::invalid_argument("no plan for " + call.name);
}

}  // namespace

int main() {
    try {
        for (std::string line; std::getline(std::cin, line);) plan(Call(line));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
