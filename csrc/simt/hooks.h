// Plain loads and stores of kernels compiled with -fsanitize=thread. For the emulator's own sources.
#pragma once

namespace nbv::simt {

extern bool hooked;  // some source of the program was compiled so

// Counts what plain accesses to shared memory cost, at a barrier.
void count_touches();

}  // namespace nbv::simt
