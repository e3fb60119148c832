// Batch normalisation with what follows it in a network.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace contrastive::nn {

// act(batch_norm(x) + residual), where act is 'none', 'relu', 'hardswish' or 'silu'; over all dimensions but 1 (Ioffe &
// Szegedy 2015, arXiv:1502.03167), as PyTorch's batch_norm: the running variance is unbiased. Fewer passes over memory
// than separate operators take, where the layout allows it (can_fuse_batch_norm); the same numbers up to rounding
// elsewhere.
//
// In training, and where there are no running statistics, those of the batch are taken. Training moves the running ones
// and counts in num_batches_tracked, but not under Modes::keep_statistics. `momentum` is the batch's part in the
// running ones; none: they are the mean over all batches that were counted. The output may be the memory of x, where no
// gradient is recorded and nobody else holds x.
//
// x: float (batch, channels, …); weight, bias, running_mean, running_var: float (channels); num_batches_tracked: int64
// (); residual: of x's shape.
at::Tensor batch_norm_act(const at::Tensor& x, const std::optional<at::Tensor>& weight,
                          const std::optional<at::Tensor>& bias, const std::optional<at::Tensor>& running_mean,
                          const std::optional<at::Tensor>& running_var,
                          const std::optional<at::Tensor>& num_batches_tracked,
                          const std::optional<at::Tensor>& residual, bool training, std::optional<double> momentum,
                          double eps, const std::string& activation);

}  // namespace contrastive::nn
