// What transforms come down to: operations on an image, as plain data without randomness, of which a transform makes a
// plan. A canvas takes one after the other, by apply(); a batch of tensors those of all its samples together, by
// apply_each() of augment_tensor/operations.h. Both are in the files that the headings name, here and there.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "augment/canvas.h"
#include "augment/mapping.h"
#include "augment/noise.h"

namespace contrastive::augment {

// In pixels from the top left corner; numbers that come from outside have been checked.
struct Window {
  int top = 0, left = 0, height = 0, width = 0;
};

// How an image goes on beyond its border: a value, its border pixel, its mirror image without or with that.
enum class PaddingMode { kConstant, kEdge, kReflect, kSymmetric };

struct Padding {
  int left = 0, top = 0, right = 0, bottom = 0;
  PaddingMode mode = PaddingMode::kConstant;
  double fill = 0;

  int across() const { return left > right ? left : right; }
  int down() const { return top > bottom ? top : bottom; }
  // The shape of the padded image.
  Shape around(Shape image) const { return {image.height + top + bottom, image.width + left + right, image.channels}; }
};

// The source index that position `i` of an axis of n pixels shows, beyond its ends too, or -1 for the fill value.
int padded_index(int i, int n, PaddingMode mode);

enum class Interpolation { kNearest, kBilinear };

// How pixels are read between the source's. What lies outside is `fill`, with which bilinear sampling blends the edge;
// without one it is 0, and the edge is not blended.
struct Sampling {
  Interpolation interpolation = Interpolation::kNearest;
  std::optional<double> fill = 0;
};

namespace operation {

// crop.cc

struct Crop {  // the window of the padded image
  Window window;
  Padding padding;
  void apply(Canvas& canvas) const;
};

struct Flip {
  bool horizontal, vertical;
  void apply(Canvas& canvas) const;
};

struct Rotate90 {  // 0 to 3 quarter turns counter-clockwise; of images that are not square, even ones
  int turns;
  void apply(Canvas& canvas) const;
};

// resample.cc

struct ResizedCrop {  // the window made height x width: bilinear, antialiased
  Window window;
  int height = 0, width = 0;
  void apply(Canvas& canvas) const;
};

// warp.cc: the size stays

struct Warp {
  Mapping mapping{};
  Sampling sampling;
  void apply(Canvas& canvas) const;
};

struct Elastic {  // displaced by uniform noise in [-1, 1), smoothed by sigma pixels, times half of alpha pixels
  NoiseKey key{};
  std::array<double, 2> alpha{}, sigma{};  // x, y
  Sampling sampling;
  // Of the displacement along `axis`, in both directions; odd.
  int kernel_size(int axis) const { return static_cast<int>(8 * sigma[axis] + 1) | 1; }
  void apply(Canvas& canvas) const;
};

// color.cc: on 1 or 3 channels; a gray image has neither saturation nor hue

struct AdjustBrightness {  // clamp(x factor)
  float factor;
  void apply(Canvas& canvas) const;
};

struct AdjustContrast {  // blend with the mean of gray
  float factor;
  void apply(Canvas& canvas) const;
};

struct AdjustSaturation {  // blend with gray
  float factor;
  void apply(Canvas& canvas) const;
};

struct AdjustHue {  // by turns of the colour circle, [-0.5, 0.5]
  float turns;
  void apply(Canvas& canvas) const;
};

struct Grayscale {
  void apply(Canvas& canvas) const;
};

// levels.cc: each channel by itself

struct Invert {
  void apply(Canvas& canvas) const;
};

struct Solarize {  // 1 - x where x >= threshold
  float threshold;
  void apply(Canvas& canvas) const;
};

struct Posterize {  // the lower end of x's level of 2^bits
  int bits;
  void apply(Canvas& canvas) const;
};

struct Autocontrast {  // from 0 to 1; a channel of one value stays
  void apply(Canvas& canvas) const;
};

struct Equalize {  // the 256 levels of a byte about equally frequent
  void apply(Canvas& canvas) const;
};

struct Normalize {  // (x - mean) / std, one for all channels or one for each; the transform's own numbers
  std::span<const double> mean, std;
  void apply(Canvas& canvas) const;
};

// filter.cc: each channel by itself

struct AdjustSharpness {  // blend with the 3 x 3 smoothed image; the border stays
  float factor;
  void apply(Canvas& canvas) const;
};

struct GaussianBlur {  // over an odd number of pixels, sigma > 0 in pixels, reflected borders
  int kernel_size;
  double sigma;
  void apply(Canvas& canvas) const;
};

struct Sobel {
  void apply(Canvas& canvas) const;
};

// fill.cc

struct GaussianNoise {  // x + mean + sigma N(0, 1), clamped to [0, 1] where `clip`
  NoiseKey key{};
  double mean = 0, sigma = 0;
  bool clip = false;
  void apply(Canvas& canvas) const;
};

struct Erase {  // the window becomes `value`, one for all channels or one for each; the transform's own numbers
  Window window;
  std::span<const double> value;
  void apply(Canvas& canvas) const;
};

struct EraseWithNoise {  // N(0, 1)
  Window window;
  NoiseKey key{};
  void apply(Canvas& canvas) const;
};

}  // namespace operation

using Operation =
    std::variant<operation::Crop, operation::Flip, operation::Rotate90, operation::ResizedCrop, operation::Warp,
                 operation::Elastic, operation::AdjustBrightness, operation::AdjustContrast,
                 operation::AdjustSaturation, operation::AdjustHue, operation::Grayscale, operation::Invert,
                 operation::Solarize, operation::Posterize, operation::Autocontrast, operation::Equalize,
                 operation::Normalize, operation::AdjustSharpness, operation::GaussianBlur, operation::Sobel,
                 operation::GaussianNoise, operation::Erase, operation::EraseWithNoise>;

// One after the other.
using Plan = std::vector<Operation>;

}  // namespace contrastive::augment
