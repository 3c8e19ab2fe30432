// A launch: its limits, its blocks one after another, its faults as one exception.
#include "launch.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>

#include "machine.h"
#include "position.h"
#include "races.h"
#include "sanitizer.h"

namespace nbv::simt {
namespace {

constexpr size_t kStack = kAddressSanitizer ? 256 << 10 : 64 << 10;

// What a fiber runs: the kernel, once per block.
void lane_main() {
    entered_fiber();
    for (;;) {
        bool threw = false;
        try {
            machine.body(machine.closure);
        } catch (...) {
            threw = true;
        }
        if (threw) fail("the kernel threw an exception");
        finish_lane();
    }
}

void check_limits(dim3 grid, dim3 block, int64_t shared_bytes, const LaunchOptions& options) {
    const uint64_t threads = uint64_t{block.x} * block.y * block.z;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535)
        fail("a grid of %u x %u x %u blocks: expected 1 to 2147483647 x 65535 x 65535", grid.x, grid.y, grid.z);
    if (threads == 0 || threads > kMaxThreads || block.z > 64)
        fail("a block of %u x %u x %u threads: expected 1 to 1024, and at most 64 along z", block.x, block.y, block.z);
    for (const uint32_t number : options.blocks)
        if (number >= uint64_t{grid.x} * grid.y * grid.z)
            fail("block %u of a grid of %u x %u x %u", number, grid.x, grid.y, grid.z);
    if (options.shared_limit > 227 * 1024)
        fail("a limit of %lld bytes of shared memory: no device has more than 232448",
             static_cast<long long>(options.shared_limit));
    if (shared_bytes < 0 || shared_bytes > options.shared_limit)
        fail("%lld bytes of shared memory: the limit is %lld", static_cast<long long>(shared_bytes),
             static_cast<long long>(options.shared_limit));
}

void read_order() {
    const char* const order = std::getenv("NBV_SIMT_ORDER");
    machine.order = Order::kForward;
    if (order == nullptr || std::strcmp(order, "forward") == 0) return;
    if (std::strcmp(order, "reverse") == 0) {
        machine.order = Order::kReverse;
    } else if (std::strncmp(order, "random:", 7) == 0) {
        machine.order = Order::kRandom;
        machine.random.seed(static_cast<unsigned>(std::atoi(order + 7)) + 1);
    } else {
        fail("NBV_SIMT_ORDER=%s: expected forward, reverse or random:<seed>", order);
    }
}

void make_lanes(dim3 block) {
    machine.threads = block.x * block.y * block.z;
    if (machine.threads > machine.pooled) {
        machine.pooled = machine.threads;
        machine.stacks.reset();
        machine.stacks = std::make_unique<Stacks>(machine.pooled, kStack);
        machine.lanes.resize(machine.pooled);
        for (int i = 0; i < machine.pooled; ++i) machine.stacks->give(i, machine.lanes[i].fiber);
        machine.abandoned = true;
    }
    machine.warps.assign((machine.threads + kWarp - 1) / kWarp, Warp{});
    machine.ready.assign(machine.warps.size(), 0);
    for (int i = 0; i < machine.threads; ++i) {
        machine.lanes[i].thread = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
        machine.warps[i / kWarp].present |= 1u << i % kWarp;
    }
    for (size_t w = 0; w < machine.warps.size(); ++w) machine.warps[w].lanes = &machine.lanes[w * kWarp];
}

// All lanes to their ends, or to a fault. Apart, because little outlives a jump out of a signal's handler.
void run_lanes() {
    int first = machine.order == Order::kReverse ? machine.threads - 1 : 0;
    if (machine.order == Order::kRandom) {
        first = static_cast<int>(machine.random() % machine.threads);
        machine.patience = 1u << machine.random() % 12;
    }
    machine.current = first;
    position.thread = machine.lanes[first].thread;
    if (sigsetjmp(machine.escape, 1) == 0) switch_fiber(machine.main, machine.lanes[machine.current].fiber);
    machine.current = -1;
}

// True if a fault ended it.
bool run_block(int64_t index) {
    const dim3 grid = position.grid_dim;
    position.block = {static_cast<unsigned>(index % grid.x), static_cast<unsigned>(index / grid.x % grid.y),
                      static_cast<unsigned>(index / (int64_t{grid.x} * grid.y))};
    if (machine.abandoned)
        for (Lane& lane : machine.lanes) start_fiber(lane.fiber, lane_main);
    machine.abandoned = false;
    machine.done = machine.at_barrier = 0;
    machine.shared.clear();
    for (Warp& warp : machine.warps) warp.waiting = warp.done = 0;
    for (int i = 0; i < machine.threads; ++i) {
        Lane& lane = machine.lanes[i];
        lane.state = State::kReady;
        lane.has_place = false;
        lane.copies.clear();
        machine.set_ready(i);
    }
    begin_block_of_races();
    ++machine.counters.blocks;
    run_lanes();
    end_epoch_of_races();
    const int64_t damage = machine.shared.damage();
    if (machine.fault.empty() && damage != 0) {
        char message[160];
        snprintf(message, sizeof(message),
                 "block (%u, %u, %u) wrote outside of its %lld bytes of shared memory: at %lld", position.block.x,
                 position.block.y, position.block.z, static_cast<long long>(machine.shared.bytes()),
                 static_cast<long long>(damage));
        machine.fault = message;
    }
    if (machine.fault.empty()) machine.fault = text_of_races();
    return !machine.fault.empty();
}

// An access to pages that nothing may touch: out of shared memory, off a stack, or anywhere.
void on_signal(int number, siginfo_t* info, void*) {
    if (machine.current < 0) {
        std::signal(number, SIG_DFL);
        return;  // it happens again
    }
    char message[160];
    const void* address = info->si_addr;
    if (machine.shared.is_near(address))
        snprintf(message, sizeof(message), "accessed byte %lld of %lld bytes of shared memory",
                 static_cast<long long>(machine.shared.offset(address)),
                 static_cast<long long>(machine.shared.bytes()));
    else if (machine.stacks->contains(address))
        snprintf(message, sizeof(message), "its stack of %zu bytes overflowed", kStack);
    else
        snprintf(message, sizeof(message), "accessed %p, which is no memory", address);
    machine.fault = position_text() + message + "; " + whereabouts(machine.lane());
    machine.abandoned = true;
    siglongjmp(machine.escape, 1);
}

// Catches bad accesses while a grid runs; AddressSanitizer has its own report.
class Signals {
  public:
    Signals() {
        if (kAddressSanitizer) return;
        stack_t stack{};
        stack.ss_sp = memory_;
        stack.ss_size = sizeof(memory_);
        sigaltstack(&stack, &old_stack_);
        struct sigaction action{};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(SIGSEGV, &action, &old_segv_);
        sigaction(SIGBUS, &action, &old_bus_);
    }
    ~Signals() {
        if (kAddressSanitizer) return;
        sigaction(SIGSEGV, &old_segv_, nullptr);
        sigaction(SIGBUS, &old_bus_, nullptr);
        sigaltstack(&old_stack_, nullptr);
    }

  private:
    alignas(16) static inline char memory_[64 << 10];
    stack_t old_stack_{};
    struct sigaction old_segv_{}, old_bus_{};
};

// The numbers of those that run, in their order.
std::vector<uint32_t> block_order(dim3 grid, const std::vector<uint32_t>& only) {
    std::vector<uint32_t> order(only);
    if (only.empty()) {
        order.resize(static_cast<size_t>(grid.x) * grid.y * grid.z);
        std::iota(order.begin(), order.end(), 0u);
    }
    if (machine.order == Order::kReverse) std::reverse(order.begin(), order.end());
    if (machine.order == Order::kRandom) std::shuffle(order.begin(), order.end(), machine.random);
    return order;
}

}  // namespace

Counters launch_body(dim3 grid, dim3 block, int64_t shared_bytes, Body body, const void* closure,
                     LaunchOptions options) {
    static std::mutex mutex;
    static thread_local bool launching = false;
    if (launching) fail("a kernel cannot launch another");
    const std::lock_guard<std::mutex> lock(mutex);
    check_limits(grid, block, shared_bytes, options);
    read_order();
    adopt_thread(machine.main);
    make_lanes(block);
    machine.shared.reserve(shared_bytes);
    machine.body = body;
    machine.closure = closure;
    machine.counters = Counters{};
    machine.fault.clear();
    position.block_dim = block;
    position.grid_dim = grid;
    begin_launch_of_races();
    launching = true;
    {
        const Signals signals;
        for (const uint32_t index : block_order(grid, options.blocks))
            if (run_block(index)) break;
    }
    launching = false;
    end_launch_of_races();
    if (!machine.fault.empty()) throw Fault(machine.fault);
    return machine.counters;
}

void Counters::print() const {
    const struct {
        const char* name;
        int64_t value;
    } rows[] = {{"blocks", blocks},
                {"barriers", barriers},
                {"warp_syncs", warp_syncs},
                {"exchanges", exchanges},
                {"mma", mma},
                {"mma_tf32", mma_tf32},
                {"exp2", exp2},
                {"ldmatrix", ldmatrix},
                {"ldmatrix_phases", ldmatrix_phases},
                {"ldmatrix_wavefronts", ldmatrix_wavefronts},
                {"cp_async", cp_async},
                {"cp_async_read", cp_async_read},
                {"unwaited", unwaited},
                {"atomics", atomics},
                {"global_read", global_read},
                {"global_written", global_written},
                {"shared_read", shared_read},
                {"shared_written", shared_written},
                {"shared_phases", shared_phases},
                {"shared_wavefronts", shared_wavefronts},
                {"tiles", tiles}};
    for (const auto& row : rows) std::printf("%s %lld\n", row.name, static_cast<long long>(row.value));
}

}  // namespace nbv::simt
