// Filters over neighbourhoods: blur, sharpness, edges.
#include <ATen/ATen.h>

#include "augment/checks.h"
#include "augment_tensor/images.h"
#include "augment_tensor/operations.h"
#include "augment_tensor/resample.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
namespace {

// Separable Gaussian blur with reflected borders; sigma > 0 in pixels, (samples) or one for all. Differentiable in
// both. Source: torchvision v2 functional.gaussian_blur. Throws kShapeError where kernel_size cannot be reflected.
at::Tensor image_gaussian_blur(const at::Tensor& images, int64_t kernel_size, const at::Tensor& sigma) {
  const Batch batch = Batch::values("gaussianBlur", images);
  augment::check_kernel_size(batch.where(), kernel_size);
  augment::check_kernel_fits(batch.where(), kernel_size, batch.shape());
  const int64_t radius = kernel_size / 2;
  const at::Tensor each = one_each(batch, "sigma", sigma, {.min = 0, .open = true}).squeeze(1);  // (rows, 1, 1)
  const at::Tensor rows = blur_weights(each, batch.height(), radius);
  const at::Tensor columns = batch.width() == batch.height() ? rows : blur_weights(each, batch.width(), radius);
  return batch.restore(apply_separable(batch.tensor(), rows, columns));
}
CONTRASTIVE_OP(image_gaussian_blur, "image_gaussian_blur(Tensor images, int kernel_size, Tensor sigma) -> Tensor");

// Blend with a smoothed image by factor >= 0, (samples) or one for all: 0 smooth, 1 as it is, more is sharper. The
// border stays. Source: torchvision v2 functional.adjust_sharpness.
at::Tensor image_adjust_sharpness(const at::Tensor& images, const at::Tensor& factor) {
  const Batch batch = Batch::values("adjustSharpness", images);
  const at::Tensor factors = one_each(batch, "factor", factor, {.min = 0});
  if (batch.height() <= 2 || batch.width() <= 2) return images;  // nothing but border
  const at::Tensor& x = batch.tensor();
  const auto shifted = [&](int64_t down, int64_t right) {
    return x.narrow(2, 1 + down, batch.height() - 2).narrow(3, 1 + right, batch.width() - 2);
  };
  at::Tensor sum = 5 * shifted(0, 0);
  for (const int64_t down : {-1, 0, 1})
    for (const int64_t right : {-1, 0, 1})
      if (down != 0 || right != 0) sum = sum + shifted(down, right);
  const at::Tensor sharpened = blend(shifted(0, 0), sum / 13, factors);
  return batch.restore(x + at::constant_pad_nd(sharpened - shifted(0, 0), {1, 1, 1, 1}));
}
CONTRASTIVE_OP(image_adjust_sharpness, "image_adjust_sharpness(Tensor images, Tensor factor) -> Tensor");

// The length of each channel's gradient, at most 1, from Sobel's responses, each 1 at a step from 0 to 1; beyond the
// border lies the border's value. As augment/transforms/sobel.cc.
at::Tensor image_sobel(const at::Tensor& images) {
  const Batch batch = Batch::values("sobel", images);
  const auto with_border = [](const at::Tensor& x, int64_t dim) {
    return at::cat({x.narrow(dim, 0, 1), x, x.narrow(dim, x.size(dim) - 1, 1)}, dim);
  };
  const at::Tensor x = with_border(with_border(batch.tensor(), 2), 3);
  const auto weighed = [&x](int64_t dim, double first, double middle, double last) {
    const int64_t n = x.size(dim) - 2;
    return [=](const at::Tensor& y) {
      return first * y.narrow(dim, 0, n) + middle * y.narrow(dim, 1, n) + last * y.narrow(dim, 2, n);
    };
  };
  const at::Tensor across = weighed(3, -1, 0, 1)(weighed(2, 0.25, 0.5, 0.25)(x));
  const at::Tensor down = weighed(2, -1, 0, 1)(weighed(3, 0.25, 0.5, 0.25)(x));
  const at::Tensor square = across.square() + down.square();
  // The root has no slope at 0: a flat place gets a gradient of 0, not NaN.
  const at::Tensor flat = square == 0;
  return batch.restore(square.masked_fill(flat, 1).sqrt().masked_fill(flat, 0).clamp_max(1));
}
CONTRASTIVE_OP(image_sobel, "image_sobel(Tensor images) -> Tensor");

}  // namespace

at::Tensor apply_each(const at::Tensor& images, Each<operation::GaussianBlur> each) {
  return image_gaussian_blur(images, each[0].kernel_size, factors(each, &operation::GaussianBlur::sigma));
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustSharpness> each) {
  return image_adjust_sharpness(images, factors(each, &operation::AdjustSharpness::factor));
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::Sobel>) { return image_sobel(images); }

}  // namespace contrastive::augment_tensor
