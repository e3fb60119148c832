// AutoAugment's learned policies. Source: Cubuk et al. 2019, "AutoAugment: learning augmentation strategies from data",
// arXiv:1805.09501, appendix (ImageNet, CIFAR-10, SVHN), in the form of torchvision v2 AutoAugment.
#pragma once

#include <array>

#include "augment/transforms/policy.h"

namespace contrastive::augment {

// An operation, the probability that it is applied, and its strength from 0 to 9 (0 where it has none).
struct PolicyStep {
  PolicyOp op;
  double probability;
  int bin;
};
using SubPolicy = std::array<PolicyStep, 2>;
using Policy = std::array<SubPolicy, 25>;

constexpr Policy kImagenetPolicy = {{
    {{{PolicyOp::kPosterize, 0.4, 8}, {PolicyOp::kRotate, 0.6, 9}}},
    {{{PolicyOp::kSolarize, 0.6, 5}, {PolicyOp::kAutoContrast, 0.6, 0}}},
    {{{PolicyOp::kEqualize, 0.8, 0}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kPosterize, 0.6, 7}, {PolicyOp::kPosterize, 0.6, 6}}},
    {{{PolicyOp::kEqualize, 0.4, 0}, {PolicyOp::kSolarize, 0.2, 4}}},
    {{{PolicyOp::kEqualize, 0.4, 0}, {PolicyOp::kRotate, 0.8, 8}}},
    {{{PolicyOp::kSolarize, 0.6, 3}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kPosterize, 0.8, 5}, {PolicyOp::kEqualize, 1.0, 0}}},
    {{{PolicyOp::kRotate, 0.2, 3}, {PolicyOp::kSolarize, 0.6, 8}}},
    {{{PolicyOp::kEqualize, 0.6, 0}, {PolicyOp::kPosterize, 0.4, 6}}},
    {{{PolicyOp::kRotate, 0.8, 8}, {PolicyOp::kColor, 0.4, 0}}},
    {{{PolicyOp::kRotate, 0.4, 9}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kEqualize, 0.0, 0}, {PolicyOp::kEqualize, 0.8, 0}}},
    {{{PolicyOp::kInvert, 0.6, 0}, {PolicyOp::kEqualize, 1.0, 0}}},
    {{{PolicyOp::kColor, 0.6, 4}, {PolicyOp::kContrast, 1.0, 8}}},
    {{{PolicyOp::kRotate, 0.8, 8}, {PolicyOp::kColor, 1.0, 2}}},
    {{{PolicyOp::kColor, 0.8, 8}, {PolicyOp::kSolarize, 0.8, 7}}},
    {{{PolicyOp::kSharpness, 0.4, 7}, {PolicyOp::kInvert, 0.6, 0}}},
    {{{PolicyOp::kShearX, 0.6, 5}, {PolicyOp::kEqualize, 1.0, 0}}},
    {{{PolicyOp::kColor, 0.4, 0}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kEqualize, 0.4, 0}, {PolicyOp::kSolarize, 0.2, 4}}},
    {{{PolicyOp::kSolarize, 0.6, 5}, {PolicyOp::kAutoContrast, 0.6, 0}}},
    {{{PolicyOp::kInvert, 0.6, 0}, {PolicyOp::kEqualize, 1.0, 0}}},
    {{{PolicyOp::kColor, 0.6, 4}, {PolicyOp::kContrast, 1.0, 8}}},
    {{{PolicyOp::kEqualize, 0.8, 0}, {PolicyOp::kEqualize, 0.6, 0}}},
}};

constexpr Policy kCifar10Policy = {{
    {{{PolicyOp::kInvert, 0.1, 0}, {PolicyOp::kContrast, 0.2, 6}}},
    {{{PolicyOp::kRotate, 0.7, 2}, {PolicyOp::kTranslateX, 0.3, 9}}},
    {{{PolicyOp::kSharpness, 0.8, 1}, {PolicyOp::kSharpness, 0.9, 3}}},
    {{{PolicyOp::kShearY, 0.5, 8}, {PolicyOp::kTranslateY, 0.7, 9}}},
    {{{PolicyOp::kAutoContrast, 0.5, 0}, {PolicyOp::kEqualize, 0.9, 0}}},
    {{{PolicyOp::kShearY, 0.2, 7}, {PolicyOp::kPosterize, 0.3, 7}}},
    {{{PolicyOp::kColor, 0.4, 3}, {PolicyOp::kBrightness, 0.6, 7}}},
    {{{PolicyOp::kSharpness, 0.3, 9}, {PolicyOp::kBrightness, 0.7, 9}}},
    {{{PolicyOp::kEqualize, 0.6, 0}, {PolicyOp::kEqualize, 0.5, 0}}},
    {{{PolicyOp::kContrast, 0.6, 7}, {PolicyOp::kSharpness, 0.6, 5}}},
    {{{PolicyOp::kColor, 0.7, 7}, {PolicyOp::kTranslateX, 0.5, 8}}},
    {{{PolicyOp::kEqualize, 0.3, 0}, {PolicyOp::kAutoContrast, 0.4, 0}}},
    {{{PolicyOp::kTranslateY, 0.4, 3}, {PolicyOp::kSharpness, 0.2, 6}}},
    {{{PolicyOp::kBrightness, 0.9, 6}, {PolicyOp::kColor, 0.2, 8}}},
    {{{PolicyOp::kSolarize, 0.5, 2}, {PolicyOp::kInvert, 0.0, 0}}},
    {{{PolicyOp::kEqualize, 0.2, 0}, {PolicyOp::kAutoContrast, 0.6, 0}}},
    {{{PolicyOp::kEqualize, 0.2, 0}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kColor, 0.9, 9}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kAutoContrast, 0.8, 0}, {PolicyOp::kSolarize, 0.2, 8}}},
    {{{PolicyOp::kBrightness, 0.1, 3}, {PolicyOp::kColor, 0.7, 0}}},
    {{{PolicyOp::kSolarize, 0.4, 5}, {PolicyOp::kAutoContrast, 0.9, 0}}},
    {{{PolicyOp::kTranslateY, 0.9, 9}, {PolicyOp::kTranslateY, 0.7, 9}}},
    {{{PolicyOp::kAutoContrast, 0.9, 0}, {PolicyOp::kSolarize, 0.8, 3}}},
    {{{PolicyOp::kEqualize, 0.8, 0}, {PolicyOp::kInvert, 0.1, 0}}},
    {{{PolicyOp::kTranslateY, 0.7, 9}, {PolicyOp::kAutoContrast, 0.9, 0}}},
}};

constexpr Policy kSvhnPolicy = {{
    {{{PolicyOp::kShearX, 0.9, 4}, {PolicyOp::kInvert, 0.2, 0}}},
    {{{PolicyOp::kShearY, 0.9, 8}, {PolicyOp::kInvert, 0.7, 0}}},
    {{{PolicyOp::kEqualize, 0.6, 0}, {PolicyOp::kSolarize, 0.6, 6}}},
    {{{PolicyOp::kInvert, 0.9, 0}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kEqualize, 0.6, 0}, {PolicyOp::kRotate, 0.9, 3}}},
    {{{PolicyOp::kShearX, 0.9, 4}, {PolicyOp::kAutoContrast, 0.8, 0}}},
    {{{PolicyOp::kShearY, 0.9, 8}, {PolicyOp::kInvert, 0.4, 0}}},
    {{{PolicyOp::kShearY, 0.9, 5}, {PolicyOp::kSolarize, 0.2, 6}}},
    {{{PolicyOp::kInvert, 0.9, 0}, {PolicyOp::kAutoContrast, 0.8, 0}}},
    {{{PolicyOp::kEqualize, 0.6, 0}, {PolicyOp::kRotate, 0.9, 3}}},
    {{{PolicyOp::kShearX, 0.9, 4}, {PolicyOp::kSolarize, 0.3, 3}}},
    {{{PolicyOp::kShearY, 0.8, 8}, {PolicyOp::kInvert, 0.7, 0}}},
    {{{PolicyOp::kEqualize, 0.9, 0}, {PolicyOp::kTranslateY, 0.6, 6}}},
    {{{PolicyOp::kInvert, 0.9, 0}, {PolicyOp::kEqualize, 0.6, 0}}},
    {{{PolicyOp::kContrast, 0.3, 3}, {PolicyOp::kRotate, 0.8, 4}}},
    {{{PolicyOp::kInvert, 0.8, 0}, {PolicyOp::kTranslateY, 0.0, 2}}},
    {{{PolicyOp::kShearY, 0.7, 6}, {PolicyOp::kSolarize, 0.4, 8}}},
    {{{PolicyOp::kInvert, 0.6, 0}, {PolicyOp::kRotate, 0.8, 4}}},
    {{{PolicyOp::kShearY, 0.3, 7}, {PolicyOp::kTranslateX, 0.9, 3}}},
    {{{PolicyOp::kShearX, 0.1, 6}, {PolicyOp::kInvert, 0.6, 0}}},
    {{{PolicyOp::kSolarize, 0.7, 2}, {PolicyOp::kTranslateY, 0.6, 7}}},
    {{{PolicyOp::kShearY, 0.8, 4}, {PolicyOp::kInvert, 0.8, 0}}},
    {{{PolicyOp::kShearX, 0.7, 9}, {PolicyOp::kTranslateY, 0.8, 3}}},
    {{{PolicyOp::kShearY, 0.8, 5}, {PolicyOp::kAutoContrast, 0.7, 0}}},
    {{{PolicyOp::kShearX, 0.7, 2}, {PolicyOp::kInvert, 0.1, 0}}},
}};

}  // namespace contrastive::augment
