// fp16, bf16 and TF32 as a CPU stores them, converted as the device does: to nearest, ties to even (TF32: away from 0).
#pragma once

#include <bit>
#include <cstdint>

namespace nbv::simt {

struct Half {
    uint16_t bits;
};
struct BFloat16 {
    uint16_t bits;
};

inline float to_float(BFloat16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

inline float to_float(Half x) {
    const uint32_t sign = (x.bits & 0x8000u) << 16, rest = (x.bits & 0x7FFFu) << 13;
    // The exponent's bias is off by 112: a product puts it right, for subnormal numbers too.
    const uint32_t scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(rest) * 0x1p112f);
    const uint32_t special = rest | 0x7F800000u;
    return std::bit_cast<float>(sign | (rest >= 0x0F800000u ? special : scaled));
}

inline BFloat16 to_bfloat16(float x) {
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    const uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    return {static_cast<uint16_t>(x != x ? 0x7FFFu : rounded)};
}

inline Half to_half(float x) {
    const uint32_t bits = std::bit_cast<uint32_t>(x), magnitude = bits & 0x7FFFFFFFu;
    uint32_t half;
    if (magnitude > 0x7F800000u) {
        half = 0x7FFFu;
    } else if (magnitude >= 0x47800000u) {  // 65536 and above; from 65520 on rounding carries into infinity
        half = 0x7C00u;
    } else if (magnitude < 0x38800000u) {  // below the smallest normal number: the adder rounds
        half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u;
    } else {
        half = (magnitude - (112u << 23) + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13;
    }
    return {static_cast<uint16_t>((bits >> 16 & 0x8000u) | half)};
}

// An fp32 whose low 13 bits are 0.
inline uint32_t to_tf32(float x) { return x != x ? 0x7FFFE000u : (std::bit_cast<uint32_t>(x) + 0x1000u) & ~0x1FFFu; }

}  // namespace nbv::simt
