// Runs a grid on the CPU: launch(grid, block, shared_bytes, [&] { kernel(arguments); }).
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "counters.h"
#include "types.h"

namespace nbv::simt {

// What the kernel did wrong, where, in which block and thread.
struct Fault : std::runtime_error {
    using runtime_error::runtime_error;
};

struct LaunchOptions {
    int64_t shared_limit = 48 * 1024;   // more than this needs an attribute of the function on the device, too
    std::vector<uint32_t> blocks = {};  // by number, x first: run these alone; all if there are none
};

using Body = void (*)(const void* closure);

Counters launch_body(dim3 grid, dim3 block, int64_t shared_bytes, Body body, const void* closure,
                     LaunchOptions options);

// Throws Fault. NBV_SIMT_ORDER chooses the order of lanes and blocks: forward (default), reverse, random:<seed>.
template <class Kernel>
Counters launch(dim3 grid, dim3 block, int64_t shared_bytes, const Kernel& kernel, LaunchOptions options = {}) {
    const Body body = [](const void* closure) { (*static_cast<const Kernel*>(closure))(); };
    return launch_body(grid, block, shared_bytes, body, std::addressof(kernel), options);
}

}  // namespace nbv::simt
