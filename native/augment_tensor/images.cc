#include "augment_tensor/images.h"

#include <ATen/ATen.h>

#include "core/host_copy.h"

namespace contrastive::augment_tensor {

Batch::Batch(const char* where, const at::Tensor& images) : where_(where), dtype_(images.scalar_type()) {
  CONTRASTIVE_CHECK(images.dim() >= 3, kShapeError, where,
                    ": images must have shape (…, channels, height, width), got ", images.sizes());
  for (const int64_t size : images.sizes())
    CONTRASTIVE_CHECK(size >= 1, kShapeError, where, ": images must not be empty, got shape ", images.sizes());
  leading_ = images.sizes().slice(0, images.dim() - 3).vec();
  tensor_ = images.dim() == 4 ? images : images.reshape({-1, images.size(-3), images.size(-2), images.size(-1)});
}

Batch Batch::floating(const char* where, const at::Tensor& images) {
  CONTRASTIVE_CHECK(images.is_floating_point(), kDTypeError, where, ": images must be floating, got ", images.dtype());
  return values(where, images);
}

Batch Batch::values(const char* where, const at::Tensor& images) {
  const bool bytes = images.scalar_type() == at::kByte;
  CONTRASTIVE_CHECK(bytes || images.is_floating_point(), kDTypeError, where, ": images must be floating or uint8, got ",
                    images.dtype());
  Batch batch(where, images);
  if (batch.dtype_ != at::kDouble) batch.tensor_ = batch.tensor_.to(at::kFloat);
  if (bytes) batch.tensor_ = batch.tensor_ / (batch.unit_ = 255);
  return batch;
}

Batch Batch::color(const char* where, const at::Tensor& images) {
  Batch batch = values(where, images);
  CONTRASTIVE_CHECK(batch.channels() == 1 || batch.channels() == 3, kShapeError, where,
                    ": images must have 1 or 3 channels, got shape ", images.sizes());
  return batch;
}

augment::Shape Batch::shape() const {
  return {static_cast<int>(height()), static_cast<int>(width()), static_cast<int>(channels())};
}

at::Tensor Batch::restore(const at::Tensor& result) const {
  std::vector<int64_t> sizes = leading_;
  for (int64_t d = 1; d < result.dim(); ++d) sizes.push_back(result.size(d));
  const at::Tensor shaped = result.reshape(sizes);
  return (unit_ == 1 ? shaped : (shaped * unit_).round().clamp(0, unit_)).to(dtype_);
}

at::Tensor one_each(const Batch& batch, const char* name, const at::Tensor& parameter, const augment::Bounds& bounds) {
  const char* const where = batch.where();
  CONTRASTIVE_CHECK(parameter.numel() == 1 || (parameter.dim() == 1 && parameter.size(0) == batch.samples()),
                    kShapeError, where, ": ", name, " must be one number or have shape (", batch.samples(), "), got ",
                    parameter.sizes());
  CONTRASTIVE_CHECK(!parameter.is_complex(), kDTypeError, where, ": ", name, " must be real");
  if (!parameter.is_meta()) {
    const at::Tensor values = parameter.detach().to(at::kCPU, at::kDouble).contiguous();
    for (int64_t i = 0; i < values.numel(); ++i)
      augment::check_number(where, name, values.const_data_ptr<double>()[i], bounds);
  }
  return send(parameter.to(batch.tensor().scalar_type()), batch.tensor().device()).reshape({-1, 1, 1, 1});
}

template <typename T>
std::vector<std::vector<T>> rows_each(const Batch& batch, const char* name, const std::vector<T>& values,
                                      int64_t length, const augment::Bounds& bounds) {
  const auto count = static_cast<int64_t>(values.size());
  CONTRASTIVE_CHECK(count == length || count == length * batch.samples(), kShapeError, batch.where(), ": ", name,
                    " must hold ", length, length == 1 ? " number" : " numbers", ", or as many for each of the ",
                    batch.samples(), " images, got ", count);
  std::vector<std::vector<T>> rows;
  for (int64_t at = 0; at < count; at += length) rows.emplace_back(values.begin() + at, values.begin() + at + length);
  check_each(batch, name, values, bounds);
  return rows;
}
template std::vector<std::vector<int64_t>> rows_each(const Batch&, const char*, const std::vector<int64_t>&, int64_t,
                                                     const augment::Bounds&);
template std::vector<std::vector<double>> rows_each(const Batch&, const char*, const std::vector<double>&, int64_t,
                                                    const augment::Bounds&);

at::Tensor upload(const Batch& batch, const std::vector<std::vector<double>>& rows) {
  std::vector<double> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const auto height = static_cast<int64_t>(rows.size());
  // In the batch's dtype before the move: not every device has float64.
  return send(at::tensor(flat, at::kDouble).reshape({height, -1}).to(batch.tensor().scalar_type()),
              batch.tensor().device());
}

at::Tensor counting(const at::Tensor& like, int64_t n) { return at::arange(n, like.options()); }

std::array<int, 2> checked_size(const Batch& batch, const std::vector<int64_t>& size) {
  CONTRASTIVE_CHECK(size.size() == 2, kOptionError, batch.where(), ": size must be [height, width], got ",
                    at::IntArrayRef(size));
  return augment::checked_size(batch.where(), static_cast<double>(size[0]), static_cast<double>(size[1]));
}

std::vector<augment::Window> windows_each(const Batch& batch, const std::vector<int64_t>& windows, int least) {
  std::vector<augment::Window> each;
  for (const auto& row : rows_each(batch, "window", windows, 4)) {
    const auto number = [&row](int i) { return static_cast<double>(row[i]); };
    augment::check_window(batch.where(), {number(0), number(1), number(2), number(3)}, batch.shape(), least);
    const auto pixels = [&row](int i) { return static_cast<int>(row[i]); };
    each.push_back({pixels(0), pixels(1), pixels(2), pixels(3)});
  }
  return each;
}

at::Tensor blend(const at::Tensor& batch, const at::Tensor& other, const at::Tensor& factor) {
  return (batch * factor + other * (1 - factor)).clamp(0, 1);
}

}  // namespace contrastive::augment_tensor
