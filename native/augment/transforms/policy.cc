#include "augment/transforms/policy.h"

#include <numbers>

#include "augment/plan.h"

namespace contrastive::augment {
namespace {

// Element `i` of torch.linspace(first, last, count) in float: counted from the nearer end.
double linspace(double first, double last, int i, int count) {
  const auto low = static_cast<float>(first), high = static_cast<float>(last);
  const float step = (high - low) / static_cast<float>(count - 1);
  return i < count / 2 ? low + step * static_cast<float>(i) : high - step * static_cast<float>(count - 1 - i);
}

// Of the operations that move pixels along an axis; shears fix the top left corner.
Mapping inverse_shear(Point slope) {
  const auto degrees = [](double x) { return std::atan(x) * 180.0 / std::numbers::pi; };
  return inverse_affine({0, 0}, 0, {0, 0}, 1, {degrees(slope[0]), degrees(slope[1])});
}
Mapping inverse_translation(Shape image, Point pixels) {
  return inverse_affine(center_of(image), 0, {std::trunc(pixels[0]), std::trunc(pixels[1])}, 1, {0, 0});
}

void append(Plan& plan, PolicyOp op, double magnitude, Shape image, const Sampling& sampling) {
  const auto factor = static_cast<float>(1.0 + magnitude);
  const auto add = [&plan](const Operation& operation) { plan.push_back(operation); };
  switch (op) {
    case PolicyOp::kIdentity:
      return;
    case PolicyOp::kShearX:
      return add(operation::Warp{inverse_shear({magnitude, 0}), sampling});
    case PolicyOp::kShearY:
      return add(operation::Warp{inverse_shear({0, magnitude}), sampling});
    case PolicyOp::kTranslateX:
      return add(operation::Warp{inverse_translation(image, {magnitude, 0}), sampling});
    case PolicyOp::kTranslateY:
      return add(operation::Warp{inverse_translation(image, {0, magnitude}), sampling});
    case PolicyOp::kRotate:
      return rotate(plan, magnitude, image, sampling);
    case PolicyOp::kBrightness:
      return adjust<operation::AdjustBrightness>(plan, factor);
    case PolicyOp::kColor:
      return adjust<operation::AdjustSaturation>(plan, factor);
    case PolicyOp::kContrast:
      return adjust<operation::AdjustContrast>(plan, factor);
    case PolicyOp::kSharpness:
      return adjust<operation::AdjustSharpness>(plan, factor);
    case PolicyOp::kPosterize:
      return add(operation::Posterize{static_cast<int>(magnitude)});
    case PolicyOp::kSolarize:
      return add(operation::Solarize{static_cast<float>(magnitude)});
    case PolicyOp::kAutoContrast:
      return add(operation::Autocontrast{});
    case PolicyOp::kEqualize:
      return add(operation::Equalize{});
    case PolicyOp::kInvert:
      return add(operation::Invert{});
  }
}

}  // namespace

PolicySpace standard_space(Shape input) {
  constexpr double kPart = 150.0 / 331.0;
  return {.shear = 0.3,
          .translate_x = kPart * input.width,
          .translate_y = kPart * input.height,
          .rotate = 30,
          .enhance = 0.9,
          .posterize = 4};
}

PolicySpace wide_space() {
  return {.shear = 0.99, .translate_x = 32, .translate_y = 32, .rotate = 135, .enhance = 0.99, .posterize = 6};
}

double policy_magnitude(PolicyOp op, const PolicySpace& space, int bin, int bins) {
  switch (op) {
    case PolicyOp::kShearX:
    case PolicyOp::kShearY:
      return linspace(0, space.shear, bin, bins);
    case PolicyOp::kTranslateX:
      return linspace(0, space.translate_x, bin, bins);
    case PolicyOp::kTranslateY:
      return linspace(0, space.translate_y, bin, bins);
    case PolicyOp::kRotate:
      return linspace(0, space.rotate, bin, bins);
    case PolicyOp::kBrightness:
    case PolicyOp::kColor:
    case PolicyOp::kContrast:
    case PolicyOp::kSharpness:
      return linspace(0, space.enhance, bin, bins);
    case PolicyOp::kPosterize: {
      const float bins_a_bit = static_cast<float>((bins - 1) / static_cast<double>(space.posterize));
      return std::nearbyint(8.0f - static_cast<float>(bin) / bins_a_bit);
    }
    case PolicyOp::kSolarize:
      return linspace(1, 0, bin, bins);
    default:
      return 0;
  }
}

bool is_signed(PolicyOp op) { return op >= PolicyOp::kShearX && op <= PolicyOp::kSharpness; }

std::vector<std::string> PolicyTransform::drawn_names() const {
  const auto count = static_cast<size_t>(operations());
  std::vector<std::string> names(count, "op");
  names.resize(2 * count, "magnitude");
  return names;
}

void PolicyTransform::check_drawn(const Drawn& drawn, Shape input) const {
  Transform::check_drawn(drawn, input);
  const int count = operations();
  for (int i = 0; i < count; ++i) {
    const double number = drawn[i], magnitude = drawn[count + i];
    CONTRASTIVE_CHECK(number >= 0 && number < kPolicyOps && number == std::floor(number), kOptionError, kind(),
                      ": op must be an integer in [0, ", kPolicyOps - 1, "], got ", number);
    const auto op = static_cast<PolicyOp>(drawn.at(i));
    const bool factor = op >= PolicyOp::kBrightness && op <= PolicyOp::kSharpness;
    CONTRASTIVE_CHECK(!factor || magnitude >= -1, kOptionError, kind(), ": magnitude of op ", number,
                      " must be >= -1, got ", magnitude);
    CONTRASTIVE_CHECK(op != PolicyOp::kPosterize || (magnitude >= 0 && magnitude <= 8), kOptionError, kind(),
                      ": magnitude of op ", number, " must be in [0, 8] bits, got ", magnitude);
    CONTRASTIVE_CHECK(op != PolicyOp::kSolarize || (magnitude >= 0 && magnitude <= 1), kOptionError, kind(),
                      ": magnitude of op ", number, " must be in [0, 1], got ", magnitude);
  }
}

void PolicyTransform::plan(const Drawn& drawn, Shape input, Plan& plan) const {
  const int count = operations();
  for (int i = 0; i < count; ++i) append(plan, static_cast<PolicyOp>(drawn.at(i)), drawn[count + i], input, sampling_);
}

PolicyTransform::Choice PolicyTransform::choose(Philox& random, PolicyOp op, const PolicySpace& space, int bin,
                                                int bins) {
  const double magnitude = policy_magnitude(op, space, bin, bins);
  return {op, is_signed(op) && random.below(2) == 1 ? -magnitude : magnitude};
}

Drawn PolicyTransform::to_drawn(const std::vector<Choice>& choices) {
  Drawn drawn = Drawn::plain();
  for (const Choice& choice : choices) drawn.push(static_cast<double>(choice.op));
  for (const Choice& choice : choices) drawn.push(choice.magnitude);
  return drawn;
}

}  // namespace contrastive::augment
