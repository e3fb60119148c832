// The largest of each window, for inference: libtorch's kernel also writes where it was, as eight bytes a number.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "core/op.h"
#include "nn/pool_kernels.h"

namespace contrastive::nn {
namespace {

// Rows of a result that are a task of their own.
constexpr int64_t kPoolRows = 8;

// As aten::max_pool2d; sizes are (height, width).
at::Tensor inference_max_pool2d(const at::Tensor& input, const std::vector<int64_t>& kernel_size,
                                const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                                const std::vector<int64_t>& dilation, bool ceil_mode) {
  const auto pooled = [&](const at::Tensor& x) {
    return at::max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode);
  };
  const bool fits = input.is_cpu() && input.scalar_type() == at::kFloat && input.dim() == 4 && input.numel() > 0 &&
                    input.is_contiguous(at::MemoryFormat::ChannelsLast) && kernel_size.size() == 2 &&
                    stride.size() == 2 && padding.size() == 2 && dilation.size() == 2;
  if (!fits) return pooled(input);
  // libtorch knows the shape, and what it refuses.
  const auto sizes =
      pooled(at::empty_strided(input.sizes(), input.strides(), input.options().device(at::kMeta))).sizes().vec();
  at::Tensor result = at::empty(sizes, input.options().requires_grad(false), at::MemoryFormat::ChannelsLast);
  const int64_t channels = input.size(1), height = input.size(2), width = input.size(3);
  const int64_t rows = sizes[2], columns = sizes[3];
  const float* const x = input.const_data_ptr<float>();
  float* const y = result.mutable_data_ptr<float>();
  const PoolKernels& kernels = pool_kernels();
  at::parallel_for(0, sizes[0] * rows, kPoolRows, [&](int64_t begin, int64_t end) {
    std::vector<const float*> window(kernel_size[0] * kernel_size[1]);
    for (int64_t row = begin; row < end; ++row) {
      const int64_t image = row / rows, top = row % rows * stride[0] - padding[0];
      for (int64_t column = 0; column < columns; ++column) {
        const int64_t left = column * stride[1] - padding[1];
        int64_t count = 0;
        for (int64_t i = 0, at_y = top; i < kernel_size[0]; ++i, at_y += dilation[0])
          for (int64_t j = 0, at_x = left; j < kernel_size[1]; ++j, at_x += dilation[1])
            if (at_y >= 0 && at_y < height && at_x >= 0 && at_x < width)
              window[count++] = x + ((image * height + at_y) * width + at_x) * channels;
        kernels.largest(window.data(), count, channels, y + (row * columns + column) * channels);
      }
    }
  });
  return result;
}

CONTRASTIVE_OP(inference_max_pool2d,
               "_inference_max_pool2d(Tensor input, int[] kernel_size, int[] stride, int[] padding, int[] dilation, "
               "bool ceil_mode=False) -> Tensor");

}  // namespace
}  // namespace contrastive::nn
