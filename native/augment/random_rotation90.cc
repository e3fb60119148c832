// A random number of quarter turns, counter-clockwise; pixels move, none is computed. One of the augmentations of
// SimCLR's study (Chen et al. 2020, arXiv:2002.05709, fig. 4). Same direction as torch.rot90.
#include <algorithm>
#include <utility>

#include "augment/transform.h"

namespace contrastive::augment {
namespace {

// Square tiles of floats, two of which fit into the first-level cache: rows of one are columns of the other.
constexpr int kTile = 32;

void transpose(float* plane, int size) {
  for (int top = 0; top < size; top += kTile)
    for (int left = top; left < size; left += kTile)
      for (int y = top; y < std::min(top + kTile, size); ++y)
        for (int x = std::max(left, y + 1); x < std::min(left + kTile, size); ++x)
          std::swap(plane[int64_t{y} * size + x], plane[int64_t{x} * size + y]);
}

class RandomRotation90 final : public Transform {
 public:
  using Transform::Transform;

  std::vector<std::string> drawn_names() const override { return {"turns"}; }

  // Results of one batch have one shape, so an image that is not square takes half turns only.
  Drawn draw(Philox& random, Shape input) const override {
    if (input.height != input.width) return {static_cast<double>(2 * random.below(2))};
    return {static_cast<double>(random.below(4))};
  }

  // One turn takes (y, x) to (size - 1 - x, y): a transposition, then top and bottom swap. Three go the other way.
  void apply(Canvas& canvas, const Drawn& drawn) const override {
    const int turns = drawn.at(0);
    if (turns % 2 == 1)
      for (int c = 0; c < canvas.shape().channels; ++c) transpose(canvas.plane(c), canvas.shape().width);
    if (turns == 1 || turns == 2) canvas.flip_vertical();
    if (turns == 2 || turns == 3) canvas.flip_horizontal();
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    const bool whole = drawn[0] == 0 || drawn[0] == 1 || drawn[0] == 2 || drawn[0] == 3;
    CONTRASTIVE_CHECK(whole, kOptionError, kind(), ": turns must be 0, 1, 2 or 3, got ", drawn[0]);
    CONTRASTIVE_CHECK(drawn.at(0) % 2 == 0 || input.height == input.width, kOptionError, kind(),
                      ": turns must be 0 or 2 for an image of ", input.height, " x ", input.width, ", got ", drawn[0]);
  }
};

CONTRASTIVE_TRANSFORM("randomRotation90", RandomRotation90);

}  // namespace
}  // namespace contrastive::augment
