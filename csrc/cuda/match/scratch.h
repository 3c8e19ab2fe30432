// What the kernels of the backward leave for each other in the caller's scratch.
#pragma once

#include "../../geometry/window.h"
#include "args.h"

namespace nbv {
namespace {

// Weights and gradients of logits per token and slot; queries of one head of one sample ordered by the first pixel of
// their windows, so that those of one pixel lie together: behind `end` of the pixel before, up to its own.
template <class T>
struct MatchScratch {
    T *attn, *grad_logits;     // [batch, y, x, heads, slots]
    int *first, *order, *end;  // [batch, heads, y * x]

    NBV_HOST_DEVICE explicit MatchScratch(const MatchCudaArgs& p) {
        const int64_t tokens = count_tokens(p);
        attn = static_cast<T*>(p.scratch);
        grad_logits = attn + tokens * p.slots();
        first = reinterpret_cast<int*>(grad_logits + tokens * p.slots());
        order = first + tokens;
        end = order + tokens;
    }

    static int64_t bytes(const MatchCudaArgs& p) {
        return count_tokens(p) *
               (2 * p.slots() * static_cast<int64_t>(sizeof(T)) + 3 * static_cast<int64_t>(sizeof(int)));
    }

    NBV_HOST_DEVICE static int64_t count_tokens(const MatchCudaArgs& p) {
        return p.batch * p.height * p.width * p.heads;
    }
};

}  // namespace
}  // namespace nbv
