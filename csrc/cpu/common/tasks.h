// Tasks onto torch's threads.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

namespace nbv {
namespace {

constexpr int64_t kMostKeptScratch = 16 << 20;

// Scratch memory of this thread: kept from call to call, for fresh pages cost as much as a small call.
class Scratch {
  public:
    char* take(int64_t bytes) {
        if (bytes > size_) {
            release();  // before the new one: not both at once, and nothing to trust where there is no room for it
            memory_ = std::make_unique_for_overwrite<char[]>(bytes + 64);
            size_ = bytes;
        }
        const auto address = reinterpret_cast<uintptr_t>(memory_.get());
        return memory_.get() + (64 - address % 64) % 64;
    }
    void trim() {
        if (size_ > kMostKeptScratch) release();
    }

  private:
    void release() {
        size_ = 0;
        memory_.reset();
    }

    std::unique_ptr<char[]> memory_;
    int64_t size_ = 0;
};

// Memory of a Scratch for one call, trimmed however the call ends.
class ScratchUse {
  public:
    ScratchUse(Scratch& scratch, int64_t bytes) : scratch_(scratch), memory_(scratch.take(bytes)) {}
    ~ScratchUse() { scratch_.trim(); }
    ScratchUse(const ScratchUse&) = delete;
    ScratchUse& operator=(const ScratchUse&) = delete;
    char* memory() const { return memory_; }

  private:
    Scratch& scratch_;
    char* const memory_;
};

// Runs task(i, scratch) for all i on torch's threads; whoever is free takes the next.
template <class F>
void run_tasks(int64_t count, int64_t bytes, const F& task) {
    std::atomic<int64_t> next{0};
    const int64_t workers = std::min<int64_t>(count, torch::stable::get_num_threads());
    torch::stable::parallel_for(0, workers, 1, [&](int64_t begin, int64_t end) {
        static thread_local Scratch scratch;
        const ScratchUse use(scratch, bytes);
        for (int64_t worker = begin; worker < end; ++worker)
            for (int64_t i = next++; i < count; i = next++) task(i, use.memory());
    });
}

}  // namespace
}  // namespace nbv
