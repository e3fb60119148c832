#include "augment_tensor/placement.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "augment_tensor/images.h"
#include "augment_tensor/resample.h"
#include "core/host_copy.h"

namespace contrastive::augment_tensor {

void AxisView::resize(int size) {
  if (size == count) return;
  start += first;
  length = count;
  first = 0;
  to = count = size;
}

void AxisView::crop(int at, int size) {
  first += is_reversed ? count - at - size : at;
  count = size;
}

bool Placement::take(const augment::Operation& operation) {
  namespace operations = augment::operation;
  const auto crop = [this](const augment::Window& window) {
    rows.crop(window.top, window.height);
    columns.crop(window.left, window.width);
  };
  if (const auto* flip = std::get_if<operations::Flip>(&operation)) {
    rows.is_reversed ^= flip->vertical;
    columns.is_reversed ^= flip->horizontal;
    return true;
  }
  if (const auto* padded = std::get_if<operations::Crop>(&operation)) {
    augment::Window window = padded->window;
    window.top -= padded->padding.top;
    window.left -= padded->padding.left;
    const bool is_inside = window.top >= 0 && window.left >= 0 && window.top + window.height <= rows.count &&
                           window.left + window.width <= columns.count;
    if (is_inside) crop(window);
    return is_inside;
  }
  const auto* resized = std::get_if<operations::ResizedCrop>(&operation);
  if (!resized) return false;
  Placement next = *this;
  next.rows.crop(resized->window.top, resized->window.height);
  next.columns.crop(resized->window.left, resized->window.width);
  if (!next.rows.can_resize(resized->height) || !next.columns.can_resize(resized->width)) return false;
  *this = next;
  rows.resize(resized->height);
  columns.resize(resized->width);
  return true;
}

namespace {

// Where the pixels of views that are not resized lie: int64 (samples, count) beside the images.
at::Tensor sources(std::span<const Placement> placements, AxisView Placement::*axis, at::Device device) {
  std::vector<int64_t> list;
  for (const Placement& placement : placements) {
    const AxisView& view = placement.*axis;
    for (int i = 0; i < view.count; ++i) list.push_back(view.start + view.position(i));
  }
  return send(at::tensor(list, at::kLong).reshape({static_cast<int64_t>(placements.size()), -1}), device);
}

}  // namespace

at::Tensor place(const at::Tensor& images, std::span<const Placement> placements) {
  const Batch batch("place", images);
  if (std::any_of(placements.begin(), placements.end(), [](const Placement& one) { return one.is_resized(); })) {
    const auto weights = [&](AxisView Placement::*axis, int64_t size) {
      std::vector<AxisView> each;
      for (const Placement& placement : placements) each.push_back(placement.*axis);
      return resize_weights(batch, each, size);
    };
    return apply_separable(images, weights(&Placement::rows, batch.height()),
                           weights(&Placement::columns, batch.width()));
  }
  const auto is_whole = [](const AxisView& view, int64_t size) { return view.is_whole() && view.count == size; };
  if (std::all_of(placements.begin(), placements.end(), [&](const Placement& one) {
        return is_whole(one.rows, batch.height()) && is_whole(one.columns, batch.width());
      }))
    return images;
  const at::Tensor rows = sources(placements, &Placement::rows, images.device()).unsqueeze(1).unsqueeze(-1),
                   columns = sources(placements, &Placement::columns, images.device()).unsqueeze(1).unsqueeze(1);
  const int64_t samples = batch.samples(), channels = batch.channels(), height = rows.size(2);
  return images.gather(2, rows.expand({samples, channels, height, batch.width()}))
      .gather(3, columns.expand({samples, channels, height, columns.size(3)}));
}

}  // namespace contrastive::augment_tensor
