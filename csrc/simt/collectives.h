// What lanes of a block or warp do together. Each call notes its place for reports.
#pragma once

#include <cstdint>
#include <cstring>
#include <source_location>

namespace nbv::simt {

using Place = std::source_location;

enum class Shuffle { kFrom, kXor, kDown, kUp };

void block_barrier(const Place& place);
void warp_barrier(uint32_t mask, const Place& place);
uint64_t shuffle(Shuffle kind, uint32_t mask, uint64_t bits, int by, int width, const Place& place);
uint32_t ballot(uint32_t mask, bool vote, const Place& place);

template <class T>
T shuffle_value(Shuffle kind, uint32_t mask, T value, int by, int width, const Place& place) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles take values of 4 or 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = shuffle(kind, mask, bits, by, width, place);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

}  // namespace nbv::simt

#define NBV_HERE const std::source_location& place = std::source_location::current()

inline void __syncthreads(NBV_HERE) { nbv::simt::block_barrier(place); }
inline void __syncwarp(uint32_t mask = 0xFFFFFFFFu, NBV_HERE) { nbv::simt::warp_barrier(mask, place); }

template <class T>
T __shfl_sync(uint32_t mask, T value, int lane, int width = 32, NBV_HERE) {
    return nbv::simt::shuffle_value(nbv::simt::Shuffle::kFrom, mask, value, lane, width, place);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lanes, int width = 32, NBV_HERE) {
    return nbv::simt::shuffle_value(nbv::simt::Shuffle::kXor, mask, value, lanes, width, place);
}
template <class T>
T __shfl_down_sync(uint32_t mask, T value, unsigned by, int width = 32, NBV_HERE) {
    return nbv::simt::shuffle_value(nbv::simt::Shuffle::kDown, mask, value, static_cast<int>(by), width, place);
}
template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned by, int width = 32, NBV_HERE) {
    return nbv::simt::shuffle_value(nbv::simt::Shuffle::kUp, mask, value, static_cast<int>(by), width, place);
}

inline unsigned __ballot_sync(uint32_t mask, int vote, NBV_HERE) { return nbv::simt::ballot(mask, vote != 0, place); }
inline int __any_sync(uint32_t mask, int vote, NBV_HERE) { return nbv::simt::ballot(mask, vote != 0, place) != 0; }
inline int __all_sync(uint32_t mask, int vote, NBV_HERE) { return nbv::simt::ballot(mask, vote == 0, place) == 0; }
