// What the operations on image tensors share: images as a batch and back, and parameters that every sample has its own
// of.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <string>
#include <vector>

#include "augment/checks.h"
#include "core/error.h"
#include "core/host_copy.h"

namespace contrastive::augment_tensor {

// Images (…, channels, height, width) seen as (samples, channels, height, width).
class Batch {
 public:
  // Any dtype: for operations that only move pixels. `where` begins every message. Throws kShapeError.
  Batch(const char* where, const at::Tensor& images);
  // In float32 at least. Throws kDTypeError for images that are not floating.
  static Batch floating(const char* where, const at::Tensor& images);
  // The same, with bytes taken for values of 0 to 1 in steps of 1/255.
  static Batch values(const char* where, const at::Tensor& images);
  // Values of 1 or 3 channels, as the colour operations want them.
  static Batch color(const char* where, const at::Tensor& images);

  const char* where() const { return where_; }
  const at::Tensor& tensor() const { return tensor_; }
  int64_t samples() const { return tensor_.size(0); }
  int64_t channels() const { return tensor_.size(1); }
  int64_t height() const { return tensor_.size(2); }
  int64_t width() const { return tensor_.size(3); }
  augment::Shape shape() const;
  // What the value 1 of the tensor is in the images: 255 for bytes, else 1.
  double unit() const { return unit_; }

  // A result (samples, …) with the images' leading sizes and dtype; bytes are rounded.
  at::Tensor restore(const at::Tensor& result) const;

 private:
  const char* where_;
  at::Tensor tensor_;
  std::vector<int64_t> leading_;
  at::ScalarType dtype_;
  double unit_ = 1;
};

// A parameter of shape (samples), or of one element for all, as (samples or 1, 1, 1, 1) beside the batch;
// differentiable. Its values are checked where they are there: always but on meta. Throws kShapeError, kOptionError.
at::Tensor one_each(const Batch& batch, const char* name, const at::Tensor& parameter,
                    const augment::Bounds& bounds = {});

// The same for parameters of `length` numbers each, as plain lists: `values` holds them for one sample or for each.
// Throws kShapeError for another count, kOptionError for what is not finite or beyond the bounds. The result has one
// row for all, or `samples`.
template <typename T>
std::vector<std::vector<T>> rows_each(const Batch& batch, const char* name, const std::vector<T>& values,
                                      int64_t length = 1, const augment::Bounds& bounds = {});

// Finite, and within the bounds; messages name the element where there are several. Throws kOptionError.
template <typename T>
void check_each(const Batch& batch, const std::string& name, const std::vector<T>& values,
                const augment::Bounds& bounds = {}) {
  for (size_t i = 0; i < values.size(); ++i)
    if (const auto value = static_cast<double>(values[i]); !bounds.hold(value))
      augment::check_number(batch.where(), values.size() == 1 ? name : message(name, "[", i, "]"), value, bounds);
}

// Numbers of the host beside the batch, in its dtype: (rows, length).
at::Tensor upload(const Batch& batch, const std::vector<std::vector<double>>& rows);

// 0 … n - 1 beside `like`, in its dtype.
at::Tensor counting(const at::Tensor& like, int64_t n);

// The size of a result: [height, width], from 1 to augment::kLargestSide.
std::array<int, 2> checked_size(const Batch& batch, const std::vector<int64_t>& size);

// Windows [top, left, height, width] inside the images, with sides of at least `least`, of one for all or of each.
std::vector<augment::Window> windows_each(const Batch& batch, const std::vector<int64_t>& windows, int least);

// clamp(x factor + other (1 - factor)), the images shaped as a batch.
at::Tensor blend(const at::Tensor& batch, const at::Tensor& other, const at::Tensor& factor);

}  // namespace contrastive::augment_tensor
