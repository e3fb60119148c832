#include "augment_tensor/placement.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
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
    if (!is_inside) {
      if (padding || !rows.is_whole() || !columns.is_whole()) return false;
      padding = padded->padding;
    }
    crop(window);
    return true;
  }
  const auto* resized = std::get_if<operations::ResizedCrop>(&operation);
  if (!resized || padding) return false;
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

// Where the pixels of views that are not resized lie, or -1 for the fill value: int64 (views, count) on the device.
at::Tensor sources(std::span<const Placement> placements, AxisView Placement::*axis, at::Device device) {
  std::vector<int64_t> list;
  for (const Placement& placement : placements) {
    const AxisView& view = placement.*axis;
    for (int i = 0; i < view.count; ++i) {
      const int at = view.position(i);
      const int index = placement.padding ? augment::padded_index(at, view.length, placement.padding->mode) : at;
      list.push_back(index < 0 ? -1 : view.start + index);
    }
  }
  return send(at::tensor(list, at::kLong).reshape({static_cast<int64_t>(placements.size()), -1}), device);
}

// (views, 1, 1, 1); undefined where none is needed.
at::Tensor fill_values(std::span<const Placement> placements, at::Device device) {
  std::vector<float> list;
  bool is_needed = false;
  for (const Placement& placement : placements) {
    list.push_back(placement.padding ? static_cast<float>(placement.padding->fill) : 0);
    is_needed |= placement.padding && placement.padding->mode == augment::PaddingMode::kConstant;
  }
  return is_needed ? send(at::tensor(list).reshape({-1, 1, 1, 1}), device) : at::Tensor();
}

// The matrices of rows and columns, which are made together where they are of one shape.
std::array<at::Tensor, 2> weights_of(const Batch& batch, std::span<const Placement> placements) {
  std::vector<AxisView> rows, columns;
  for (const Placement& placement : placements) {
    rows.push_back(placement.rows);
    columns.push_back(placement.columns);
  }
  if (batch.height() != batch.width() || rows[0].count != columns[0].count)
    return {resize_weights(batch, rows, batch.height()), resize_weights(batch, columns, batch.width())};
  const auto count = static_cast<int64_t>(rows.size());
  rows.insert(rows.end(), columns.begin(), columns.end());
  const at::Tensor both = resize_weights(batch, rows, batch.height());
  return {both.narrow(0, 0, count), both.narrow(0, count, count)};
}

// Those of all views are made together up to here: 256 MiB.
constexpr int64_t kMostWeights = int64_t{1} << 26;

int64_t weights_in(const Batch& batch, std::span<const Placement> placements) {
  const int64_t each = placements[0].rows.count * batch.height() + placements[0].columns.count * batch.width();
  return static_cast<int64_t>(placements.size()) * each;
}

// What `make` makes of all images and as many placements from `first` on, one behind the other.
template <typename Make>
at::Tensor each_view(const Batch& batch, std::span<const Placement> placements, Make make) {
  std::vector<at::Tensor> views;
  const auto all = static_cast<int64_t>(placements.size());
  for (int64_t first = 0; first < all; first += batch.samples()) views.push_back(make(first));
  return views.size() == 1 ? views[0] : at::cat(views);
}

}  // namespace

at::Tensor place(const at::Tensor& images, std::span<const Placement> placements) {
  const Batch batch("place", images);
  const auto is_whole = [](const AxisView& view, int64_t size) { return view.is_whole() && view.count == size; };
  if (std::any_of(placements.begin(), placements.end(), [](const Placement& one) { return one.is_resized(); })) {
    if (weights_in(batch, placements) > kMostWeights)
      return each_view(batch, placements, [&](int64_t first) {
        const auto [rows, columns] = weights_of(batch, placements.subspan(first, batch.samples()));
        return apply_separable(images, rows, columns);
      });
    const std::array<at::Tensor, 2> weights = weights_of(batch, placements);
    return each_view(batch, placements, [&](int64_t first) {
      const auto own = [&](const at::Tensor& values) { return values.narrow(0, first, batch.samples()); };
      return apply_separable(images, own(weights[0]), own(weights[1]));
    });
  }
  if (std::all_of(placements.begin(), placements.end(), [&](const Placement& one) {
        return is_whole(one.rows, batch.height()) && is_whole(one.columns, batch.width());
      }))
    return each_view(batch, placements, [&](int64_t) { return images; });
  const at::Tensor rows = sources(placements, &Placement::rows, images.device()).unsqueeze(1).unsqueeze(-1),
                   columns = sources(placements, &Placement::columns, images.device()).unsqueeze(1).unsqueeze(1);
  const at::Tensor fill = fill_values(placements, images.device());
  const at::Tensor inside = fill.defined() ? rows.ge(0).logical_and(columns.ge(0)) : at::Tensor();
  return each_view(batch, placements, [&](int64_t first) {
    const auto own = [&](const at::Tensor& values) { return values.narrow(0, first, batch.samples()); };
    const auto places = [&](const at::Tensor& values, int64_t height, int64_t width) {
      return (fill.defined() ? own(values).clamp_min(0) : own(values)).expand({-1, batch.channels(), height, width});
    };
    const at::Tensor pixels =
        images.gather(2, places(rows, -1, batch.width())).gather(3, places(columns, rows.size(2), -1));
    return fill.defined() ? at::where(own(inside), pixels, own(fill)) : pixels;
  });
}

}  // namespace contrastive::augment_tensor
