// What the softmax takes off every weight's gradient, dO . out - d lse: a pass of its own, for here memory is read in
// order.
#pragma once

#include "pack.h"

namespace nbv {
namespace {

template <class T, class S>
NBV_INLINE T inner_product(const S* a, const S* b, int64_t dim) {
    Vec<T> sum{};
    int64_t d = 0;
    for (; d + kLanes<T> <= dim; d += kLanes<T>) sum += load_compute(a + d) * load_compute(b + d);
    T total = horizontal_sum<T>(sum);
    for (; d < dim; ++d) total += to_compute(a[d]) * to_compute(b[d]);
    return total;
}

template <class T, class S>
inline void delta_of(const Problem& p, int64_t first_token, int64_t last_token) {
    for (int64_t token = first_token; token < last_token; ++token) {
        int64_t place[3], batch = token;
        for (int input_axis = 2; input_axis >= 0; --input_axis)
            for (int a = 0; a < 3; ++a)
                if (p.order[a] == input_axis) {
                    place[a] = batch % p.axis[a].length;
                    batch /= p.axis[a].length;
                }
        for (int64_t head = 0; head < p.heads; ++head) {
            const int64_t at = offset_of(p.sums, batch, place[0], place[1], place[2], head);
            const S* out = element<T, S>(p.out, batch, place[0], place[1], place[2], head);
            const S* grad = element<T, S>(p.grad_out, batch, place[0], place[1], place[2], head);
            static_cast<T*>(p.delta)[at] = inner_product<T>(out, grad, p.dim_v) - static_cast<const T*>(p.grad_lse)[at];
        }
    }
}

}  // namespace
}  // namespace nbv
