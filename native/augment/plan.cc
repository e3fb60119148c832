#include "augment/plan.h"

#include <cmath>

namespace contrastive::augment {

void rotate(Plan& plan, double degrees, Shape image, const Sampling& sampling) {
  const double angle = std::remainder(degrees, 360.0);
  if (std::abs(angle) == 180) {
    plan.emplace_back(operation::Flip{.horizontal = true, .vertical = true});
  } else if (angle != 0) {
    plan.emplace_back(operation::Warp{inverse_rotation(image, degrees), sampling});
  }
}

}  // namespace contrastive::augment
