#include "shared.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "sanitizer.h"

namespace nbv::simt {
namespace {

constexpr int64_t kAlignment = 128;
constexpr unsigned char kPoison = 0xFF;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

void SharedMemory::reserve(int64_t bytes) {
    if (region_ == nullptr) {
        void* memory = mmap(nullptr, kRegion, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) std::abort();
        region_ = static_cast<unsigned char*>(memory);
        end_ = region_ + kGuard + kCapacity;
    }
    const int64_t page = sysconf(_SC_PAGESIZE), used = round_up(bytes, kAlignment);
    bytes_ = bytes;
    begin_ = end_ - used;
    pages_ = end_ - round_up(used, page);
    ASAN_UNPOISON_MEMORY_REGION(region_, kRegion);
    if (mprotect(region_, kRegion, PROT_NONE) != 0) std::abort();
    if (pages_ < end_ && mprotect(pages_, end_ - pages_, PROT_READ | PROT_WRITE) != 0) std::abort();
}

void SharedMemory::clear() {
    ASAN_UNPOISON_MEMORY_REGION(pages_, end_ - pages_);
    std::memset(pages_, kPoison, end_ - pages_);
    ASAN_POISON_MEMORY_REGION(pages_, begin_ - pages_);
    ASAN_POISON_MEMORY_REGION(begin_ + bytes_, end_ - begin_ - bytes_);
}

int64_t SharedMemory::damage() const {
    if (kAddressSanitizer) return 0;
    for (const unsigned char* byte = pages_; byte < end_; ++byte) {
        if (byte == begin_) byte += bytes_;
        if (byte < end_ && *byte != kPoison) return byte - begin_;
    }
    return 0;
}

bool SharedMemory::holds(const void* address, int64_t count) const {
    const int64_t at = offset(address);
    return at >= 0 && at + count <= bytes_;
}

}  // namespace nbv::simt
