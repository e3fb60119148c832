// The image that a pipeline works on: one buffer per thread that stays in cache.
//
// Geometry stays a description for as long as it can: crops, flips and one resize of the uint8 source only move
// numbers, and the first operation that needs pixels reads just the source pixels that the result needs, in one pass.
// Point operations are notes too (points.h), taken when something needs their result.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "augment/points.h"

namespace contrastive::augment {

struct Shape {
  int height = 0, width = 0, channels = 0;
  bool operator==(const Shape&) const = default;
};

// A decoded image, height x width x channels bytes, rows without gaps. Borrowed.
struct ImageView {
  const uint8_t* pixels = nullptr;
  int height = 0, width = 0, channels = 0;
  uint64_t id = 0;  // the sample's counter in random draws
};

enum class OutType { kFloat32, kBFloat16 };
enum class Layout { kInterleaved, kPlanar };  // memory of (H, W, C), that is channels_last, or of (C, H, W)

// Grows; contents are not kept.
class Buffer {
 public:
  float* reserve(int64_t floats);
  // Gives memory back that only a large image needs.
  void trim();
  float* data() { return data_; }

 private:
  std::vector<float> storage_;
  float* data_ = nullptr;  // aligned to a cache line
};

// Source start and weights of each of `count` outputs of a 1-D resize.
struct Taps {
  int taps = 1;
  std::vector<int> start;
  std::vector<float> weights;  // count x taps
  bool identity = false;       // output i is source start[0] + i

  // Triangle filter widened when shrinking, as ATen's antialiased bilinear interpolation (UpSampleKernel.cpp,
  // _compute_indices_min_size_weights_aa): `from` source pixels to `to`, of which [first, first + count) are made,
  // in reverse order when `reversed`.
  void compute(int from, int to, int first, int count, bool reversed);
};

class Canvas {
 public:
  // Begins an image. `channels` is the source's, or 3 to replicate a gray source. Reads nothing yet.
  void load(const ImageView& source, int channels);

  Shape shape() const { return {view_.height, view_.width, channels_}; }
  int64_t area() const { return int64_t{view_.height} * view_.width; }

  // Geometry. A window must lie inside the image.
  void crop(int top, int left, int height, int width);
  void resize(int height, int width);
  void flip_horizontal();
  void flip_vertical();

  // Notes a point operation.
  void point(const PointStep& step);
  // x -> (x - mean[c]) / std[c], done while packing when nothing else follows. Arrays of 1 or `channels`.
  void normalize(std::span<const double> mean, std::span<const double> std);

  // Pixels in [0, 1] (until normalised): channels() planes of area() floats, one after the other.
  float* pixels();
  float* plane(int channel) { return pixels() + channel * area(); }
  // The mean of all pixels' gray, for 1 or 3 channels.
  double mean_gray();

  // Room for a result of the given size, valid until adopt(), which makes it the image.
  float* spare(int height, int width);
  void adopt(int height, int width);

  // Working memory of at least `floats`.
  float* scratch(int64_t floats) { return scratch_.reserve(floats); }

  // Lets go of memory that is not worth keeping warm.
  void trim();

  // Writes the result: height x width x channels values.
  void pack(void* out, OutType type, Layout layout);

 private:
  struct Window {
    int top = 0, left = 0, height = 0, width = 0;
  };

  void read_source();
  void resize_planes(int height, int width);
  bool noted() const { return has_affine_ || !points_.empty(); }
  void take_notes();

  ImageView source_;
  int channels_ = 0;
  bool pending_ = false;  // pixels still in source_: from_ of it, resized to scaled_, view_ of that, flipped
  Window from_, view_;    // without pending_, view_ is the whole image
  int scaled_height_ = 0, scaled_width_ = 0;
  bool flip_x_ = false, flip_y_ = false;
  PointProgram points_;                // noted for pixels that have not taken them yet
  bool has_affine_ = false;            // after points_
  std::vector<float> scale_, offset_;  // one a channel
  Buffer image_, spare_, scratch_;
  Taps vertical_, horizontal_;
  std::vector<const uint8_t*> byte_rows_;
  std::vector<const float*> float_rows_;
};

}  // namespace contrastive::augment
