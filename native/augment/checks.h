// Checks of numbers from outside that transforms and the functions on image tensors share. They throw kOptionError, or
// kShapeError where it is the image that does not fit, in messages that begin with `where`.
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "augment/operations.h"

namespace contrastive::augment {

// Pixels; wider than any image that fits into memory, and lib/augment/arguments.ts has it too.
constexpr int kLargestSide = 65535;

struct Bounds {
  double min = -std::numeric_limits<double>::infinity(), max = std::numeric_limits<double>::infinity();
  bool open = false;  // min itself is refused

  bool hold(double value) const { return std::isfinite(value) && (open ? value > min : value >= min) && value <= max; }
};

// Finite, and within the bounds.
void check_number(const std::string& where, const std::string& name, double value, const Bounds& bounds);

// Pixels, from 1 to kLargestSide.
std::array<int, 2> checked_size(const std::string& where, double height, double width);

Sampling checked_sampling(const std::string& where, const std::string& interpolation, std::optional<double> fill);

// `sides` are [left, top, right, bottom].
Padding checked_padding(const std::string& where, const std::vector<double>& sides, const std::string& mode,
                        double fill);

// The padding can be mirrored, and height x width fits into the padded image.
void check_crop(const std::string& where, int64_t height, int64_t width, const Padding& padding, Shape image);

// [top, left, height, width] lies inside the image, with sides of at least `least`; `image` in words.
void check_window(const std::string& where, const std::array<double, 4>& window, Shape image, int least,
                  const char* words = "image");

// Odd, and small enough to be reflected.
void check_kernel_size(const std::string& where, int64_t kernel_size);
void check_kernel_fits(const std::string& where, int64_t kernel_size, Shape image);

}  // namespace contrastive::augment
