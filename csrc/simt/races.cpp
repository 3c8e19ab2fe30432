#include "races.h"

#include <algorithm>
#include <cstdio>

#include "hooks.h"
#include "position.h"
#include "shadow.h"
#include "symbols.h"

namespace nbv::simt {
namespace {

constexpr size_t kMostRaces = 8;

struct Access {
    int lane;
    uint32_t stamp;  // of the warp
    Kind kind;
    Where where;
};

struct Race {
    Access first, second;
    bool other_block;  // the first is of a block before, of which nothing more is kept
    uint3 block;
    const void* address;
    int64_t shared_offset;  // or -1
};

Shadow shadow;
std::vector<Access> log;  // since the last barrier; log[0] has number epoch_start
std::vector<Race> races;
std::vector<uint8_t> under_way;  // copies to each word of 4 bytes of shared memory
Id next_id = 1, epoch_start = 1, block_start = 1;

bool same_line(const Where& a, const Where& b) {
    return a.code == b.code && (a.code != nullptr || same(a.place, b.place));
}

void add_race(const Access* first, const Access& second, const void* address, int64_t offset) {
    Race race{first ? *first : second, second, first == nullptr, position.block, address, offset};
    for (const Race& known : races)
        if (same_line(known.first.where, race.first.where) && same_line(known.second.where, race.second.where)) return;
    if (races.size() < kMostRaces) races.push_back(race);
}

// One byte of an access, against what is known of it.
class Check {
  public:
    Check(const Access& access, Id id, bool shared, const uint32_t* known)
        : access_(access), id_(id), shared_(shared), known_(known) {}

    void touch(Cell& cell, const void* address, int64_t offset) {
        address_ = address;
        offset_ = offset;
        const bool both_atomic = access_.kind == Kind::kAtomic && (cell.write & kAtomicBit) != 0;
        if (!both_atomic) compare(cell.write & ~kAtomicBit);
        if (access_.kind == Kind::kRead) {
            read(cell);
            return;
        }
        compare_readers(cell);
        compare(cell.other);
        cell = {access_.kind == Kind::kAtomic ? id_ | kAtomicBit : id_, 0, 0, 0};
    }

  private:
    bool is_of_other_block(Id id) const { return id != 0 && id < block_start && !shared_; }
    bool is_recent(Id id) const { return id >= epoch_start; }
    bool is_of_my_warp(const Access& other) const { return other.lane / kWarp == access_.lane / kWarp; }

    void compare(Id id) {
        if (is_of_other_block(id)) return add_race(nullptr, access_, address_, offset_);
        if (id == id_ || !is_recent(id)) return;
        const Access& other = log[id - epoch_start];
        if (other.lane == access_.lane) return;
        if (is_of_my_warp(other) && known_[other.lane % kWarp] > other.stamp) return;
        add_race(&other, access_, address_, offset_);
    }

    void compare_readers(const Cell& cell) {
        if (!is_recent(cell.read) || !is_of_my_warp(log[cell.read - epoch_start])) return compare(cell.read);
        Access other = log[cell.read - epoch_start];
        for (uint32_t rest = cell.readers; rest != 0; rest &= rest - 1) {
            const int lane = __builtin_ctz(rest);
            if (lane == access_.lane % kWarp || known_[lane] > other.stamp) continue;
            other.lane = access_.lane / kWarp * kWarp + lane;
            return add_race(&other, access_, address_, offset_);
        }
    }

    void read(Cell& cell) {
        const uint32_t bit = 1u << access_.lane % kWarp;
        if (is_recent(cell.read) && is_of_my_warp(log[cell.read - epoch_start])) {
            if (cell.read == id_) return;
            const uint32_t stamp = log[cell.read - epoch_start].stamp;
            bool all_before = true;
            for (uint32_t rest = cell.readers & ~bit; rest != 0 && all_before; rest &= rest - 1)
                all_before = known_[__builtin_ctz(rest)] > stamp;
            cell.readers = all_before ? bit : cell.readers | bit;
        } else {
            const bool keeps = is_of_other_block(cell.other);
            if (!keeps && (is_of_other_block(cell.read) || is_recent(cell.read))) cell.other = cell.read;
            cell.readers = bit;
        }
        cell.read = id_;
    }

    const Access& access_;
    const Id id_;
    const bool shared_;
    const uint32_t* known_;
    const void* address_ = nullptr;
    int64_t offset_ = -1;
};

const Copy* find_copy(const unsigned char* byte) {
    for (const Lane& lane : machine.lanes)
        for (const Copy& copy : lane.copies)
            if (byte >= copy.to && byte < copy.to + copy.bytes) return &copy;
    return nullptr;
}

void check_under_way(int64_t offset, size_t bytes, const Where& where) {
    for (int64_t word = offset / 4; word <= (offset + static_cast<int64_t>(bytes) - 1) / 4; ++word) {
        if (under_way[word] == 0) continue;
        const Copy* copy = find_copy(machine.shared.begin() + 4 * word);
        fail("accesses byte %lld of shared memory at %s before the wait for the cp.async at %s",
             static_cast<long long>(offset), where.code ? line_of(where.code).c_str() : text(where.place),
             copy ? text(copy->place) : "?");
    }
}

const char* name_of(Kind kind) {
    return kind == Kind::kRead ? "reads" : kind == Kind::kWrite ? "writes" : "atomically adds to";
}

std::string line_text(const Where& where) { return where.code ? line_of(where.code) : text(where.place); }

}  // namespace

void note_access(const void* address, size_t bytes, Kind kind, const Where& where) {
    if (!hooked || bytes == 0) return;
    const bool shared = machine.shared.holds(address, bytes);
    const int64_t offset = shared ? machine.shared.offset(address) : -1;
    if (shared) check_under_way(offset, bytes, where);
    const Warp& warp = machine.warp();
    const Id id = next_id++;
    if (next_id == kAtomicBit) fail("too many accesses for one launch with hooks");
    log.push_back({machine.current, warp.stamp, kind, where});
    const Access access = log.back();
    Check check(access, id, shared, warp.known[machine.current % kWarp]);
    for (size_t i = 0; i < bytes; ++i) {
        const char* byte = static_cast<const char*>(address) + i;
        check.touch(*(shared ? shadow.shared(offset + i) : shadow.global(byte)), byte, shared ? offset + i : -1);
    }
}

void note_departure(const void* to, int bytes) {
    if (!hooked) return;
    for (int i = 0; i < bytes; i += 4) ++under_way[(machine.shared.offset(to) + i) / 4];
}

void note_arrival(const void* to, int bytes) {
    if (!hooked) return;
    for (int i = 0; i < bytes; i += 4) --under_way[(machine.shared.offset(to) + i) / 4];
}

void note_join(Warp& warp, uint32_t mask, bool orders) {
    if (!hooked || !orders) return;
    ++warp.stamp;
    uint32_t all[kWarp] = {};
    for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
        const uint32_t* known = warp.known[__builtin_ctz(rest)];
        for (int i = 0; i < kWarp; ++i) all[i] = std::max(all[i], known[i]);
    }
    for (uint32_t rest = mask; rest != 0; rest &= rest - 1) all[__builtin_ctz(rest)] = warp.stamp;
    for (uint32_t rest = mask; rest != 0; rest &= rest - 1)
        std::copy(all, all + kWarp, warp.known[__builtin_ctz(rest)]);
}

void begin_launch_of_races() {
    if (!hooked) return;
    next_id = epoch_start = block_start = 1;
    shadow.clear(machine.shared.bytes());
    races.clear();
}

void begin_block_of_races() {
    if (!hooked) return;
    block_start = next_id;
    under_way.assign(machine.shared.bytes() / 4 + 1, 0);
}

void end_epoch_of_races() {
    if (!hooked) return;
    epoch_start = next_id;
    log.clear();
    count_touches();
}

void end_launch_of_races() {
    if (hooked) shadow.clear(0);
}

std::string text_of_races() {
    std::string all;
    for (const Race& race : races) {
        char where[160], memory[64];
        if (race.shared_offset >= 0)
            snprintf(memory, sizeof(memory), "byte %lld of shared memory", static_cast<long long>(race.shared_offset));
        else
            snprintf(memory, sizeof(memory), "global memory at %p", race.address);
        snprintf(where, sizeof(where), "block (%u, %u, %u): race on %s: ", race.block.x, race.block.y, race.block.z,
                 memory);
        if (!all.empty()) all += '\n';
        all += where;
        const Lane& second = machine.lanes[race.second.lane];
        if (race.other_block)
            all += "another block accessed it";
        else
            all += std::string(text(machine.lanes[race.first.lane])) + ' ' + name_of(race.first.kind) + " at " +
                   line_text(race.first.where);
        all += std::string(", ") + text(second) + ' ' + name_of(race.second.kind) + " at " +
               line_text(race.second.where) + " without a barrier between them";
    }
    return all;
}

}  // namespace nbv::simt
