// Moves the four corners inwards at random and maps the image along. Source: torchvision v2 RandomPerspective.
#include <algorithm>
#include <optional>
#include <utility>

#include "augment/transform.h"

namespace contrastive::augment {
namespace {

using Corners = std::array<std::array<double, 2>, 4>;

// The mapping that takes each of `ends` to the same corner of `starts`: 8 equations by Gaussian elimination with
// pivoting; nothing when they have no single solution.
std::optional<Mapping> solve(const Corners& starts, const Corners& ends) {
  double m[8][9] = {};
  for (int i = 0; i < 4; ++i) {
    const auto [x, y] = ends[i];
    for (int axis = 0; axis < 2; ++axis) {
      double* row = m[2 * i + axis];
      const double target = starts[i][axis];
      const int first = 3 * axis;
      row[first] = x;
      row[first + 1] = y;
      row[first + 2] = 1;
      row[6] = -target * x;
      row[7] = -target * y;
      row[8] = target;
    }
  }
  for (int column = 0; column < 8; ++column) {
    int pivot = column;
    for (int row = column + 1; row < 8; ++row)
      if (std::abs(m[row][column]) > std::abs(m[pivot][column])) pivot = row;
    if (std::abs(m[pivot][column]) < 1e-9) return std::nullopt;
    std::swap(m[pivot], m[column]);
    for (int row = 0; row < 8; ++row) {
      if (row == column) continue;
      const double factor = m[row][column] / m[column][column];
      for (int j = column; j < 9; ++j) m[row][j] -= factor * m[column][j];
    }
  }
  Mapping mapping;
  for (int i = 0; i < 8; ++i) mapping[i] = m[i][8] / m[i][i];
  return mapping;
}

class RandomPerspective final : public Transform {
 public:
  explicit RandomPerspective(const TransformSpec& spec)
      : Transform(spec),
        distortion_(spec.number("distortionScale", {.min = 0, .max = 1})),
        sampling_(spec.sampling()) {}

  std::vector<std::string> drawn_names() const override { return std::vector<std::string>(8, "coefficients"); }

  Drawn draw(Philox& random, Shape input) const override {
    const int width = input.width, height = input.height;
    const int half_width = width / 2, half_height = height / 2;
    const int bound_x = static_cast<int>(distortion_ * half_width) + 1;
    const int bound_y = static_cast<int>(distortion_ * half_height) + 1;
    const auto near = [&](int bound) { return static_cast<double>(random.below(bound)); };
    const auto far = [&](int size, int bound) { return static_cast<double>(size - bound + random.below(bound)); };
    Corners ends;
    ends[0][0] = near(bound_x);
    ends[0][1] = near(bound_y);
    ends[1][0] = far(width, bound_x);
    ends[1][1] = near(bound_y);
    ends[2][0] = far(width, bound_x);
    ends[2][1] = far(height, bound_y);
    ends[3][0] = near(bound_x);
    ends[3][1] = far(height, bound_y);
    const double right = width - 1, bottom = height - 1;
    const auto mapping = solve({{{0, 0}, {right, 0}, {right, bottom}, {0, bottom}}}, ends);
    if (!mapping) return Drawn::skipped();  // corners in a line, as in an image one pixel wide: unchanged
    const Mapping& m = *mapping;
    return {m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]};
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    operation::Warp warp{{}, sampling_};
    std::copy_n(drawn.values.begin(), warp.mapping.size(), warp.mapping.begin());
    plan.emplace_back(warp);
  }

 private:
  double distortion_;
  Sampling sampling_;
};

CONTRASTIVE_TRANSFORM("randomPerspective", RandomPerspective);

}  // namespace
}  // namespace contrastive::augment
