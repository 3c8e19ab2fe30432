// The matrix product of matmul.h, against a plain one: `matmul <fault> [m n k]` says "right", "wrong" or the fault.
#include "matmul.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using namespace nbv;

float value(int64_t i) { return static_cast<float>(i * 2654435761u % 127) / 64 - 1; }

template <class T, Planted kPlanted>
bool check(int m, int n, int k, bool print) {
    // Of exactly the size: AddressSanitizer sees what lies behind.
    const std::vector<T> a = [&] {
        std::vector<T> v;
        for (int64_t i = 0; i < int64_t{m} * k; ++i) v.push_back(from_float<T>(value(i)));
        return v;
    }();
    const std::vector<T> b = [&] {
        std::vector<T> v;
        for (int64_t i = 0; i < int64_t{n} * k; ++i) v.push_back(from_float<T>(value(i + 77)));
        return v;
    }();
    std::vector<float> c(int64_t{m} * n, std::numeric_limits<float>::quiet_NaN());
    const std::vector<T> a_exact(a), b_exact(b);
    const MatmulArgs args{a_exact.data(), b_exact.data(), c.data(), m, n, k};
    const dim3 grid((n + kMatmulTile - 1) / kMatmulTile, (m + kMatmulTile - 1) / kMatmulTile);
    const auto start = std::chrono::steady_clock::now();
    const auto counters = simt::launch(grid, {kMatmulThreads}, kMatmulShared, [&] { matmul<T, kPlanted>(args); });
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    if (print) counters.print();
    if (print) std::fprintf(stderr, "%.2f ms\n", time.count());
    for (int row = 0; row < m; ++row)
        for (int column = 0; column < n; ++column) {
            double sum = 0;
            for (int i = 0; i < k; ++i)
                sum += double{to_float(a[int64_t{row} * k + i])} * to_float(b[int64_t{column} * k + i]);
            if (!(std::abs(c[int64_t{row} * n + column] - sum) < 1e-3)) return false;
        }
    return true;
}

template <Planted kPlanted>
bool check_both(int m, int n, int k) {
    return check<Half, kPlanted>(m, n, k, false) && check<BFloat16, kPlanted>(m, n, k, true);
}

bool check_planted(const char* name, int m, int n, int k) {
    const auto is = [&](const char* other) { return std::strcmp(name, other) == 0; };
    if (is("nothing")) return check_both<Planted::kNothing>(m, n, k);
    if (is("no_barrier_before")) return check_both<Planted::kNoBarrierBefore>(m, n, k);
    if (is("no_barrier_after")) return check_both<Planted::kNoBarrierAfter>(m, n, k);
    if (is("wait_too_short")) return check_both<Planted::kWaitTooShort>(m, n, k);
    if (is("no_wait")) return check_both<Planted::kNoWait>(m, n, k);
    if (is("swapped_fragment")) return check_both<Planted::kSwappedFragment>(m, n, k);
    if (is("no_predicate")) return check_both<Planted::kNoPredicate>(m, n, k);
    if (is("short_row")) return check_both<Planted::kShortRow>(m, n, k);
    if (is("unswizzled")) return check_both<Planted::kUnswizzled>(m, n, k);
    std::abort();
}

}  // namespace

int main(int count, char** arguments) {
    const auto size = [&](int i, int otherwise) { return count > i ? std::atoi(arguments[i]) : otherwise; };
    try {
        const bool right = check_planted(count > 1 ? arguments[1] : "nothing", size(2, 45), size(3, 70), size(4, 120));
        std::puts(right ? "right" : "wrong");
    } catch (const simt::Fault& fault) {
        std::printf("fault: %s\n", fault.what());
    }
    return 0;
}
