#pragma once

#include <limits>

namespace contrastive {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace contrastive
