// The operator nbv::residual_sums on the CPU. Its schema is in vision/ops/residuals, and what the numbers are.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <tuple>

#include "../common/tasks.h"
#include "../isa/isa.h"

namespace nbv {
namespace {

using torch::stable::Tensor;

std::tuple<Tensor, Tensor, Tensor> residual_sums(Tensor levels) {
    STD_TORCH_CHECK(levels.dim() == 4 && levels.size(1) == 3, "residual_sums: levels must be [batch, 3, y, x]");
    STD_TORCH_CHECK(levels.scalar_type() == torch::headeronly::ScalarType::Float,
                    "residual_sums: levels must be float32");
    STD_TORCH_CHECK(levels.is_contiguous(), "residual_sums: levels must be contiguous");
    ResidualProblem p;
    p.batch = levels.size(0);
    p.height = levels.size(2);
    p.width = levels.size(3);
    STD_TORCH_CHECK(p.height >= kLeastResidualSide && p.width >= kLeastResidualSide && p.height * p.width < (1LL << 32),
                    "residual_sums: sides must be from 6 on, with fewer than 2^32 pixels");
    Tensor shares = torch::stable::new_zeros(levels, {p.batch, kResidualKinds, kResidualHistograms, kResidualCells});
    Tensor means = torch::stable::new_zeros(levels, {p.batch, kResidualKinds, kResidualMeans});
    Tensor lags = torch::stable::new_zeros(levels, {p.batch, 3, kResidualLags});
    if (p.batch == 0) return {shares, means, lags};
    p.levels = static_cast<const float*>(levels.data_ptr());
    p.shares = static_cast<float*>(shares.mutable_data_ptr());
    p.means = static_cast<float*>(means.mutable_data_ptr());
    p.lags = static_cast<float*>(lags.mutable_data_ptr());
    const ResidualKernels& kernels = best_kernels().residuals;
    run_tasks(p.batch * kResidualKinds, kernels.scratch_bytes(p.width),
              [&](int64_t task, char* scratch) { kernels.sums(p, task, scratch); });
    return {shares, means, lags};
}

}  // namespace
}  // namespace nbv

STABLE_TORCH_LIBRARY_IMPL(nbv, CPU, m) { m.impl("residual_sums", TORCH_BOX(&nbv::residual_sums)); }
