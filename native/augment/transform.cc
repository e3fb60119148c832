#include "augment/transform.h"

#include <cmath>

namespace contrastive::augment {
namespace {

std::map<std::string, TransformFactory>& registry() {
  static std::map<std::string, TransformFactory> factories;
  return factories;
}

}  // namespace

const std::vector<double>& TransformSpec::list(const std::string& name, Bounds bounds) const {
  const auto found = numbers.find(name);
  CONTRASTIVE_CHECK(found != numbers.end() && !found->second.empty(), kOptionError, kind, ": ", name, " is missing");
  for (const double value : found->second) check_number(kind, name, value, bounds);
  return found->second;
}

double TransformSpec::number(const std::string& name, Bounds bounds) const {
  const std::vector<double>& values = list(name, bounds);
  CONTRASTIVE_CHECK(values.size() == 1, kOptionError, kind, ": ", name, " must be one number, got ", values.size());
  return values[0];
}

int TransformSpec::integer(const std::string& name, Bounds bounds) const {
  const double value = number(name, bounds);
  CONTRASTIVE_CHECK(value == std::floor(value) && std::abs(value) <= 1 << 24, kOptionError, kind, ": ", name,
                    " must be an integer of at most 2^24, got ", value);
  return static_cast<int>(value);
}

std::array<double, 2> TransformSpec::pair(const std::string& name, Bounds bounds) const {
  const std::vector<double>& values = list(name, bounds);
  CONTRASTIVE_CHECK(values.size() == 2, kOptionError, kind, ": ", name, " must be two numbers, got ", values.size());
  return {values[0], values[1]};
}

std::array<double, 2> TransformSpec::range(const std::string& name, Bounds bounds) const {
  const std::array<double, 2> range = pair(name);
  const std::string least = std::isinf(bounds.min) ? "" : message(bounds.min, bounds.open ? " < " : " <= ");
  const std::string most = std::isinf(bounds.max) ? "" : message(" <= ", bounds.max);
  CONTRASTIVE_CHECK(bounds.hold(range[0]) && range[0] <= range[1] && bounds.hold(range[1]), kOptionError, kind, ": ",
                    name, " must be ", least, "min <= max", most, ", got [", range[0], ", ", range[1], "]");
  return range;
}

std::array<int, 2> TransformSpec::size() const {
  const auto [height, width] = pair("size");
  return checked_size(kind, height, width);
}

Sampling TransformSpec::sampling() const {
  const auto fill = numbers.find("fill");
  const bool is_none = fill != numbers.end() && fill->second.empty();
  return checked_sampling(kind, word("interpolation"), is_none ? std::nullopt : std::optional(number("fill")));
}

const std::string& TransformSpec::word(const std::string& name) const {
  const auto found = words.find(name);
  CONTRASTIVE_CHECK(found != words.end(), kOptionError, kind, ": ", name, " is missing");
  return found->second;
}

Transform::Transform(const TransformSpec& spec) : kind_(spec.kind), p_(spec.number("p", {.min = 0, .max = 1})) {}

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

TransformRegistration::TransformRegistration(const char* kind, TransformFactory factory) { registry()[kind] = factory; }

std::unique_ptr<Transform> make_transform(const TransformSpec& spec) {
  const auto found = registry().find(spec.kind);
  CONTRASTIVE_CHECK(found != registry().end(), kOptionError, "unknown transform '", spec.kind, "'");
  return found->second(spec);
}

}  // namespace contrastive::augment
