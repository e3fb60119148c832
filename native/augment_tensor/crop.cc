// What only moves pixels: crops, padding, flips, quarter turns. Any dtype.
#include <ATen/ATen.h>

#include "augment/checks.h"
#include "augment_tensor/images.h"
#include "augment_tensor/operations.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
namespace {

// Source positions of an axis, and which of them are pixels.
struct Axis {
  at::Tensor index;   // int64 (rows, length)
  at::Tensor inside;  // bool, the same
};

// `length` positions from `start` (rows, 1) on, of an axis of n pixels that goes on past its ends as `mode` says.
Axis padded_axis(const at::Tensor& start, int64_t length, int64_t n, augment::PaddingMode mode) {
  using enum augment::PaddingMode;
  at::Tensor index = start + counting(start, length);
  const at::Tensor inside = (index >= 0).bitwise_and(index < n);
  if (mode == kReflect || mode == kSymmetric) {
    const int64_t skip = mode == kReflect ? 1 : 0;  // the border pixel, which kSymmetric repeats
    index = at::where(index < 0, skip - 1 - index, index);
    index = at::where(index >= n, 2 * n - 1 - skip - index, index);
  }
  return {index.clamp(0, n - 1), inside};
}

// The samples at `indices` turned; the others stay.
at::Tensor turn_some(const at::Tensor& batch, const std::vector<int64_t>& indices, int64_t quarters) {
  if (indices.empty()) return batch;
  const at::Tensor index = send(at::tensor(indices, at::kLong), batch.device());
  return batch.index_copy(0, index, batch.index_select(0, index).rot90(quarters, {2, 3}));
}

// The window of `size` at [top, left] (for each image, or one for all) of the images padded by `padding` =
// [left, top, right, bottom]; `mode` is constant, edge, reflect or symmetric. Source: torchvision v2 functional.crop of
// functional.pad. Throws kOptionError for a window that leaves the padded image.
at::Tensor image_crop(const at::Tensor& images, const std::vector<int64_t>& corners, const std::vector<int64_t>& size,
                      const std::vector<int64_t>& padding, double fill, const std::string& mode) {
  const Batch batch("crop", images);
  const auto [height, width] = checked_size(batch, size);
  const augment::Padding border = augment::checked_padding(batch.where(), {padding.begin(), padding.end()}, mode, fill);
  augment::check_crop(batch.where(), height, width, border, batch.shape());
  std::vector<operation::Crop> each;
  for (const auto& corner : rows_each(batch, "corner", corners, 2)) {
    augment::check_window(batch.where(),
                          {static_cast<double>(corner[0]), static_cast<double>(corner[1]), 1.0 * height, 1.0 * width},
                          border.around(batch.shape()), 1, "padded image");
    each.push_back({{static_cast<int>(corner[0]), static_cast<int>(corner[1]), height, width}, border});
  }
  return apply_each(images, each);
}
CONTRASTIVE_OP(image_crop,
               "image_crop(Tensor images, int[] corners, int[] size, *, int[] padding=[0, 0, 0, 0], float fill=0.0, "
               "str mode='constant') -> Tensor");

at::Tensor image_flip(const at::Tensor& images, bool horizontal, bool vertical) {
  const Batch batch("flip", images);
  std::vector<int64_t> dims;
  if (horizontal) dims.push_back(3);
  if (vertical) dims.push_back(2);
  return batch.restore(batch.tensor().flip(dims));
}
CONTRASTIVE_OP(image_flip, "image_flip(Tensor images, *, bool horizontal=False, bool vertical=False) -> Tensor");

// Quarter turns counter-clockwise, for each image or one for all; images that are not square take an odd number of
// turns only together.
at::Tensor image_rotate90(const at::Tensor& images, const std::vector<int64_t>& turns) {
  const Batch batch("rotate90", images);
  std::vector<int64_t> samples[4];
  const auto rows = rows_each(batch, "turns", turns);
  for (size_t i = 0; i < rows.size(); ++i) samples[(rows[i][0] % 4 + 4) % 4].push_back(static_cast<int64_t>(i));
  for (int64_t quarters = 0; quarters < 4; ++quarters)
    if (samples[quarters].size() == rows.size()) return batch.restore(batch.tensor().rot90(quarters, {2, 3}));
  CONTRASTIVE_CHECK(batch.height() == batch.width() || (samples[1].empty() && samples[3].empty()), kShapeError,
                    "rotate90: images of ", batch.height(), " x ", batch.width(),
                    " must be square to be turned by different odd numbers of quarters");
  at::Tensor result = batch.tensor();
  for (int64_t quarters = 1; quarters < 4; ++quarters) result = turn_some(result, samples[quarters], quarters);
  return batch.restore(result);
}
CONTRASTIVE_OP(image_rotate90, "image_rotate90(Tensor images, int[] turns) -> Tensor");

}  // namespace

at::Tensor apply_each(const at::Tensor& images, Each<operation::Crop> each) {
  const Batch batch("crop", images);
  const auto& [window, padding] = each[0];
  std::vector<int64_t> top, left;
  for (const operation::Crop& crop : each) {
    top.push_back(crop.window.top - padding.top);
    left.push_back(crop.window.left - padding.left);
  }
  const auto starts = [&](const std::vector<int64_t>& list) {
    return send(at::tensor(list, at::kLong), images.device()).unsqueeze(1);
  };
  const Axis rows = padded_axis(starts(top), window.height, batch.height(), padding.mode);
  const Axis columns = padded_axis(starts(left), window.width, batch.width(), padding.mode);
  const int64_t samples = batch.samples(), channels = batch.channels();
  const at::Tensor result =
      batch.tensor()
          .gather(2, rows.index.unsqueeze(1).unsqueeze(-1).expand({samples, channels, window.height, batch.width()}))
          .gather(3, columns.index.unsqueeze(1).unsqueeze(1).expand({samples, channels, window.height, window.width}));
  if (padding.mode != augment::PaddingMode::kConstant || (padding.across() == 0 && padding.down() == 0))
    return batch.restore(result);
  const at::Tensor inside =
      rows.inside.unsqueeze(1).unsqueeze(-1).bitwise_and(columns.inside.unsqueeze(1).unsqueeze(1));
  return batch.restore(result.masked_fill(inside.logical_not(), padding.fill));
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::Flip> each) {
  return image_flip(images, each[0].horizontal, each[0].vertical);
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::Rotate90> each) {
  return image_rotate90(images, column<int64_t>(each, &operation::Rotate90::turns));
}

}  // namespace contrastive::augment_tensor
