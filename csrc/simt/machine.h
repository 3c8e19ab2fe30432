// The state of one launch: lanes, warps and the block that runs. For the emulator's own sources.
#pragma once

#include <csetjmp>
#include <cstdint>
#include <memory>
#include <random>
#include <source_location>
#include <string>
#include <vector>

#include "counters.h"
#include "fiber.h"
#include "launch.h"
#include "shared.h"

namespace nbv::simt {

using Place = std::source_location;

constexpr int kWarp = 32;
constexpr int kMaxThreads = 1024;

enum class State : uint8_t { kReady, kBarrier, kWarp, kDone };

struct Warp;
using Exchange = void (*)(Warp& warp, uint32_t mask);

// A cp.async on its way.
struct Copy {
    unsigned char* to;
    unsigned char data[16];
    int bytes;
    int64_t group;
    Place place;
};

struct Lane {
    Fiber fiber;
    uint3 thread;
    State state = State::kDone;
    Place place;  // of the collective that it waits at, or was at last
    bool has_place = false;
    uint32_t mask = 0;            // at a collective of the warp: who takes part,
    Exchange exchange = nullptr;  // what it does
    void* data = nullptr;         // and with what
    std::vector<Copy> copies;
    int64_t group = 0;  // of the copies that are not committed
};

struct Warp {
    Lane* lanes = nullptr;
    uint32_t present = 0, waiting = 0, done = 0;
    uint32_t stamp = 0;            // counts collectives
    uint32_t known[kWarp][kWarp];  // [a][b]: until which stamp lane a has seen what lane b did
};

enum class Order { kForward, kReverse, kRandom };

struct Machine {
    Fiber main;
    std::unique_ptr<Stacks> stacks;
    std::vector<Lane> lanes;
    std::vector<Warp> warps;
    std::vector<uint32_t> ready;  // a bit per lane
    int threads = 0, current = -1, done = 0, at_barrier = 0, first_at_barrier = 0;
    bool abandoned = true;  // stacks hold what will never end
    int pooled = 0;
    Body body = nullptr;
    const void* closure = nullptr;
    SharedMemory shared;
    Counters counters;
    Order order = Order::kForward;
    std::minstd_rand random;
    unsigned patience = 1;  // in random order: how long a warp is likely to go on, drawn for each block
    std::string fault;
    sigjmp_buf escape;

    Lane& lane() { return lanes[current]; }
    Warp& warp() { return warps[current / kWarp]; }
    void set_ready(int lane) { ready[lane / kWarp] |= 1u << lane % kWarp; }
};

extern Machine machine;

// Lets others run until this lane is ready and it is its turn.
void pass_on();
// The lane has left the kernel.
void finish_lane();
// A fault of the running lane, or of the launch: ends the launch, which throws it.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
// "file:line" of a place; "thread (x, y, z)" of a lane. Kept until a few calls later.
const char* text(const Place& place);
const char* text(const Lane& lane);
const char* whereabouts(const Lane& lane);
bool same(const Place& a, const Place& b);
// What to add to a fault: the block and thread that run.
std::string position_text();

}  // namespace nbv::simt
