#include "collectives.h"

#include "join.h"
#include "races.h"

namespace nbv::simt {
namespace {

// CUDA's manual: of what a warp does together only __syncwarp orders memory. Lanes that exchange values have met, but
// their stores need not have arrived.
constexpr bool kOrdersNothing = false;

struct ShuffleCall {
    Shuffle kind;
    int by, width;
    uint64_t bits, result;
};

struct BallotCall {
    bool vote;
    uint32_t result;
};

[[noreturn]] void fail_of_difference(const Lane& lane, const Lane& other) {
    fail("waits with mask 0x%08x at %s, but %s with mask 0x%08x at %s", lane.mask, text(lane.place), text(other),
         other.mask, text(other.place));
}

// Who waits for the same as the lane does. Two that wait for each other must agree in what and where; one that waits
// with others first may still come.
uint32_t find_company(const Lane& lane, Warp& warp) {
    const uint32_t mask = lane.mask, bit = 1u << (&lane - warp.lanes);
    if ((mask & warp.done) != 0) {
        const Lane& other = warp.lanes[__builtin_ctz(mask & warp.done)];
        fail("waits with mask 0x%08x at %s, but %s left the kernel %s", mask, text(lane.place), text(other),
             whereabouts(other));
    }
    uint32_t company = bit;
    for (uint32_t rest = warp.waiting & mask; rest != 0; rest &= rest - 1) {
        const Lane& other = warp.lanes[__builtin_ctz(rest)];
        if ((other.mask & bit) == 0) continue;
        if (other.mask != mask || other.exchange != lane.exchange) fail_of_difference(lane, other);
        if (company == bit && !same(other.place, lane.place)) fail_of_difference(lane, other);
        company |= rest & -rest;
    }
    return company;
}

void exchange_shuffle(Warp& warp, uint32_t mask) {
    for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
        const int id = __builtin_ctz(rest);
        ShuffleCall& call = *static_cast<ShuffleCall*>(warp.lanes[id].data);
        const int first = id & ~(call.width - 1), last = first + call.width - 1;
        int from = id;
        if (call.kind == Shuffle::kFrom) from = first + (call.by & (call.width - 1));
        // Whoever would reach out of its group keeps its own value; xor may reach into groups before.
        if (call.kind == Shuffle::kXor && (id ^ call.by) <= last) from = id ^ call.by;
        if (call.kind == Shuffle::kDown && id + call.by <= last) from = id + call.by;
        if (call.kind == Shuffle::kUp && id - call.by >= first) from = id - call.by;
        // Of a lane that takes no part, the value is undefined.
        const bool there = from >= 0 && from < kWarp && (mask >> from & 1u);
        call.result = there ? static_cast<ShuffleCall*>(warp.lanes[from].data)->bits : ~uint64_t{0};
    }
    ++machine.counters.exchanges;
}

void exchange_ballot(Warp& warp, uint32_t mask) {
    uint32_t votes = 0;
    for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
        const int id = __builtin_ctz(rest);
        if (static_cast<BallotCall*>(warp.lanes[id].data)->vote) votes |= 1u << id;
    }
    for (uint32_t rest = mask; rest != 0; rest &= rest - 1)
        static_cast<BallotCall*>(warp.lanes[__builtin_ctz(rest)].data)->result = votes;
    ++machine.counters.exchanges;
}

void exchange_nothing(Warp&, uint32_t) { ++machine.counters.warp_syncs; }

}  // namespace

void join(uint32_t mask, Exchange exchange, void* data, const Place& place, bool orders) {
    Lane& lane = machine.lane();
    Warp& warp = machine.warp();
    const uint32_t bit = 1u << machine.current % kWarp;
    if ((mask & bit) == 0) fail("is not in its own mask 0x%08x at %s", mask, text(place));
    lane.mask = mask & warp.present;  // a last warp may be short
    lane.exchange = exchange;
    lane.data = data;
    lane.place = place;
    lane.has_place = true;
    const uint32_t company = find_company(lane, warp);
    lane.state = State::kWarp;
    warp.waiting |= bit;
    uint32_t& ready = machine.ready[machine.current / kWarp];
    ready &= ~bit;
    mask = lane.mask;
    if (company == mask) {
        exchange(warp, mask);
        note_join(warp, mask, orders);
        warp.waiting &= ~mask;
        ready |= mask;
        for (uint32_t rest = mask; rest != 0; rest &= rest - 1) warp.lanes[__builtin_ctz(rest)].state = State::kReady;
    }
    pass_on();
}

void join_warp(const char* name, Exchange exchange, void* data, const Place& place) {
    if (machine.warp().present != ~0u) fail("%s at %s wants a warp of 32 lanes", name, text(place));
    join(~0u, exchange, data, place, kOrdersNothing);
}

void block_barrier(const Place& place) {
    Lane& lane = machine.lane();
    if (machine.done > 0)
        for (int i = 0; i < machine.threads; ++i)
            if (machine.lanes[i].state == State::kDone)
                fail("waits at the barrier at %s, but %s left the kernel %s", text(place), text(machine.lanes[i]),
                     whereabouts(machine.lanes[i]));
    if (machine.at_barrier == 0) machine.first_at_barrier = machine.current;
    const Lane& first = machine.lanes[machine.first_at_barrier];
    if (machine.at_barrier > 0 && !same(first.place, place))
        fail("waits at the barrier at %s, but %s at the barrier at %s", text(place), text(first), text(first.place));
    lane.place = place;
    lane.has_place = true;
    lane.state = State::kBarrier;
    lane.mask = 0;
    machine.ready[machine.current / kWarp] &= ~(1u << machine.current % kWarp);
    if (++machine.at_barrier == machine.threads) {
        machine.at_barrier = 0;
        ++machine.counters.barriers;
        end_epoch_of_races();
        for (int i = 0; i < machine.threads; ++i) {
            machine.lanes[i].state = State::kReady;
            machine.set_ready(i);
        }
    }
    pass_on();
}

void warp_barrier(uint32_t mask, const Place& place) { join(mask, exchange_nothing, nullptr, place, true); }

uint64_t shuffle(Shuffle kind, uint32_t mask, uint64_t bits, int by, int width, const Place& place) {
    if (width < 1 || width > kWarp || (width & (width - 1)) != 0)
        fail("a shuffle of width %d at %s: expected a power of two up to 32", width, text(place));
    ShuffleCall call{kind, by, width, bits, 0};
    join(mask, exchange_shuffle, &call, place, kOrdersNothing);
    return call.result;
}

uint32_t ballot(uint32_t mask, bool vote, const Place& place) {
    BallotCall call{vote, 0};
    join(mask, exchange_ballot, &call, place, kOrdersNothing);
    return call.result;
}

}  // namespace nbv::simt
