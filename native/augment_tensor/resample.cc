#include "augment_tensor/resample.h"

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "augment_tensor/images.h"
#include "augment_tensor/operations.h"
#include "core/op.h"

namespace contrastive::augment_tensor {

at::Tensor apply_separable(const at::Tensor& batch, const at::Tensor& rows, const at::Tensor& columns) {
  // Autocast would resample in bfloat16.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const int64_t samples = batch.size(0), channels = batch.size(1), height = batch.size(2), width = batch.size(3);
  const at::Tensor narrow =
      at::matmul(batch.reshape({samples, channels * height, width}), columns.transpose(1, 2))  // (samples, C H, width')
          .reshape({samples, channels, height, columns.size(1)});
  return at::matmul(rows.unsqueeze(1), narrow);
}

at::Tensor blur_weights(const at::Tensor& sigma, int64_t n, int64_t radius) {
  const at::Tensor source = counting(sigma, n), target = source.unsqueeze(1);
  const auto tap = [&](const at::Tensor& distance) {
    return (-0.5 * (distance / sigma).square()).exp() * (distance.abs() <= static_cast<double>(radius));
  };
  const double last = static_cast<double>(n - 1);
  // A pixel is also seen in the mirror before the first one and behind the last one, unless it is that one.
  const at::Tensor weights =
      tap(source - target) + tap(source + target) * (source > 0) + tap(2 * last - source - target) * (source < last);
  return weights / weights.sum(-1, /*keepdim=*/true);
}

namespace {

// The weights (…, to, from) with which each of `to` pixels sees the `from` source pixels of an axis, when the `length`
// of them from `start` on are resized; both (…, 1, 1). A triangle, widened when shrinking, as ATen's antialiased
// interpolation (UpSampleKernel.cpp).
at::Tensor resize_weights(const at::Tensor& start, const at::Tensor& length, int64_t from, int64_t to) {
  const at::Tensor source = counting(start, from), target = counting(start, to).unsqueeze(1);
  const at::Tensor scale = length / static_cast<double>(to);
  const at::Tensor center = scale * (target + 0.5) + start;
  const at::Tensor distance = (source + 0.5 - center).abs();
  const at::Tensor inside = (source >= start).bitwise_and(source < start + length);
  const at::Tensor weights = (1 - distance / scale.clamp_min(1)).clamp_min(0) * inside;
  return weights / weights.sum(-1, /*keepdim=*/true);
}

// The window [top, left, height, width] of each image, or one for all, resized to `size`: bilinear, antialiased.
// Source: torchvision v2 functional.resized_crop. Throws kOptionError for a window that leaves the image.
at::Tensor image_resized_crop(const at::Tensor& images, const std::vector<int64_t>& windows,
                              const std::vector<int64_t>& size) {
  const Batch batch = Batch::values("resizedCrop", images);
  const auto [height, width] = checked_size(batch, size);
  std::vector<operation::ResizedCrop> each;
  for (const augment::Window& window : windows_each(batch, windows, 1)) each.push_back({window, height, width});
  return apply_each(images, each);
}
CONTRASTIVE_OP(image_resized_crop, "image_resized_crop(Tensor images, int[] windows, int[] size) -> Tensor");

at::Tensor image_resize(const at::Tensor& images, const std::vector<int64_t>& size) {
  const Batch batch("resize", images);
  checked_size(batch, size);
  if (size[0] == batch.height() && size[1] == batch.width()) return images;
  return image_resized_crop(images, {0, 0, batch.height(), batch.width()}, size);
}
CONTRASTIVE_OP(image_resize, "image_resize(Tensor images, int[] size) -> Tensor");

}  // namespace

at::Tensor apply_each(const at::Tensor& images, Each<operation::ResizedCrop> each) {
  const Batch batch = Batch::values("resizedCrop", images);
  std::vector<std::vector<double>> rows;
  for (const operation::ResizedCrop& crop : each)
    rows.push_back({1.0 * crop.window.top, 1.0 * crop.window.left, 1.0 * crop.window.height, 1.0 * crop.window.width});
  const at::Tensor window = upload(batch, rows).unsqueeze(-1).unsqueeze(-1);  // (rows, 4, 1, 1)
  const auto weights = [&](int64_t axis, int64_t from, int64_t to) {
    return resize_weights(window.select(1, axis), window.select(1, 2 + axis), from, to);
  };
  return batch.restore(apply_separable(batch.tensor(), weights(0, batch.height(), each[0].height),
                                       weights(1, batch.width(), each[0].width)));
}

}  // namespace contrastive::augment_tensor
