// Who touched which bytes, and whether anything orders two touches. On only where a kernel is compiled with hooks
// (hooks.cpp). For the emulator's own sources.
#pragma once

#include <cstddef>
#include <string>

#include "machine.h"

namespace nbv::simt {

enum class Kind : uint8_t { kRead, kWrite, kAtomic };

// The line of an access: an address of code, or a place.
struct Where {
    const void* code = nullptr;
    Place place;
};

// A running lane touches memory: compared with what others did to the same bytes.
void note_access(const void* address, size_t bytes, Kind kind, const Where& where);
// A cp.async is issued; is there. Between the two nobody may touch where it goes.
void note_departure(const void* to, int bytes);
void note_arrival(const void* to, int bytes);
// Lanes of a warp have met.
void note_join(Warp& warp, uint32_t mask, bool orders);

void begin_launch_of_races();
void begin_block_of_races();
void end_epoch_of_races();  // at a barrier of the block, or its end
void end_launch_of_races();
std::string text_of_races();  // empty if there were none

}  // namespace nbv::simt
