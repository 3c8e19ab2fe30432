#include "memory.h"

#include <cstring>

#include "machine.h"
#include "races.h"

namespace nbv::simt {
namespace {

void arrive(const Copy& copy) {
    note_arrival(copy.to, copy.bytes);
    note_access(copy.to, copy.bytes, Kind::kWrite, {nullptr, copy.place});
    std::memcpy(copy.to, copy.data, copy.bytes);
}

}  // namespace

unsigned char* shared_memory() { return machine.shared.begin(); }

void async_copy(void* to, const void* from, int bytes, bool predicate, const Place& place) {
    Lane& lane = machine.lane();
    const auto at = reinterpret_cast<uintptr_t>(to), source = reinterpret_cast<uintptr_t>(from);
    if (!machine.shared.holds(to, bytes))
        fail("cp.async at %s writes byte %lld of %lld bytes of shared memory", text(place),
             static_cast<long long>(machine.shared.offset(to)), static_cast<long long>(machine.shared.bytes()));
    if (at % bytes != 0 || source % bytes != 0)
        fail("cp.async at %s from %p to byte %lld of shared memory: both must be multiples of %d", text(place), from,
             static_cast<long long>(machine.shared.offset(to)), bytes);
    Copy copy{static_cast<unsigned char*>(to), {}, bytes, lane.group, place};
    if (predicate) {
        note_access(from, bytes, Kind::kRead, {nullptr, place});
        std::memcpy(copy.data, from, bytes);
        machine.counters.global_read += bytes;
        machine.counters.cp_async_read += bytes;
    }
    note_access(to, bytes, Kind::kWrite, {nullptr, place});
    note_departure(to, bytes);
    std::memset(to, 0xFF, bytes);
    lane.copies.push_back(copy);
    ++machine.counters.cp_async;
    machine.counters.shared_written += bytes;
}

void async_commit() { ++machine.lane().group; }

void async_wait(int pending) {
    Lane& lane = machine.lane();
    const int64_t arrived = lane.group - pending;  // groups below this one
    size_t count = 0;
    for (; count < lane.copies.size() && lane.copies[count].group < arrived; ++count) arrive(lane.copies[count]);
    lane.copies.erase(lane.copies.begin(), lane.copies.begin() + count);
}

void note_atomic(const void* address, int64_t bytes, const Place& place) {
    const bool shared = machine.shared.is_near(address);
    if (shared && !machine.shared.holds(address, bytes))
        fail("an atomic at %s on byte %lld of %lld bytes of shared memory", text(place),
             static_cast<long long>(machine.shared.offset(address)), static_cast<long long>(machine.shared.bytes()));
    note_access(address, bytes, Kind::kAtomic, {nullptr, place});
    Counters& counters = machine.counters;
    ++counters.atomics;
    (shared ? counters.shared_read : counters.global_read) += bytes;
    (shared ? counters.shared_written : counters.global_written) += bytes;
}

void add_tiles(int64_t count) { machine.counters.tiles += count; }

void add_exp2() { ++machine.counters.exp2; }

}  // namespace nbv::simt
