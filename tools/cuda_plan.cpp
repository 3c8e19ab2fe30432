// Which kernels calls of the operators start, by the plans that CUDA goes by too. Reads calls, a line each; prints
// "call", and for each kernel "launch", where its code lies from nbv_plan_origin, its blocks, threads per block and
// bytes of shared memory.
#include "cuda_plan.h"

#include <cstdio>
#include <iostream>

extern "C" void nbv_plan_origin() {}

namespace {

using namespace nbv;

template <class Kernel, class Args>
void print_launch(Kernel kernel, int64_t blocks, int64_t threads, int64_t bytes, const Args&) {
    const auto at = reinterpret_cast<intptr_t>(kernel) - reinterpret_cast<intptr_t>(&nbv_plan_origin);
    std::printf("launch %lld %lld %lld %lld\n", static_cast<long long>(at), static_cast<long long>(blocks),
                static_cast<long long>(threads), static_cast<long long>(bytes));
}

}  // namespace

int main() {
    try {
        for (std::string line; std::getline(std::cin, line);) {
            std::puts("call");
            plan(Call(line), [](auto kernel, auto blocks, auto threads, auto bytes, const auto& args) {
                print_launch(kernel, blocks, threads, bytes, args);
            });
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
