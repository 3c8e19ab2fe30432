// Fragments of ldmatrix and mma.sync against plain matrix products, with the layouts as the PTX ISA writes them: item
// by item, not register by register as the emulator does.
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "../../csrc/cuda/common/gpu.h"

namespace {

using namespace nbv;

int wrong = 0;

void expect(bool right, const char* what, int a, int b) {
    if (!right && ++wrong <= 20) std::printf("wrong: %s at %d, %d\n", what, a, b);
}

float value(int row, int column) { return static_cast<float>((row * 37 + column * 11) % 61 - 30) / 16; }

uint16_t item(const uint32_t* registers, int i) { return static_cast<uint16_t>(registers[i / 2] >> 16 * (i % 2)); }

// "Matrix Fragments for mma.m16n8k16 with floating point type".
int a_row(int lane, int i) { return (i < 2 || (i >= 4 && i < 6)) ? lane >> 2 : (lane >> 2) + 8; }
int a_column(int lane, int i) { return lane % 4 * 2 + (i & 1) + (i >= 4 ? 8 : 0); }
int b_row(int lane, int i) { return lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0); }
int b_column(int lane, int) { return lane >> 2; }
int d_row(int lane, int i) { return i < 2 ? lane >> 2 : (lane >> 2) + 8; }
int d_column(int lane, int i) { return lane % 4 * 2 + (i & 1); }

template <class T>
void check_mma() {
    float d[32][4];
    simt::launch({1}, {32}, 0, [&] {
        const int lane = static_cast<int>(threadIdx.x);
        uint32_t a[4], b[2];
        for (int i = 0; i < 8; i += 2)
            a[i / 2] = pack2<T>(value(a_row(lane, i), a_column(lane, i)), value(a_row(lane, i), a_column(lane, i + 1)));
        for (int i = 0; i < 4; i += 2)
            b[i / 2] = pack2<T>(value(b_row(lane, i), 100 + b_column(lane, i)),
                                value(b_row(lane, i + 1), 100 + b_column(lane, i)));
        for (int i = 0; i < 4; ++i) d[lane][i] = static_cast<float>(1000 * d_row(lane, i) + d_column(lane, i));
        mma_16x8x16<T>(d[lane], a, b[0], b[1]);
    });
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 4; ++i) {
            const int row = d_row(lane, i), column = d_column(lane, i);
            float sum = static_cast<float>(1000 * row + column);
            for (int k = 0; k < 16; ++k) sum += value(row, k) * value(k, 100 + column);
            expect(std::abs(d[lane][i] - sum) <= 1e-3f, "mma", row, column);
        }
}

// "Matrix Fragments for mma.m16n8k8" of .tf32. `noise`: what every operand has in the 13 bits that TF32 lacks.
void check_mma_tf32(uint32_t noise) {
    float d[32][4];
    const auto bits = [noise](int row, int column) { return to_tf32(value(row, column)) | noise; };
    const auto counters = simt::launch({1}, {32}, 0, [&] {
        const int lane = static_cast<int>(threadIdx.x), group = lane >> 2, in_group = lane % 4;
        uint32_t a[4];
        for (int i = 0; i < 4; ++i) {
            const int row = i == 0 || i == 2 ? group : group + 8;
            a[i] = bits(row, i < 2 ? in_group : in_group + 4);
        }
        for (int i = 0; i < 4; ++i) d[lane][i] = static_cast<float>(1000 * d_row(lane, i) + d_column(lane, i));
        mma_16x8x8_tf32(d[lane], a, bits(in_group, 100 + group), bits(in_group + 4, 100 + group));
    });
    expect(counters.mma_tf32 == 1 && counters.mma == 0, "count of mma", static_cast<int>(noise), 0);
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 4; ++i) {
            const int row = d_row(lane, i), column = d_column(lane, i);
            float sum = static_cast<float>(1000 * row + column);
            for (int k = 0; k < 8; ++k) sum += value(row, k) * value(k, 100 + column);
            expect(d[lane][i] == sum, "mma of TF32", row, column);
        }
}

// Every 257th fp32 of one binade and the special ones.
void check_tf32() {
    const float infinite = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const float step = 0x1p-10f;  // between numbers of TF32 from 1 to 2
    for (uint32_t bits = 0x3F800000u; bits < 0x40000000u; bits += 257) {
        const float x = std::bit_cast<float>(bits), want = std::floor(x / step + 0.5f) * step;
        expect(to_tf32(x) == std::bit_cast<uint32_t>(want), "TF32", static_cast<int>(bits), 0);
        expect(to_tf32(-x) == std::bit_cast<uint32_t>(-want), "TF32 of the negative", static_cast<int>(bits), 0);
    }
    expect(to_tf32(1 + step / 2) == std::bit_cast<uint32_t>(1 + step), "tie of TF32", 0, 0);
    expect(to_tf32(infinite) == 0x7F800000u && to_tf32(std::numeric_limits<float>::max()) == 0x7F800000u, "TF32",
           0x7F800000, 0);
    expect(std::isnan(std::bit_cast<float>(to_tf32(nan))), "NaN of TF32", 0, 0);
}

// Matrix m holds m * 64 + row * 8 + column; rows are spread over shared memory, so that order alone is not enough.
template <int kCount, bool kTransposed>
void check_ldmatrix() {
    uint32_t out[32][kCount];
    const auto counters = simt::launch({1}, {32}, 32 * 48, [&] {
        NBV_SHARED(memory);
        const int lane = static_cast<int>(threadIdx.x);
        unsigned char* row = memory + (lane * 5 % 32) * 48;
        for (int column = 0; column < 8; ++column)
            reinterpret_cast<uint16_t*>(row)[column] = static_cast<uint16_t>(lane * 8 + column);
        __syncwarp();
        if constexpr (kCount == 4 && kTransposed) ldmatrix4_trans(out[lane], row);
        if constexpr (kCount == 4 && !kTransposed) ldmatrix4(out[lane], row);
        if constexpr (kCount == 2 && kTransposed) ldmatrix2_trans(out[lane], lane < 16 ? row : nullptr);
        if constexpr (kCount == 2 && !kTransposed) ldmatrix2(out[lane], lane < 16 ? row : nullptr);
    });
    expect(counters.ldmatrix == 1 && counters.ldmatrix_phases == kCount, "count of ldmatrix", kCount, kTransposed);
    for (int lane = 0; lane < 32; ++lane)
        for (int m = 0; m < kCount; ++m)
            for (int i = 0; i < 2; ++i) {
                const int row = lane / 4, column = lane % 4 * 2 + i;
                const int want = m * 64 + (kTransposed ? column * 8 + row : row * 8 + column);
                expect(item(out[lane], 2 * m + i) == want, kTransposed ? "ldmatrix.trans" : "ldmatrix", lane, m);
            }
}

// Q K^T and P V of 16 queries, 16 keys and 16 channels, loaded as attention kernels load them.
template <class T>
void check_products() {
    float scores[16][16], out[16][16];
    simt::launch({1}, {32}, 3 * 512, [&] {
        NBV_SHARED(memory);
        T* const q = reinterpret_cast<T*>(memory);
        T *const k = q + 256, *const v = k + 256;
        const int lane = static_cast<int>(threadIdx.x), g = lane / 4, c = lane % 4 * 2;
        for (int i = lane; i < 256; i += 32) {
            q[i] = from_float<T>(value(i / 16, i % 16));
            k[i] = from_float<T>(value(i / 16, 40 + i % 16));
            v[i] = from_float<T>(value(i / 16, 80 + i % 16));
        }
        __syncthreads();
        uint32_t a[4], b[4], p[4];
        ldmatrix4(a, q + (lane & 15) * 16 + (lane >> 4) * 8);
        ldmatrix4(b, k + ((lane & 7) + 8 * (lane >> 4)) * 16 + (lane >> 3 & 1) * 8);
        float s[2][4] = {}, o[2][4] = {};
        for (int n = 0; n < 2; ++n) mma_16x8x16<T>(s[n], a, b[2 * n], b[2 * n + 1]);
        // Two accumulators side by side are the left operand of the next product.
        for (int i = 0; i < 4; ++i) p[i] = pack2<T>(s[i / 2][i % 2 * 2] / 16, s[i / 2][i % 2 * 2 + 1] / 16);
        ldmatrix4_trans(b, v + (lane & 15) * 16 + (lane >> 4) * 8);
        for (int n = 0; n < 2; ++n) mma_16x8x16<T>(o[n], p, b[2 * n], b[2 * n + 1]);
        for (int n = 0; n < 2; ++n)
            for (int i = 0; i < 4; ++i) {
                scores[g + 8 * (i / 2)][n * 8 + c + i % 2] = s[n][i];
                out[g + 8 * (i / 2)][n * 8 + c + i % 2] = o[n][i];
            }
    });
    for (int row = 0; row < 16; ++row)
        for (int column = 0; column < 16; ++column) {
            float score = 0, sum = 0;
            for (int k = 0; k < 16; ++k) score += value(row, k) * value(column, 40 + k);
            for (int k = 0; k < 16; ++k) sum += to_float(from_float<T>(scores[row][k] / 16)) * value(k, 80 + column);
            expect(std::abs(scores[row][column] - score) < 1e-3f, "query times key", row, column);
            expect(std::abs(out[row][column] - sum) < 1e-3f, "weights times value", row, column);
        }
}

// Every finite number of T is its own nearest; what lies between two goes to the nearer, or to the even one.
template <class T>
void check_conversion(uint32_t infinity) {
    const float infinite = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    for (uint32_t bits = 0; bits < infinity; ++bits) {
        const T low{static_cast<uint16_t>(bits)}, high{static_cast<uint16_t>(bits + 1)};
        const float from = to_float(low), middle = bits + 1 == infinity ? from : from / 2 + to_float(high) / 2;
        expect(from_float<T>(from).bits == bits, "conversion", static_cast<int>(bits), 0);
        expect(from_float<T>(-from).bits == (bits | 0x8000u), "conversion of the negative", static_cast<int>(bits), 0);
        if (middle == from) continue;
        expect(from_float<T>(middle).bits == bits + (bits & 1), "tie", static_cast<int>(bits), 0);
        expect(from_float<T>(std::nextafter(middle, 0.0f)).bits == bits, "below a tie", static_cast<int>(bits), 0);
        expect(from_float<T>(std::nextafter(middle, infinite)).bits == bits + 1, "over a tie", static_cast<int>(bits),
               0);
    }
    expect(from_float<T>(infinite).bits == infinity && to_float(from_float<T>(infinite)) == infinite, "infinity", 0, 0);
    expect(std::isnan(to_float(from_float<T>(nan))) && std::isnan(to_float(T{0xFFFF})), "NaN", 0, 0);
}

}  // namespace

int main() {
    check_mma<Half>();
    check_mma<BFloat16>();
    check_mma_tf32(0);
    check_mma_tf32(0x1FFF);
    check_tf32();
    check_ldmatrix<4, false>();
    check_ldmatrix<4, true>();
    check_ldmatrix<2, false>();
    check_ldmatrix<2, true>();
    check_products<Half>();
    check_products<BFloat16>();
    check_conversion<Half>(0x7C00);
    check_conversion<BFloat16>(0x7F80);
    expect(to_float(Half{0x3C00}) == 1 && to_float(Half{0x0001}) == 0x1p-24f && to_float(Half{0x7BFF}) == 65504, "fp16",
           0, 0);
    expect(from_float<Half>(65520).bits == 0x7C00 && from_float<Half>(65519).bits == 0x7BFF, "largest fp16", 0, 0);
    expect(exp2_fast(3) == 8 && exp2_fast(-127) == 0, "exp2", 0, 0);
    std::printf("%d wrong\n", wrong);
    return wrong != 0;
}
