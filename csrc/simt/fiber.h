// Fibers: a stack of its own each, switched by hand. A lane of a kernel is one.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) || defined(NBV_SIMT_UCONTEXT)
#define NBV_SIMT_USES_UCONTEXT
#include <ucontext.h>
#endif

namespace nbv::simt {

struct Fiber {
    char* stack = nullptr;  // lowest address
    size_t stack_bytes = 0;
    void* fake_stack = nullptr;  // AddressSanitizer's
#ifdef NBV_SIMT_USES_UCONTEXT
    ucontext_t context;
#else
    void* pointer = nullptr;  // the stack pointer while another fiber runs
#endif
};

// The thread's own stack, as a fiber to switch back to.
void adopt_thread(Fiber& fiber);

// The next switch to the fiber calls `entry`, which must not return. What ran on it before is forgotten.
void start_fiber(Fiber& fiber, void (*entry)());

// Returns when another fiber switches back to `from`.
void switch_fiber(Fiber& from, Fiber& to);

// To be called first thing in `entry`.
void entered_fiber();

// Stacks with a page between them that nothing may touch, so that an overflow is a fault.
class Stacks {
  public:
    Stacks(size_t count, size_t bytes);
    ~Stacks();
    Stacks(const Stacks&) = delete;
    Stacks& operator=(const Stacks&) = delete;
    void give(size_t index, Fiber& fiber) const;
    bool contains(const void* address) const {
        return address >= memory_ && address < static_cast<const void*>(memory_ + size_);
    }

  private:
    char* memory_;
    size_t bytes_, size_;
};

}  // namespace nbv::simt
