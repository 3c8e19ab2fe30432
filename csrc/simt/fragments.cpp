#include "fragments.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "join.h"
#include "races.h"

namespace nbv::simt {
namespace {

struct LoadCall {
    const unsigned char* row;
    uint32_t* out;
};

struct MultiplyCall {
    float* d;
    const uint32_t* a;
    uint32_t b[2];
};

template <class Call>
Call& call_of(const Warp& warp, int lane) {
    return *static_cast<Call*>(warp.lanes[lane].data);
}

// Eight rows are read at once, in as many turns as the fullest bank has different words.
int wavefronts(const Warp& warp, int matrix) {
    int64_t rows[8];
    for (int r = 0; r < 8; ++r) rows[r] = machine.shared.offset(call_of<LoadCall>(warp, 8 * matrix + r).row) / 16;
    std::sort(rows, rows + 8);
    const auto end = std::unique(rows, rows + 8);  // the same row again is the same word
    int hits[8] = {}, most = 0;                    // of four banks each, which a row takes together
    for (auto row = rows; row != end; ++row) most = std::max(most, ++hits[*row % 8]);
    return most;
}

template <int kCount, bool kTransposed>
void exchange_load(Warp& warp, uint32_t) {
    Counters& counters = machine.counters;
    ++counters.ldmatrix;
    counters.ldmatrix_phases += kCount;
    counters.shared_read += kCount * 128;
    for (int m = 0; m < kCount; ++m) {
        counters.ldmatrix_wavefronts += wavefronts(warp, m);
        uint16_t matrix[8][8];
        for (int r = 0; r < 8; ++r) std::memcpy(matrix[r], call_of<LoadCall>(warp, 8 * m + r).row, 16);
        for (int lane = 0; lane < kWarp; ++lane) {
            const int g = lane / 4, q = 2 * (lane % 4);
            const uint32_t low = kTransposed ? matrix[q][g] : matrix[g][q];
            const uint32_t high = kTransposed ? matrix[q + 1][g] : matrix[g][q + 1];
            call_of<LoadCall>(warp, lane).out[m] = low | high << 16;
        }
    }
}

template <class T>
void unpack(uint32_t bits, float* to) {
    to[0] = to_float(T{static_cast<uint16_t>(bits)});
    to[1] = to_float(T{static_cast<uint16_t>(bits >> 16)});
}

// Lane 4 g + q holds, two columns to a register: of a rows g and g + 8, columns 2 q and 2 q + 8; of b column g, rows 2
// q and 2 q + 8; of d rows g and g + 8, column 2 q. Sums are in fp32 in the order of k, which is not the device's.
template <class T>
void exchange_multiply(Warp& warp, uint32_t) {
    float a[16][16], b[8][16], b_rows[16][8], d[16][8];
    for (int lane = 0; lane < kWarp; ++lane) {
        const MultiplyCall& call = call_of<MultiplyCall>(warp, lane);
        const int g = lane / 4, q = 2 * (lane % 4);
        for (int half = 0; half < 2; ++half) {
            unpack<T>(call.a[half], &a[g + 8 * half][q]);
            unpack<T>(call.a[2 + half], &a[g + 8 * half][q + 8]);
            unpack<T>(call.b[half], &b[g][q + 8 * half]);
            std::memcpy(&d[g + 8 * half][q], call.d + 2 * half, 2 * sizeof(float));
        }
    }
    for (int k = 0; k < 16; ++k)
        for (int n = 0; n < 8; ++n) b_rows[k][n] = b[n][k];
    for (int row = 0; row < 16; ++row)
        for (int k = 0; k < 16; ++k)
            for (int n = 0; n < 8; ++n) d[row][n] += a[row][k] * b_rows[k][n];
    for (int lane = 0; lane < kWarp; ++lane)
        for (int half = 0; half < 2; ++half)
            std::memcpy(call_of<MultiplyCall>(warp, lane).d + 2 * half, &d[lane / 4 + 8 * half][2 * (lane % 4)],
                        2 * sizeof(float));
    ++machine.counters.mma;
}

float truncate_to_tf32(uint32_t bits) { return std::bit_cast<float>(bits & ~0x1FFFu); }

// Lane 4 g + q holds, one item to a register: of a (g, q), (g + 8, q), (g, q + 4) and (g + 8, q + 4); of b (q, g) and
// (q + 4, g); of d the same as above.
void exchange_multiply_tf32(Warp& warp, uint32_t) {
    float a[16][8], b[8][8];
    for (int lane = 0; lane < kWarp; ++lane) {
        const MultiplyCall& call = call_of<MultiplyCall>(warp, lane);
        const int g = lane / 4, q = lane % 4;
        for (int i = 0; i < 4; ++i) a[g + 8 * (i % 2)][q + 4 * (i / 2)] = truncate_to_tf32(call.a[i]);
        for (int i = 0; i < 2; ++i) b[q + 4 * i][g] = truncate_to_tf32(call.b[i]);
    }
    for (int lane = 0; lane < kWarp; ++lane) {
        float* const d = call_of<MultiplyCall>(warp, lane).d;
        for (int i = 0; i < 4; ++i)
            for (int k = 0; k < 8; ++k) d[i] += a[lane / 4 + 8 * (i / 2)][k] * b[k][2 * (lane % 4) + i % 2];
    }
    ++machine.counters.mma_tf32;
}

template <class T>
void multiply(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, const Place& place) {
    MultiplyCall call{d, a, {b0, b1}};
    join_warp("mma", exchange_multiply<T>, &call, place);
}

}  // namespace

void load_matrices(uint32_t* out, int count, bool transposed, const void* row, const Place& place) {
    if (machine.current % kWarp < 8 * count) {
        const int64_t at = machine.shared.offset(row);
        if (!machine.shared.holds(row, 16) || at % 16 != 0)
            fail(
                "ldmatrix at %s reads a row at byte %lld of %lld bytes of shared memory: expected a multiple of 16 "
                "inside",
                text(place), static_cast<long long>(at), static_cast<long long>(machine.shared.bytes()));
        note_access(row, 16, Kind::kRead, {nullptr, place});
    }
    LoadCall call{static_cast<const unsigned char*>(row), out};
    const Exchange four = transposed ? exchange_load<4, true> : exchange_load<4, false>;
    const Exchange two = transposed ? exchange_load<2, true> : exchange_load<2, false>;
    join_warp("ldmatrix", count == 4 ? four : two, &call, place);
}

void multiply_matrices(Half, float* d, const uint32_t* a, uint32_t b0, uint32_t b1, const Place& place) {
    multiply<Half>(d, a, b0, b1, place);
}

void multiply_matrices(BFloat16, float* d, const uint32_t* a, uint32_t b0, uint32_t b1, const Place& place) {
    multiply<BFloat16>(d, a, b0, b1, place);
}

void multiply_matrices_tf32(float* d, const uint32_t* a, uint32_t b0, uint32_t b1, const Place& place) {
    MultiplyCall call{d, a, {b0, b1}};
    join_warp("mma", exchange_multiply_tf32, &call, place);
}

}  // namespace nbv::simt
