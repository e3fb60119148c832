// Where the pixels of a view lie in its image: what the crops, flips and one resize at the front of a plan come down
// to, as a canvas (augment/canvas.h) keeps them until something needs pixels.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>

#include "augment/operations.h"

namespace contrastive::augment_tensor {

// The pixels of an axis that are seen: `length` of the source from `start` on, resized to `to`, of which `count` from
// `first` on, backwards where `is_reversed`.
struct AxisView {
  explicit AxisView(int size) : length(size), to(size), count(size) {}

  bool is_resized() const { return to != length; }
  // A second resize needs the pixels of the first.
  bool can_resize(int size) const { return size == count || !is_resized(); }
  void resize(int size);
  void crop(int at, int size);
  // Of pixel i of the view, among the resized ones.
  int position(int i) const { return first + (is_reversed ? count - 1 - i : i); }
  // All of the source, as it is.
  bool is_whole() const { return !is_resized() && start == 0 && first == 0 && count == length && !is_reversed; }

  int start = 0, length, to, first = 0, count;
  bool is_reversed = false;
};

struct Placement {
  explicit Placement(augment::Shape source) : rows(source.height), columns(source.width) {}

  // Whether it has taken the operation in; else that needs pixels.
  bool take(const augment::Operation& operation);
  bool is_resized() const { return rows.is_resized() || columns.is_resized(); }

  AxisView rows, columns;
  std::optional<augment::Padding> padding;  // of a source that is not resized: views may go beyond its ends
};

// Views of images (samples, channels, height, width) in float32, all of one size: of each image the first one, then of
// each the second one, and so on. Where one is resized, none is padded. Images may be smaller than the tensor: they lie
// in its top left corner.
at::Tensor place(const at::Tensor& images, std::span<const Placement> placements);

}  // namespace contrastive::augment_tensor
