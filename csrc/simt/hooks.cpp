// What -fsanitize=thread makes of every load and store is a call; these are our own functions of the names that it
// calls, in place of its library's. Link kernels so compiled without the option.
#include "hooks.h"

#include <algorithm>
#include <tuple>

#include "machine.h"
#include "position.h"
#include "races.h"
#include "symbols.h"

namespace nbv::simt {

bool hooked = false;

namespace {

struct Touch {
    const void* code;
    int lane, turn;  // turn: how many times the lane was here since the barrier
    int64_t offset;
    int64_t bytes;
};
std::vector<Touch> touches;

// What a lane keeps to itself: its stack, its indices, the arguments, which the launching thread holds.
bool is_private(const void* address) {
    const char* at = static_cast<const char*>(address);
    const char* indices = reinterpret_cast<const char*>(&position);
    return machine.stacks->contains(at) || (at >= indices && at < indices + sizeof(position)) ||
           (at >= machine.main.stack && at < machine.main.stack + machine.main.stack_bytes);
}

void on_access(const void* address, size_t bytes, bool write, const void* code) {
    // No stacks: before main, when the machine itself may not be made yet.
    if (machine.stacks == nullptr || machine.current < 0 || is_private(address)) return;
    Counters& counters = machine.counters;
    const int64_t count = static_cast<int64_t>(bytes);
    if (machine.shared.is_near(address)) {
        const int64_t offset = machine.shared.offset(address);
        if (!machine.shared.holds(address, count))
            fail("accesses byte %lld of %lld bytes of shared memory at %s", static_cast<long long>(offset),
                 static_cast<long long>(machine.shared.bytes()), line_of(code).c_str());
        (write ? counters.shared_written : counters.shared_read) += count;
        touches.push_back({code, machine.current, 0, offset, count});
    } else {
        (write ? counters.global_written : counters.global_read) += count;
    }
    note_access(address, bytes, write ? Kind::kWrite : Kind::kRead, {code, {}});
}

// Turns that lanes need together: the most different words in one of 32 banks.
int wavefronts(const Touch* first, const Touch* last) {
    std::vector<int64_t> words;
    for (; first != last; ++first)
        for (int64_t word = first->offset / 4; word <= (first->offset + first->bytes - 1) / 4; ++word)
            words.push_back(word);
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    int hits[32] = {}, most = 0;
    for (const int64_t word : words) most = std::max(most, ++hits[word % 32]);
    return most;
}

}  // namespace

void count_touches() {
    auto by_lane = [](const Touch& a, const Touch& b) { return std::tie(a.code, a.lane) < std::tie(b.code, b.lane); };
    std::stable_sort(touches.begin(), touches.end(), by_lane);
    for (size_t i = 1; i < touches.size(); ++i)
        if (touches[i].code == touches[i - 1].code && touches[i].lane == touches[i - 1].lane)
            touches[i].turn = touches[i - 1].turn + 1;
    // Lanes that go together: 32 by up to 4 bytes, 16 by 8, 8 by 16.
    auto phase = [](const Touch& t) {
        const int lanes = t.bytes <= 4 ? 32 : t.bytes <= 8 ? 16 : 8;
        return std::tuple(t.code, t.turn, t.lane / lanes);
    };
    std::stable_sort(touches.begin(), touches.end(),
                     [&](const Touch& a, const Touch& b) { return phase(a) < phase(b); });
    for (size_t first = 0, last = 0; first < touches.size(); first = last) {
        while (last < touches.size() && phase(touches[last]) == phase(touches[first])) ++last;
        ++machine.counters.shared_phases;
        machine.counters.shared_wavefronts += wavefronts(&touches[first], touches.data() + last);
    }
    touches.clear();
}

}  // namespace nbv::simt

#define NBV_HOOK(name, bytes, write)                                              \
    extern "C" void __tsan_##name(void* address) {                                \
        nbv::simt::on_access(address, bytes, write, __builtin_return_address(0)); \
    }
#define NBV_HOOKS(bytes)                          \
    NBV_HOOK(read##bytes, bytes, false)           \
    NBV_HOOK(write##bytes, bytes, true)           \
    NBV_HOOK(volatile_read##bytes, bytes, false)  \
    NBV_HOOK(volatile_write##bytes, bytes, true)  \
    NBV_HOOK(unaligned_read##bytes, bytes, false) \
    NBV_HOOK(unaligned_write##bytes, bytes, true)
NBV_HOOKS(1)
NBV_HOOKS(2)
NBV_HOOKS(4)
NBV_HOOKS(8)
NBV_HOOKS(16)

extern "C" {
void __tsan_read_range(void* address, size_t bytes) {
    nbv::simt::on_access(address, bytes, false, __builtin_return_address(0));
}
void __tsan_write_range(void* address, size_t bytes) {
    nbv::simt::on_access(address, bytes, true, __builtin_return_address(0));
}
void __tsan_init() { nbv::simt::hooked = true; }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void*) {}
void __tsan_vptr_update(void*, void*) {}
// Of guards of static variables.
unsigned char __tsan_atomic8_load(const volatile unsigned char* from, int) {
    return __atomic_load_n(from, __ATOMIC_SEQ_CST);
}
}
