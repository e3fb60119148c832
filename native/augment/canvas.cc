#include "augment/canvas.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "augment/kernels.h"

namespace contrastive::augment {
namespace {

constexpr int64_t kLine = 16;   // floats in a cache line
constexpr int64_t kSlack = 16;  // floats past the end that a kernel may touch

}  // namespace

float* Buffer::reserve(int64_t floats) {
  const auto needed = static_cast<size_t>(floats + kSlack + kLine);
  if (storage_.size() < needed) {
    storage_.resize(needed);
    const auto place = static_cast<int64_t>(reinterpret_cast<uintptr_t>(storage_.data()) / sizeof(float));
    data_ = storage_.data() + (kLine - place % kLine) % kLine;
  }
  return data_;
}

void Buffer::trim() {
  constexpr size_t kWarm = size_t{1} << 22;  // 16 MiB: an image of 1182 x 1182 with three channels
  if (storage_.size() <= kWarm) return;
  std::vector<float>().swap(storage_);
  data_ = nullptr;
}

void Canvas::load(const ImageView& source, int channels) {
  source_ = source;
  channels_ = channels;
  pending_ = true;
  from_ = view_ = {0, 0, source.height, source.width};
  scaled_height_ = source.height;
  scaled_width_ = source.width;
  flip_x_ = flip_y_ = has_affine_ = false;
  points_.clear();
}

void Canvas::crop(int top, int left, int height, int width) {
  if (pending_) {
    view_.top += flip_y_ ? view_.height - top - height : top;
    view_.left += flip_x_ ? view_.width - left - width : left;
    view_.height = height;
    view_.width = width;
    return;
  }
  if (height == view_.height && width == view_.width) return;
  const float* from = pixels();
  const int old_width = view_.width;
  const int64_t old_area = area();
  float* to = spare(height, width);
  for (int c = 0; c < channels_; ++c)
    for (int y = 0; y < height; ++y)
      std::memcpy(to + (int64_t{c} * height + y) * width, from + c * old_area + int64_t{top + y} * old_width + left,
                  width * sizeof(float));
  adopt(height, width);
}

void Canvas::resize(int height, int width) {
  if (height == view_.height && width == view_.width) return;
  if (pending_ && !noted() && scaled_height_ == from_.height && scaled_width_ == from_.width) {
    from_ = {from_.top + view_.top, from_.left + view_.left, view_.height, view_.width};
    view_ = {0, 0, height, width};
    scaled_height_ = height;
    scaled_width_ = width;
    return;
  }
  resize_planes(height, width);
}

void Canvas::flip_horizontal() {
  if (pending_) {
    flip_x_ = !flip_x_;
    return;
  }
  float* row = pixels();
  for (int64_t i = 0; i < int64_t{channels_} * view_.height; ++i) kernels().reverse(row + i * view_.width, view_.width);
}

void Canvas::flip_vertical() {
  if (pending_) {
    flip_y_ = !flip_y_;
    return;
  }
  const int width = view_.width;
  for (int c = 0; c < channels_; ++c) {
    float* p = plane(c);
    for (int y = 0; y < view_.height / 2; ++y)
      std::swap_ranges(p + int64_t{y} * width, p + int64_t{y + 1} * width, p + int64_t{view_.height - 1 - y} * width);
  }
}

void Canvas::point(const PointStep& step) {
  if (has_affine_) take_notes();
  points_.add(step);
}

void Canvas::normalize(std::span<const double> mean, std::span<const double> std) {
  if (has_affine_) take_notes();
  scale_.resize(channels_);
  offset_.resize(channels_);
  for (int c = 0; c < channels_; ++c) {
    const size_t at = std.size() == 1 ? 0 : static_cast<size_t>(c);
    scale_[c] = static_cast<float>(1.0 / std[at]);
    offset_[c] = static_cast<float>(-mean[at] / std[at]);
  }
  has_affine_ = true;
}

float* Canvas::pixels() {
  if (pending_) read_source();
  if (noted()) take_notes();
  return image_.data();
}

void Canvas::take_notes() {
  if (pending_) read_source();
  const int64_t size = area(), block = PointProgram::block(channels_);
  for (int64_t from = 0; from < size; from += block) {
    const int64_t n = std::min(block, size - from);
    float* const planes = image_.data() + from;
    points_.run(planes, channels_, size, n);
    if (!has_affine_) continue;
    for (int c = 0; c < channels_; ++c)
      for (int64_t i = 0; i < n; ++i) planes[c * size + i] = planes[c * size + i] * scale_[c] + offset_[c];
  }
  points_.clear();
  has_affine_ = false;
}

double Canvas::mean_gray() {
  if (has_affine_) take_notes();
  if (pending_) read_source();
  const Kernels& k = kernels();
  const int64_t size = area(), block = PointProgram::block(channels_);
  double total = 0.0;
  for (int64_t from = 0; from < size; from += block) {
    const int64_t n = std::min(block, size - from);
    float* const red = image_.data() + from;
    points_.run(red, channels_, size, n);
    total += channels_ == 1 ? k.sum(red, n) : k.sum_gray(red, red + size, red + 2 * size, n);
  }
  points_.clear();
  return total / static_cast<double>(size);
}

float* Canvas::spare(int height, int width) { return spare_.reserve(int64_t{channels_} * height * width); }

void Canvas::adopt(int height, int width) {
  std::swap(image_, spare_);
  view_ = {0, 0, height, width};
}

// Vertical pass first: it runs along contiguous source bytes; then the horizontal pass on the one row it made, while
// that is in the first-level cache.
void Canvas::read_source() {
  const Kernels& k = kernels();
  const int channels = source_.channels, height = view_.height, width = view_.width;
  const int64_t plane_size = area();
  pending_ = false;
  vertical_.compute(from_.height, scaled_height_, view_.top, height, flip_y_);
  horizontal_.compute(from_.width, scaled_width_, view_.left, width, flip_x_);
  for (float& weight : vertical_.weights) weight *= 1.0f / 255.0f;
  const auto [low, high] = std::minmax_element(horizontal_.start.begin(), horizontal_.start.end());
  const int first = *low, columns = *high + horizontal_.taps - first;
  for (int& start : horizontal_.start) start -= first;

  float* const planes = image_.reserve(int64_t{channels_} * plane_size);
  float* const tall = scratch_.reserve(int64_t{channels} * (columns + width) + 2 * kLine + kSlack);
  float* const wide = tall + (int64_t{channels} * columns + kSlack + kLine - 1) / kLine * kLine;
  const int64_t pitch = int64_t{source_.width} * channels;
  const uint8_t* const origin = source_.pixels + from_.top * pitch + int64_t{from_.left + first} * channels;
  byte_rows_.resize(vertical_.taps);
  for (int y = 0; y < height; ++y) {
    for (int t = 0; t < vertical_.taps; ++t) byte_rows_[t] = origin + int64_t{vertical_.start[y] + t} * pitch;
    float* const target = planes + int64_t{y} * width;
    const bool gray = channels == 1, as_is = horizontal_.identity;
    float* const blended = gray && as_is ? target : tall;
    float* const resampled = as_is ? blended : (gray ? target : wide);
    k.blend_bytes(byte_rows_.data(), vertical_.weights.data() + int64_t{y} * vertical_.taps, vertical_.taps, blended,
                  columns * channels);
    if (!as_is)
      k.resample(blended, channels, horizontal_.start.data(), horizontal_.weights.data(), horizontal_.taps, resampled,
                 width);
    if (!gray) k.deinterleave(resampled, channels, target, plane_size, width);
  }
  for (int c = channels; c < channels_; ++c) std::memcpy(planes + c * plane_size, planes, plane_size * sizeof(float));
  view_ = {0, 0, height, width};
  flip_x_ = flip_y_ = false;
}

void Canvas::resize_planes(int height, int width) {
  const Kernels& k = kernels();
  const float* const source = pixels();
  const int old_width = view_.width;
  const int64_t old_area = area();
  vertical_.compute(view_.height, height, 0, height, false);
  horizontal_.compute(old_width, width, 0, width, false);
  float* const to = spare(height, width);
  float* const row = scratch_.reserve(old_width);
  float_rows_.resize(vertical_.taps);
  for (int c = 0; c < channels_; ++c) {
    for (int y = 0; y < height; ++y) {
      for (int t = 0; t < vertical_.taps; ++t)
        float_rows_[t] = source + c * old_area + int64_t{vertical_.start[y] + t} * old_width;
      k.blend_rows(float_rows_.data(), vertical_.weights.data() + int64_t{y} * vertical_.taps, vertical_.taps, row,
                   old_width);
      k.resample(row, 1, horizontal_.start.data(), horizontal_.weights.data(), horizontal_.taps,
                 to + (int64_t{c} * height + y) * width, width);
    }
  }
  adopt(height, width);
}

void Canvas::trim() {
  for (Buffer* buffer : {&image_, &spare_, &scratch_}) buffer->trim();
}

void Canvas::pack(void* out, OutType type, Layout layout) {
  if (pending_) read_source();
  if (!has_affine_) {
    scale_.assign(channels_, 1.0f);
    offset_.assign(channels_, 0.0f);
  }
  const Kernels& k = kernels();
  const bool interleave = layout == Layout::kInterleaved;
  const int64_t size = area(), block = PointProgram::block(channels_);
  for (int64_t from = 0; from < size; from += block) {
    const int64_t n = std::min(block, size - from), at = interleave ? from * channels_ : from;
    float* const planes = image_.data() + from;
    points_.run(planes, channels_, size, n);
    if (type == OutType::kFloat32) {
      k.pack_float(planes, channels_, size, n, scale_.data(), offset_.data(), interleave,
                   static_cast<float*>(out) + at);
    } else {
      k.pack_bfloat16(planes, channels_, size, n, scale_.data(), offset_.data(), interleave,
                      static_cast<uint16_t*>(out) + at);
    }
  }
  points_.clear();
  has_affine_ = false;
}

}  // namespace contrastive::augment
