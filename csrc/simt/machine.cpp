// Whose turn it is, and what ends a launch.
#include "machine.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "position.h"

namespace nbv::simt {

constinit Position position;
Machine machine;

namespace {

// A ready lane; -1 if there is none. In order it is the first or last, so that a warp runs ahead of the others until
// something holds it: what holds it too late shows.
int next_ready() {
    const std::vector<uint32_t>& ready = machine.ready;
    const int words = static_cast<int>(ready.size());
    if (machine.order == Order::kReverse) {
        for (int word = words - 1; word >= 0; --word)
            if (ready[word] != 0) return word * kWarp + kWarp - 1 - __builtin_clz(ready[word]);
        return -1;
    }
    int start = 0;
    if (machine.order == Order::kRandom) {
        int lane = static_cast<int>(machine.random() % (words * kWarp));
        const bool stays = machine.random() % machine.patience != 0;
        if (stays && ready[machine.current / kWarp] != 0) lane = machine.current / kWarp * kWarp + lane % kWarp;
        const uint32_t after = ready[lane / kWarp] >> lane % kWarp;
        if (after != 0) return lane + __builtin_ctz(after);
        start = lane / kWarp;
    }
    for (int step = 0; step < words; ++step) {
        const int word = (start + step) % words;
        if (ready[word] != 0) return word * kWarp + __builtin_ctz(ready[word]);
    }
    return -1;
}

[[noreturn]] void fail_of_deadlock() {
    const Lane* first = nullptr;
    for (const Lane& lane : machine.lanes) {
        if (&lane - machine.lanes.data() >= machine.threads || lane.state == State::kDone) continue;
        if (first == nullptr) first = &lane;
        if (lane.state != first->state || lane.mask != first->mask || !same(lane.place, first->place))
            fail("lanes wait for each other: %s waits at %s, %s at %s", text(*first), text(first->place), text(lane),
                 text(lane.place));
    }
    fail("%s waits at %s for lanes that never come", text(*first), text(first->place));
}

}  // namespace

void pass_on() {
    const int from = machine.current, next = next_ready();
    if (next == from) return;
    if (next < 0) {
        if (machine.done < machine.threads) fail_of_deadlock();
        machine.current = -1;
        switch_fiber(machine.lanes[from].fiber, machine.main);
        return;  // in the next block
    }
    machine.current = next;
    position.thread = machine.lanes[next].thread;
    switch_fiber(machine.lanes[from].fiber, machine.lanes[next].fiber);
}

void finish_lane() {
    Lane& lane = machine.lane();
    Warp& warp = machine.warp();
    machine.counters.unwaited += lane.copies.size();
    lane.copies.clear();
    if (machine.at_barrier > 0) {
        const Lane& other = machine.lanes[machine.first_at_barrier];
        fail("left the kernel %s, but %s waits at the barrier at %s", whereabouts(lane), text(other),
             text(other.place));
    }
    const uint32_t bit = 1u << machine.current % kWarp;
    for (uint32_t waiting = warp.waiting; waiting != 0; waiting &= waiting - 1) {
        const Lane& other = warp.lanes[__builtin_ctz(waiting)];
        if (other.mask & bit)
            fail("left the kernel %s, but %s waits for it with mask 0x%08x at %s", whereabouts(lane), text(other),
                 other.mask, text(other.place));
    }
    lane.state = State::kDone;
    warp.done |= bit;
    ++machine.done;
    machine.ready[machine.current / kWarp] &= ~bit;
    pass_on();
}

void fail(const char* format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (machine.current < 0) throw Fault(message);
    machine.fault = position_text();
    machine.fault += message;
    machine.abandoned = true;
    const int from = machine.current;
    machine.current = -1;
    switch_fiber(machine.lanes[from].fiber, machine.main);
    __builtin_unreachable();
}

std::string position_text() {
    char where[128];
    const uint3 block = position.block;
    snprintf(where, sizeof(where), "block (%u, %u, %u), %s: ", block.x, block.y, block.z, text(machine.lane()));
    return where;
}

// Texts are written in turn into a few buffers: no memory of a lane's is left behind when it is abandoned.
static char* next_buffer() {
    static char buffers[8][320];
    static unsigned turn = 0;
    return buffers[turn++ % 8];
}

const char* text(const Place& place) {
    char* buffer = next_buffer();
    const char* file = std::strrchr(place.file_name(), '/');
    snprintf(buffer, 320, "%s:%u", file ? file + 1 : place.file_name(), static_cast<unsigned>(place.line()));
    return buffer;
}

const char* text(const Lane& lane) {
    char* buffer = next_buffer();
    snprintf(buffer, 320, "thread (%u, %u, %u)", lane.thread.x, lane.thread.y, lane.thread.z);
    return buffer;
}

const char* whereabouts(const Lane& lane) {
    if (!lane.has_place) return "before any barrier";
    char* buffer = next_buffer();
    snprintf(buffer, 320, "after %s", text(lane.place));
    return buffer;
}

bool same(const Place& a, const Place& b) {
    return a.line() == b.line() && a.column() == b.column() &&
           (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

}  // namespace nbv::simt
