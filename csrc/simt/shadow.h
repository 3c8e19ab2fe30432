// For every byte, which accesses it saw last: enough to find two that nothing orders. After FastTrack (Flanagan and
// Freund, PLDI 2009), with barriers for locks. For races.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace nbv::simt {

// Accesses have numbers that grow during a launch: one smaller than the first since a barrier came before it.
using Id = uint32_t;
constexpr Id kAtomicBit = 1u << 31;

struct Cell {
    Id write = 0;          // with kAtomicBit if it was an atomic
    Id read = 0;           // the last one
    uint32_t readers = 0;  // lanes of that one's warp that read since something ordered them
    Id other = 0;          // a read by another warp or, which counts more, by another block
};

// Cells of memory, made when touched. Shared memory has a table of its own: it is new in every block.
class Shadow {
  public:
    Cell* shared(int64_t offset) { return &shared_[offset]; }
    Cell* global(const void* address) {
        const uintptr_t at = reinterpret_cast<uintptr_t>(address), page = at / kPage;
        Slot& slot = recent_[page % recent_.size()];
        if (slot.page != page || slot.cells == nullptr) slot = {page, find(page)};
        return &(*slot.cells)[at % kPage];
    }
    void clear(int64_t shared_bytes) {
        shared_.assign(shared_bytes, Cell{});
        pages_.clear();
        recent_.fill({});
    }

  private:
    static constexpr uintptr_t kPage = 1024;
    using Page = std::array<Cell, kPage>;
    struct Slot {
        uintptr_t page = 0;
        Page* cells = nullptr;
    };

    Page* find(uintptr_t page) {
        std::unique_ptr<Page>& cells = pages_[page];
        if (cells == nullptr) cells = std::make_unique<Page>();
        return cells.get();
    }

    std::vector<Cell> shared_;
    std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages_;
    std::array<Slot, 64> recent_{};
};

}  // namespace nbv::simt
