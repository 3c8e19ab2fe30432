// Random programs of reads, writes and barriers: hooks find a race exactly where the definition has one, which compares
// every two accesses by vector clocks.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "../../csrc/cuda/common/gpu.h"

namespace {

using namespace nbv;

constexpr int kActive[] = {0, 1, 2, 32};  // lanes that access memory: three of a warp, one of another
constexpr int kActors = 4;

struct Access {
    int offset, bytes;
    bool write;
};

enum class Sync { kNone, kPair, kRest, kBothGroups, kWarp, kBlock };

struct Round {
    std::vector<Access> accesses[kActors];
    Sync sync;
};

using Program = std::vector<Round>;

Program make_program(std::mt19937& random) {
    Program program(2 + random() % 5);
    const unsigned writes = 1 + random() % 4;
    for (Round& round : program) {
        for (auto& accesses : round.accesses)
            for (unsigned i = random() % 2; i > 0; --i) {
                const int bytes = 1 << random() % 2;
                accesses.push_back({static_cast<int>(random() % 8) / bytes * bytes, bytes, random() % 8 < writes});
            }
        round.sync = static_cast<Sync>(random() % 6);
    }
    return program;
}

void touch(unsigned char* memory, const Access& access) {
    if (access.bytes == 1) {
        volatile uint8_t* at = memory + access.offset;
        if (access.write)
            *at = 1;
        else
            (void)*at;
    } else {
        volatile uint16_t* at = reinterpret_cast<uint16_t*>(memory + access.offset);
        if (access.write)
            *at = 1;
        else
            (void)*at;
    }
}

void run_program(const Program& program) {
    NBV_SHARED(memory);
    const int thread = static_cast<int>(threadIdx.x);
    for (const Round& round : program) {
        for (int actor = 0; actor < kActors; ++actor)
            if (kActive[actor] == thread)
                for (const Access& access : round.accesses[actor]) touch(memory, access);
        const bool pair = thread < 2, rest = thread >= 2 && thread < 32;
        if (pair && (round.sync == Sync::kPair || round.sync == Sync::kBothGroups)) __syncwarp(0x3u);
        if (rest && (round.sync == Sync::kRest || round.sync == Sync::kBothGroups)) __syncwarp(~0x3u);
        if (thread < 32 && round.sync == Sync::kWarp) __syncwarp();
        if (round.sync == Sync::kBlock) __syncthreads();
    }
}

struct Event {
    Access access;
    int actor, time;
};

bool has_race(const Program& program) {
    int clock[kActors][kActors] = {};
    std::vector<Event> events;
    bool race = false;
    const auto meet = [&](std::initializer_list<int> actors) {
        int all[kActors] = {};
        for (const int actor : actors) {
            ++clock[actor][actor];
            for (int i = 0; i < kActors; ++i) all[i] = std::max(all[i], clock[actor][i]);
        }
        for (const int actor : actors) std::copy(all, all + kActors, clock[actor]);
    };
    for (const Round& round : program) {
        for (int actor = 0; actor < kActors; ++actor)
            for (const Access& access : round.accesses[actor]) {
                for (const Event& event : events) {
                    const Access& other = event.access;
                    const bool overlap =
                        access.offset < other.offset + other.bytes && other.offset < access.offset + access.bytes;
                    race |= overlap && (access.write || other.write) && event.actor != actor &&
                            clock[actor][event.actor] <= event.time;
                }
                events.push_back({access, actor, clock[actor][actor]});
            }
        if (round.sync == Sync::kPair || round.sync == Sync::kBothGroups) meet({0, 1});
        if (round.sync == Sync::kRest || round.sync == Sync::kBothGroups) meet({2});
        if (round.sync == Sync::kWarp) meet({0, 1, 2});
        if (round.sync == Sync::kBlock) meet({0, 1, 2, 3});
    }
    return race;
}

}  // namespace

int main(int count, char** arguments) {
    const int programs = count > 1 ? std::atoi(arguments[1]) : 3000;
    int racy = 0, missed = 0, invented = 0;
    for (int seed = 0; seed < programs; ++seed) {
        std::mt19937 random(seed);
        const auto program = std::make_unique<Program>(make_program(random));
        bool found = false;
        try {
            simt::launch({1}, {64}, 8, [&] { run_program(*program); });
        } catch (const simt::Fault&) {
            found = true;
        }
        const bool race = has_race(*program);
        racy += race;
        missed += race && !found;
        invented += found && !race;
    }
    std::printf("%d of %d racy, %d missed, %d invented\n", racy, programs, missed, invented);
    return 0;
}
