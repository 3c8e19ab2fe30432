// Softmaxes are computed with powers of 2 instead of e: processors scale by 2^n by writing n into the exponent bits, so
// that exp(x) would be computed as 2^(x log2 e) anyway. The factor log2 e is multiplied into the scale of the logits
// once, where it costs nothing; what leaves the kernels (the log-sum-exp) is multiplied by ln 2 to be natural again.
#pragma once

namespace nbv {

constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

}  // namespace nbv
