#include "augment_tensor/crop.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "augment_tensor/images.h"
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
Axis padded_axis(const at::Tensor& start, int64_t length, int64_t n, const std::string& mode) {
  at::Tensor index = start + counting(start, length);
  const at::Tensor inside = (index >= 0).bitwise_and(index < n);
  if (mode == "reflect" || mode == "symmetric") {
    const int64_t skip = mode == "reflect" ? 1 : 0;  // 'symmetric' repeats the border pixel
    index = at::where(index < 0, skip - 1 - index, index);
    index = at::where(index >= n, 2 * n - 1 - skip - index, index);
  }
  return {index.clamp(0, n - 1), inside};
}

}  // namespace

at::Tensor image_crop(const at::Tensor& images, const std::vector<int64_t>& corners, const std::vector<int64_t>& size,
                      const std::vector<int64_t>& padding, double fill, const std::string& mode) {
  const Batch batch("crop", images);
  const int64_t height = batch.height(), width = batch.width();
  check_size(batch.where(), size);
  CONTRASTIVE_CHECK(
      padding.size() == 4 && std::all_of(padding.begin(), padding.end(), [](int64_t p) { return p >= 0; }),
      kOptionError, "crop: padding must be four numbers >= 0, got ", at::IntArrayRef(padding));
  CONTRASTIVE_CHECK(mode == "constant" || mode == "edge" || mode == "reflect" || mode == "symmetric", kOptionError,
                    "crop: unknown paddingMode '", mode, "'");
  const int64_t across = std::max(padding[0], padding[2]), down = std::max(padding[1], padding[3]);
  const int64_t kept = mode == "reflect" ? 1 : 0;  // the border pixel, which 'symmetric' repeats
  CONTRASTIVE_CHECK((mode != "reflect" && mode != "symmetric") || (across <= width - kept && down <= height - kept),
                    kShapeError, "crop: ", mode, " padding of ", across, " across and ", down,
                    " down is too large for an image of ", height, " x ", width);
  const int64_t tall = height + padding[1] + padding[3], wide = width + padding[0] + padding[2];
  CONTRASTIVE_CHECK(size[0] <= tall && size[1] <= wide, kShapeError, "crop of ", size[0], " x ", size[1],
                    " is larger than the padded image of ", tall, " x ", wide);
  std::vector<int64_t> top, left;
  for (const auto& corner : rows_each(batch, "corner", corners, 2)) {
    CONTRASTIVE_CHECK(corner[0] >= 0 && corner[1] >= 0 && corner[0] + size[0] <= tall && corner[1] + size[1] <= wide,
                      kOptionError, "crop: window at ", at::IntArrayRef(corner),
                      " must lie inside the padded image of ", tall, " x ", wide);
    top.push_back(corner[0] - padding[1]);
    left.push_back(corner[1] - padding[0]);
  }
  const auto starts = [&](const std::vector<int64_t>& list) {
    return send(at::tensor(list, at::kLong), images.device()).unsqueeze(1);
  };
  const Axis rows = padded_axis(starts(top), size[0], height, mode);
  const Axis columns = padded_axis(starts(left), size[1], width, mode);
  const int64_t samples = batch.samples(), channels = batch.channels();
  const at::Tensor result =
      batch.tensor()
          .gather(2, rows.index.unsqueeze(1).unsqueeze(-1).expand({samples, channels, size[0], width}))
          .gather(3, columns.index.unsqueeze(1).unsqueeze(1).expand({samples, channels, size[0], size[1]}));
  if (mode != "constant" || (across == 0 && down == 0)) return batch.restore(result);
  const at::Tensor inside =
      rows.inside.unsqueeze(1).unsqueeze(-1).bitwise_and(columns.inside.unsqueeze(1).unsqueeze(1));
  return batch.restore(result.masked_fill(inside.logical_not(), fill));
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

at::Tensor image_rotate90(const at::Tensor& images, const std::vector<int64_t>& turns) {
  const Batch batch("rotate90", images);
  std::vector<int64_t> samples[4];
  const auto rows = rows_each(batch, "turns", turns);
  for (size_t i = 0; i < rows.size(); ++i) samples[(rows[i][0] % 4 + 4) % 4].push_back(static_cast<int64_t>(i));
  const auto turn = [](int64_t quarters) {
    return [quarters](const at::Tensor& x) { return x.rot90(quarters, {2, 3}); };
  };
  for (int64_t quarters = 0; quarters < 4; ++quarters)
    if (samples[quarters].size() == rows.size()) return batch.restore(turn(quarters)(batch.tensor()));
  CONTRASTIVE_CHECK(batch.height() == batch.width() || (samples[1].empty() && samples[3].empty()), kShapeError,
                    "rotate90: images of ", batch.height(), " x ", batch.width(),
                    " must be square to be turned by different odd numbers of quarters");
  at::Tensor result = batch.tensor();
  for (int64_t quarters = 1; quarters < 4; ++quarters) result = change_some(result, samples[quarters], turn(quarters));
  return batch.restore(result);
}
CONTRASTIVE_OP(image_rotate90, "image_rotate90(Tensor images, int[] turns) -> Tensor");

}  // namespace contrastive::augment_tensor
