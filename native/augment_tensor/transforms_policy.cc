// RandAugment, TrivialAugment and AutoAugment in batches: step by step, the samples that drew the same operation take
// it together.
#include <ATen/ATen.h>

#include "augment/policy.h"
#include "augment_tensor/color.h"
#include "augment_tensor/filter.h"
#include "augment_tensor/images.h"
#include "augment_tensor/levels.h"
#include "augment_tensor/transforms.h"
#include "augment_tensor/warp.h"

namespace contrastive::augment_tensor {
namespace {

using at::Tensor;
using augment::PolicyOp;

// The mapping of a geometric operation.
augment::Mapping mapping_of(PolicyOp op, double magnitude, augment::Shape shape) {
  if (augment::is_shift(op)) return augment::shift_mapping(op, magnitude, shape);
  return augment::inverse_affine(augment::center_of(shape), -std::remainder(magnitude, 360.0), {0, 0}, 1, {0, 0});
}

// Operations that change nothing, not even values outside [0, 1], which the others clamp.
bool is_neutral(PolicyOp op, double magnitude) {
  return op == PolicyOp::kIdentity || (augment::is_signed(op) && magnitude == 0);
}

Tensor take(const Tensor& images, PolicyOp op, const std::vector<double>& magnitudes,
            const augment::TransformSpec& spec) {
  const Tensor magnitude = at::tensor(magnitudes, at::kFloat), factor = 1 + magnitude;
  switch (op) {
    case PolicyOp::kShearX:
    case PolicyOp::kShearY:
    case PolicyOp::kTranslateX:
    case PolicyOp::kTranslateY:
    case PolicyOp::kRotate: {
      const Batch batch = Batch::floating(spec.kind.c_str(), images);
      std::vector<augment::Mapping> mappings;
      mappings.reserve(magnitudes.size());
      for (const double each : magnitudes) mappings.push_back(mapping_of(op, each, batch.shape()));
      return warp(batch, mappings, spec.word("interpolation"), spec.number("fill"));
    }
    case PolicyOp::kBrightness:
      return image_adjust_brightness(images, factor);
    case PolicyOp::kColor:
      return image_adjust_saturation(images, factor);
    case PolicyOp::kContrast:
      return image_adjust_contrast(images, factor);
    case PolicyOp::kSharpness:
      return image_adjust_sharpness(images, factor);
    case PolicyOp::kPosterize:
      return image_posterize(images, {magnitudes.begin(), magnitudes.end()});
    case PolicyOp::kSolarize:
      return image_solarize(images, magnitude);
    case PolicyOp::kAutoContrast:
      return image_autocontrast(images);
    case PolicyOp::kEqualize:
      return image_equalize(images);
    case PolicyOp::kInvert:
      return image_invert(images);
    default:
      return images;
  }
}

Tensor policy(const Tensor& images, const Application& a) {
  const int steps = a.drawn[0].count / 2;  // drawn: all operations, then all magnitudes
  Tensor result = images.clone();
  for (int step = 0; step < steps; ++step) {
    for (int op = 0; op < augment::kPolicyOps; ++op) {
      std::vector<int64_t> takers;
      std::vector<double> magnitudes;
      for (size_t i = 0; i < a.drawn.size(); ++i) {
        const double magnitude = a.drawn[i][steps + step];
        if (a.drawn[i].at(step) != op || is_neutral(static_cast<PolicyOp>(op), magnitude)) continue;
        takers.push_back(static_cast<int64_t>(i));
        magnitudes.push_back(magnitude);
      }
      change_some_own(result, takers,
                      [&](const Tensor& some) { return take(some, static_cast<PolicyOp>(op), magnitudes, a.spec); });
    }
  }
  return result;
}

const BatchedRegistration rand_augment("randAugment", &policy), trivial_augment_wide("trivialAugmentWide", &policy),
    auto_augment("autoAugment", &policy);

}  // namespace
}  // namespace contrastive::augment_tensor
