#include "augment_tensor/resample.h"

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "augment_tensor/images.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
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

}  // namespace

at::Tensor apply_separable(const at::Tensor& batch, const at::Tensor& rows, const at::Tensor& columns) {
  // Autocast would resample in bfloat16.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const int64_t samples = batch.size(0), channels = batch.size(1), height = batch.size(2), width = batch.size(3);
  const at::Tensor narrow =
      at::matmul(batch.reshape({samples, channels * height, width}), columns.transpose(1, 2))  // (samples, C H, width')
          .reshape({samples, channels, height, columns.size(1)});
  return at::matmul(rows.unsqueeze(1), narrow);
}

at::Tensor image_resized_crop(const at::Tensor& images, const std::vector<int64_t>& windows,
                              const std::vector<int64_t>& size) {
  const Batch batch = Batch::values("resizedCrop", images);
  check_size(batch.where(), size);
  std::vector<std::vector<double>> rows;
  for (const auto& window : rows_each(batch, "window", windows, 4)) {
    CONTRASTIVE_CHECK(window[0] >= 0 && window[1] >= 0 && window[2] >= 1 && window[3] >= 1 &&
                          window[0] + window[2] <= batch.height() && window[1] + window[3] <= batch.width(),
                      kOptionError, batch.where(), ": window [top, left, height, width] must lie inside the image of ",
                      batch.height(), " x ", batch.width(), ", got ", at::IntArrayRef(window));
    rows.emplace_back(window.begin(), window.end());
  }
  const at::Tensor window = upload(batch, rows).unsqueeze(-1).unsqueeze(-1);  // (rows, 4, 1, 1)
  return batch.restore(
      apply_separable(batch.tensor(), resize_weights(window.select(1, 0), window.select(1, 2), batch.height(), size[0]),
                      resize_weights(window.select(1, 1), window.select(1, 3), batch.width(), size[1])));
}
CONTRASTIVE_OP(image_resized_crop, "image_resized_crop(Tensor images, int[] windows, int[] size) -> Tensor");

at::Tensor image_resize(const at::Tensor& images, const std::vector<int64_t>& size) {
  const Batch batch("resize", images);
  check_size(batch.where(), size);
  if (size[0] == batch.height() && size[1] == batch.width()) return images;
  return image_resized_crop(images, {0, 0, batch.height(), batch.width()}, size);
}
CONTRASTIVE_OP(image_resize, "image_resize(Tensor images, int[] size) -> Tensor");

}  // namespace contrastive::augment_tensor
