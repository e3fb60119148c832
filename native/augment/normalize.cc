// (x - mean) / std for each channel. Source: torchvision v2 Normalize.
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Normalize final : public Transform {
 public:
  explicit Normalize(const TransformSpec& spec) : Transform(spec) {
    const std::vector<double>&mean = spec.list("mean"), &std = spec.list("std");
    CONTRASTIVE_CHECK(mean.size() == std.size(), kOptionError, kind(), ": mean and std must have one length, got ",
                      mean.size(), " and ", std.size());
    for (size_t i = 0; i < mean.size(); ++i) {
      CONTRASTIVE_CHECK(std[i] > 0, kOptionError, kind(), ": std must be > 0, got ", std[i]);
      scale_.push_back(static_cast<float>(1.0 / std[i]));
      offset_.push_back(static_cast<float>(-mean[i] / std[i]));
    }
  }

  Shape output_shape(Shape input) const override {
    CONTRASTIVE_CHECK(scale_.size() == 1 || static_cast<int>(scale_.size()) == input.channels, kShapeError, kind(),
                      " with ", scale_.size(), " means cannot take an image of ", input.channels, " channels");
    return input;
  }

  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { canvas.affine(scale_, offset_); }

 private:
  std::vector<float> scale_, offset_;
};

CONTRASTIVE_TRANSFORM("normalize", Normalize);

}  // namespace
}  // namespace contrastive::augment
