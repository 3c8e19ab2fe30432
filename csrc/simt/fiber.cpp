#include "fiber.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "sanitizer.h"

#ifndef NBV_SIMT_USES_UCONTEXT
// Saves what a called function must keep, on the stack itself: 20 ns where swapcontext, which asks the kernel for the
// signal mask, takes 250.
extern "C" void nbv_simt_switch(void** from, void* to);
asm(R"(
    .text
    .globl nbv_simt_switch
    .hidden nbv_simt_switch
    .type nbv_simt_switch, @function
nbv_simt_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size nbv_simt_switch, . - nbv_simt_switch
)");
#endif

namespace nbv::simt {

void adopt_thread(Fiber& fiber) {
    static thread_local char* stack =
        nullptr;  // looked up once: for the first thread that reads all of /proc/self/maps
    static thread_local size_t bytes = 0;
    if (stack == nullptr) {
        pthread_attr_t attributes;
        void* lowest = nullptr;
        if (pthread_getattr_np(pthread_self(), &attributes) != 0) std::abort();
        pthread_attr_getstack(&attributes, &lowest, &bytes);
        pthread_attr_destroy(&attributes);
        stack = static_cast<char*>(lowest);
    }
    fiber.stack = stack;
    fiber.stack_bytes = bytes;
}

void start_fiber(Fiber& fiber, void (*entry)()) {
    ASAN_UNPOISON_MEMORY_REGION(fiber.stack, fiber.stack_bytes);
    fiber.fake_stack = nullptr;
#ifdef NBV_SIMT_USES_UCONTEXT
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = fiber.stack_bytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
#else
    void** top = reinterpret_cast<void**>(fiber.stack + fiber.stack_bytes);
    *--top = nullptr;  // ends a debugger's walk, and leaves the alignment that a call does
    *--top = reinterpret_cast<void*>(entry);
    for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
    fiber.pointer = top;
#endif
}

void switch_fiber(Fiber& from, Fiber& to) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
#ifdef NBV_SIMT_USES_UCONTEXT
    swapcontext(&from.context, &to.context);
#else
    nbv_simt_switch(&from.pointer, to.pointer);
#endif
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void entered_fiber() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

Stacks::Stacks(size_t count, size_t bytes) : bytes_(bytes) {
    const size_t page = sysconf(_SC_PAGESIZE), each = bytes + page;
    size_ = count * each;
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    memory_ = static_cast<char*>(memory);
    for (size_t i = 0; i < count; ++i)
        if (mprotect(memory_ + i * each, page, PROT_NONE) != 0) std::abort();
}

Stacks::~Stacks() {
    ASAN_UNPOISON_MEMORY_REGION(memory_, size_);
    munmap(memory_, size_);
}

void Stacks::give(size_t index, Fiber& fiber) const {
    const size_t page = sysconf(_SC_PAGESIZE);
    fiber.stack = memory_ + index * (bytes_ + page) + page;
    fiber.stack_bytes = bytes_;
}

}  // namespace nbv::simt
