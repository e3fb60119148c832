#include "augment/transform.h"

#include <cmath>

namespace contrastive::augment {
namespace {

std::map<std::string, TransformFactory>& registry() {
  static std::map<std::string, TransformFactory> factories;
  return factories;
}

}  // namespace

const std::vector<double>& TransformSpec::list(const std::string& name) const {
  const auto found = numbers.find(name);
  CONTRASTIVE_CHECK(found != numbers.end() && !found->second.empty(), kOptionError, kind, ": ", name, " is missing");
  for (double value : found->second)
    CONTRASTIVE_CHECK(std::isfinite(value), kOptionError, kind, ": ", name, " must be finite, got ", value);
  return found->second;
}

double TransformSpec::number(const std::string& name) const {
  const std::vector<double>& values = list(name);
  CONTRASTIVE_CHECK(values.size() == 1, kOptionError, kind, ": ", name, " must be one number, got ", values.size());
  return values[0];
}

int TransformSpec::integer(const std::string& name) const {
  const double value = number(name);
  CONTRASTIVE_CHECK(value == std::floor(value) && std::abs(value) <= 1 << 24, kOptionError, kind, ": ", name,
                    " must be an integer of at most 2^24, got ", value);
  return static_cast<int>(value);
}

std::array<double, 2> TransformSpec::pair(const std::string& name) const {
  const std::vector<double>& values = list(name);
  CONTRASTIVE_CHECK(values.size() == 2, kOptionError, kind, ": ", name, " must be two numbers, got ", values.size());
  return {values[0], values[1]};
}

std::array<int, 2> TransformSpec::size() const {
  const auto [height, width] = pair("size");
  CONTRASTIVE_CHECK(height >= 1 && width >= 1, kOptionError, kind, ": size must be at least 1 x 1, got ", height, " x ",
                    width);
  CONTRASTIVE_CHECK(height <= kLargestSide && width <= kLargestSide, kOptionError, kind, ": size must be at most ",
                    kLargestSide, " x ", kLargestSide, ", got ", height, " x ", width);
  return {static_cast<int>(height), static_cast<int>(width)};
}

const std::string& TransformSpec::word(const std::string& name) const {
  const auto found = words.find(name);
  CONTRASTIVE_CHECK(found != words.end(), kOptionError, kind, ": ", name, " is missing");
  return found->second;
}

Transform::Transform(const TransformSpec& spec) : kind_(spec.kind), p_(spec.number("p")) {
  CONTRASTIVE_CHECK(p_ >= 0 && p_ <= 1, kOptionError, kind_, ": p must be in [0, 1], got ", p_);
}

void Transform::check_drawn(const Drawn& drawn, Shape) const {
  const auto expected = static_cast<int>(drawn_names().size());
  CONTRASTIVE_CHECK(drawn.count == expected, kOptionError, kind_, ": expected ", expected, " drawn numbers, got ",
                    drawn.count);
  for (int i = 0; i < drawn.count; ++i)
    CONTRASTIVE_CHECK(std::isfinite(drawn[i]), kOptionError, kind_, ": drawn numbers must be finite, got ", drawn[i]);
}

Shape Transform::expect_color(Shape input) const {
  CONTRASTIVE_CHECK(input.channels == 1 || input.channels == 3, kShapeError, kind_,
                    " needs an image of 1 or 3 channels, got ", input.channels);
  return input;
}

void Transform::expect_window(const Drawn& drawn, Shape input, int least) const {
  Transform::check_drawn(drawn, input);
  const double top = drawn[0], left = drawn[1], height = drawn[2], width = drawn[3];
  CONTRASTIVE_CHECK(top >= 0 && left >= 0 && height >= least && width >= least && top + height <= input.height &&
                        left + width <= input.width,
                    kOptionError, kind(), ": window of ", height, " x ", width, " at (", top, ", ", left,
                    ") must lie inside the image of ", input.height, " x ", input.width);
}

TransformRegistration::TransformRegistration(const char* kind, TransformFactory factory) { registry()[kind] = factory; }

std::unique_ptr<Transform> make_transform(const TransformSpec& spec) {
  const auto found = registry().find(spec.kind);
  CONTRASTIVE_CHECK(found != registry().end(), kOptionError, "unknown transform '", spec.kind, "'");
  return found->second(spec);
}

}  // namespace contrastive::augment
