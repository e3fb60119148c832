// Operations that several transforms append to their plans; what changes nothing is left out.
#pragma once

#include "augment/operations.h"

namespace contrastive::augment {

template <typename Adjustment, int neutral = 1>
void adjust(Plan& plan, float factor) {
  if (factor != neutral) plan.emplace_back(Adjustment{factor});
}

// About the centre, counter-clockwise; half turns move pixels.
void rotate(Plan& plan, double degrees, Shape image, const Sampling& sampling);

}  // namespace contrastive::augment
