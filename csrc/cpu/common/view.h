// A tensor as the kernels see it.
#pragma once

#include <cstdint>

namespace nbv {

// A heads-last tensor [batch, z, y, x, heads, dim]; strides count elements, that of dim is 1.
struct View {
    char* data = nullptr;
    int64_t batch = 0, axis[3] = {0, 0, 0}, head = 0;
};

}  // namespace nbv
