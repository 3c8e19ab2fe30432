// The block's shared memory: its end touches pages that nothing may access, the rest of its pages is watched.
#pragma once

#include <cstdint>

namespace nbv::simt {

class SharedMemory {
  public:
    void reserve(int64_t bytes);  // for a launch
    void clear();                 // for a block: all ones, NaN in every type
    // The first byte outside that was overwritten, as an offset from the start; 0 if none was.
    int64_t damage() const;

    unsigned char* begin() const { return begin_; }
    int64_t bytes() const { return bytes_; }
    // Whether memory is the block's; whether an access meant the block's, but may lie outside.
    bool holds(const void* address, int64_t count) const;
    bool is_near(const void* address) const { return address >= region_ && address < region_ + kRegion; }
    int64_t offset(const void* address) const { return static_cast<const unsigned char*>(address) - begin_; }

  private:
    static constexpr int64_t kGuard = 1 << 20, kCapacity = 1 << 18, kRegion = 2 * kGuard + kCapacity;
    unsigned char *region_ = nullptr, *pages_ = nullptr, *begin_ = nullptr, *end_ = nullptr;  // end_: of the pages
    int64_t bytes_ = 0;
};

}  // namespace nbv::simt
