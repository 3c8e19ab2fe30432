// Shared memory, asynchronous copies into it, and atomics.
#pragma once

#include <cstdint>
#include <source_location>

#include "collectives.h"

namespace nbv::simt {

unsigned char* shared_memory();

// 4 or 16 bytes, or zeros where `predicate` is false. Whoever looks before the wait sees NaN.
void async_copy(void* to, const void* from, int bytes, bool predicate, const Place& place);
void async_commit();
// Until all but the last `pending` groups of this lane have arrived.
void async_wait(int pending);

void note_atomic(const void* address, int64_t bytes, const Place& place);
void add_tiles(int64_t count);
void add_exp2();

// Its own loads and stores are no plain accesses.
template <class T>
__attribute__((no_sanitize_thread)) T atomic_add(T* to, T value, const Place& place) {
    note_atomic(to, sizeof(T), place);
    const T old = *to;
    *to = old + value;
    return old;
}

}  // namespace nbv::simt

inline int atomicAdd(int* to, int value, NBV_HERE) { return nbv::simt::atomic_add(to, value, place); }
inline unsigned atomicAdd(unsigned* to, unsigned value, NBV_HERE) { return nbv::simt::atomic_add(to, value, place); }
inline float atomicAdd(float* to, float value, NBV_HERE) { return nbv::simt::atomic_add(to, value, place); }
