#include "augment_tensor/resample.h"

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>

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
  // Of each distance up to the radius; the last one of all beyond it.
  const at::Tensor distance = counting(sigma, radius + 2);
  const at::Tensor taps =
      (-0.5 * (distance / sigma.flatten(1)).square()).exp() * (distance <= static_cast<double>(radius));
  const at::Tensor weight = taps / (2 * taps.sum(1, /*keepdim=*/true) - taps.narrow(1, 0, 1));
  // A pixel is also seen in the mirror before the first one and behind the last one, unless it is that one.
  const int64_t nowhere = 2 * n + radius;
  std::vector<int64_t> seen_at(3 * n);
  for (int64_t i = 0; i < n; ++i) {
    seen_at[i] = i;
    seen_at[n + i] = i > 0 ? -i : nowhere;
    seen_at[2 * n + i] = i < n - 1 ? 2 * (n - 1) - i : nowhere;
  }
  const at::Tensor source = send(at::tensor(seen_at, at::kLong).reshape({3, 1, n}), sigma.device());
  const at::Tensor target = counting(source, n).unsqueeze(1);
  const at::Tensor index = (source - target).abs().clamp_max_(radius + 1).reshape({1, 3 * n * n});
  return weight.gather(1, index.expand({weight.size(0), -1})).reshape({-1, 3, n, n}).sum(1);
}

at::Tensor resize_weights(const Batch& batch, const std::vector<AxisView>& views, int64_t size) {
  std::vector<std::vector<double>> rows;
  for (const AxisView& view : views) {
    const double scale = 1.0 * view.length / view.to, support = std::max(scale, 1.0);
    const double first = view.start + scale * (view.position(0) + 0.5);  // the centre of the view's first pixel
    const double step = view.is_reversed ? -scale : scale;
    rows.push_back(
        {(first - 0.5) / support, step / support, 1 / support, 1.0 * view.start, 1.0 * view.start + view.length});
  }
  const at::Tensor numbers = upload(batch, rows).unsqueeze(-1).unsqueeze(-1);  // (views, 5, 1, 1)
  const auto number = [&numbers](int64_t i) { return numbers.select(1, i); };
  const at::Tensor source = counting(numbers, size), target = counting(numbers, views[0].count).unsqueeze(1);
  const at::Tensor inside = (source >= number(3)).bitwise_and(source < number(4));
  const at::Tensor distance = at::addcmul(number(0), number(1), target) - source * number(2);
  at::Tensor weights = (1 - distance.abs()).clamp_min_(0).mul_(inside);
  return weights.div_(weights.sum(-1, /*keepdim=*/true));
}

namespace {

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
  std::vector<AxisView> rows, columns;
  const auto add = [](std::vector<AxisView>& views, int64_t size, int from, int length, int to) {
    AxisView& view = views.emplace_back(static_cast<int>(size));
    view.crop(from, length);
    view.resize(to);
  };
  for (const auto& [window, height, width] : each) {
    add(rows, batch.height(), window.top, window.height, height);
    add(columns, batch.width(), window.left, window.width, width);
  }
  return batch.restore(apply_separable(batch.tensor(), resize_weights(batch, rows, batch.height()),
                                       resize_weights(batch, columns, batch.width())));
}

}  // namespace contrastive::augment_tensor
