// The window of the given size at the centre. Source: torchvision v2 CenterCrop, but an image smaller than the window
// is an error here, not padded.
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class CenterCrop final : public Transform {
 public:
  explicit CenterCrop(const TransformSpec& spec) : Transform(spec), height_(spec.size()[0]), width_(spec.size()[1]) {}

  Shape output_shape(Shape input) const override {
    CONTRASTIVE_CHECK(height_ <= input.height && width_ <= input.width, kShapeError, kind(), " of ", height_, " x ",
                      width_, " is larger than the image of ", input.height, " x ", input.width);
    return {height_, width_, input.channels};
  }

  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }

  void apply(Canvas& canvas, const Drawn&) const override {
    const Shape shape = canvas.shape();
    canvas.crop(round_half_even((shape.height - height_) / 2.0), round_half_even((shape.width - width_) / 2.0), height_,
                width_);
  }

 private:
  int height_, width_;
};

CONTRASTIVE_TRANSFORM("centerCrop", CenterCrop);

}  // namespace
}  // namespace contrastive::augment
