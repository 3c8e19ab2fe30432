// Tilings that were chosen before: a choice takes tens of microseconds of the host, and a model makes the same ones at
// every step. For the host.
#pragma once

#include <array>

#include "shapes.h"

namespace nbv {
namespace {

// All that choose_tiling looks at.
using TilingQuestion = std::array<int32_t, 21>;

inline TilingQuestion make_question(const NeighborhoodCudaArgs& p, int32_t most_rows, int32_t warp_rows,
                                    int32_t most_columns) {
    TilingQuestion question{};
    auto* next = question.data();
    for (const auto& axis : p.axis)
        for (const int32_t number : {axis.length, axis.kernel, axis.stride, axis.dilation, int32_t{axis.causal}})
            *next++ = number;
    for (const int32_t number :
         {static_cast<int32_t>(p.type), int32_t{p.tf32}, p.dim + p.dim_v, most_rows, warp_rows, most_columns})
        *next++ = number;
    return question;
}

// The last answers, a few for each remainder of a hash. A length is never 0, so an empty place answers nothing.
class TilingMemory {
  public:
    // What `choose` said to the question, now or before.
    template <class Choose>
    Tiling find(const TilingQuestion& question, const Choose& choose) {
        Places& places = places_[hash(question) % kSets];
        for (const Answer& answer : places.answers)
            if (answer.question == question) return answer.tiling;
        Answer& answer = places.answers[places.oldest++ % kWays];
        answer = {question, choose()};
        return answer.tiling;
    }

  private:
    static constexpr uint32_t kSets = 32, kWays = 4;

    struct Answer {
        TilingQuestion question{};
        Tiling tiling;
    };
    struct Places {
        Answer answers[kWays];
        uint32_t oldest = 0;
    };

    static uint32_t hash(const TilingQuestion& question) {
        uint64_t bits = 0;
        for (const int32_t number : question) bits = (bits + static_cast<uint32_t>(number)) * 0x9E3779B97F4A7C15;
        return static_cast<uint32_t>(bits >> 32);
    }

    Places places_[kSets];
};

// As choose_tiling. Threads do not share their memory.
inline Tiling remember_tiling(const NeighborhoodCudaArgs& p, int32_t most_rows, int32_t warp_rows,
                              int32_t most_columns) {
    thread_local TilingMemory memory;
    return memory.find(make_question(p, most_rows, warp_rows, most_columns),
                       [&] { return choose_tiling(p, most_rows, warp_rows, most_columns); });
}

}  // namespace
}  // namespace nbv
