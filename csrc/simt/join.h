// How lanes of a warp meet. For the emulator's own sources.
#pragma once

#include "machine.h"

namespace nbv::simt {

// Waits until all lanes of `mask` are here with the same exchange, which the last to come runs for all of them.
// `orders`: what one did before, others see afterwards.
void join(uint32_t mask, Exchange exchange, void* data, const Place& place, bool orders);
// Of the whole warp, as instructions that end in .sync.aligned want it.
void join_warp(const char* name, Exchange exchange, void* data, const Place& place);

}  // namespace nbv::simt
