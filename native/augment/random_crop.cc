// A random window of fixed size of the image padded by `padding` = [left, top, right, bottom] with `fill`, or by its
// reflection or edge. Source: torchvision v2 RandomCrop.
#include <algorithm>

#include "augment/transform.h"

namespace contrastive::augment {
namespace {

// The source index that padded position `i` shows, or -1 for the fill value.
int padded_index(int i, int n, const std::string& mode) {
  if (i >= 0 && i < n) return i;
  if (mode == "edge") return std::clamp(i, 0, n - 1);
  if (mode == "constant") return -1;
  const int skip = mode == "reflect" ? 1 : 0;  // 'symmetric' repeats the border pixel
  return i < 0 ? -i - 1 + skip : 2 * n - 1 - i - skip;
}

class RandomCrop final : public Transform {
 public:
  explicit RandomCrop(const TransformSpec& spec)
      : Transform(spec),
        height_(spec.size()[0]),
        width_(spec.size()[1]),
        padding_(spec.list("padding")),
        fill_(static_cast<float>(spec.number("fill"))),
        mode_(spec.word("paddingMode")) {
    CONTRASTIVE_CHECK(padding_.size() == 4, kOptionError, kind(), ": padding must be four numbers");
    for (double side : padding_)
      CONTRASTIVE_CHECK(side >= 0 && side <= kLargestSide, kOptionError, kind(),
                        ": padding must be >= 0 and <= ", kLargestSide, ", got ", side);
    CONTRASTIVE_CHECK(mode_ == "constant" || mode_ == "edge" || mode_ == "reflect" || mode_ == "symmetric",
                      kOptionError, kind(), ": unknown paddingMode '", mode_, "'");
  }

  std::vector<std::string> drawn_names() const override { return {"top", "left"}; }

  Shape output_shape(Shape input) const override {
    const int height = padded_height(input), width = padded_width(input);
    CONTRASTIVE_CHECK(height_ <= height && width_ <= width, kShapeError, kind(), " of ", height_, " x ", width_,
                      " is larger than the padded image of ", height, " x ", width);
    const double across = std::max(padding_[0], padding_[2]), down = std::max(padding_[1], padding_[3]);
    const int kept = mode_ == "reflect" ? 1 : 0;  // the border pixel, which 'symmetric' repeats
    CONTRASTIVE_CHECK(
        (mode_ != "reflect" && mode_ != "symmetric") || (across <= input.width - kept && down <= input.height - kept),
        kShapeError, kind(), ": ", mode_, " padding of ", across, " across and ", down,
        " down is too large for an image of ", input.height, " x ", input.width);
    return {height_, width_, input.channels};
  }

  Drawn draw(Philox& random, Shape input) const override {
    return {static_cast<double>(random.below(padded_height(input) - height_ + 1)),
            static_cast<double>(random.below(padded_width(input) - width_ + 1))};
  }

  void apply(Canvas& canvas, const Drawn& drawn) const override {
    const Shape shape = canvas.shape();
    const int top = drawn.at(0) - static_cast<int>(padding_[1]), left = drawn.at(1) - static_cast<int>(padding_[0]);
    if (top >= 0 && left >= 0 && top + height_ <= shape.height && left + width_ <= shape.width) {
      canvas.crop(top, left, height_, width_);
      return;
    }
    const float* from = canvas.pixels();
    float* to = canvas.spare(height_, width_);
    for (int c = 0; c < shape.channels; ++c) {
      for (int y = 0; y < height_; ++y) {
        const int row = padded_index(top + y, shape.height, mode_);
        const float* source = from + (int64_t{c} * shape.height + std::max(row, 0)) * shape.width;
        for (int x = 0; x < width_; ++x) {
          const int column = padded_index(left + x, shape.width, mode_);
          *to++ = row < 0 || column < 0 ? fill_ : source[column];
        }
      }
    }
    canvas.adopt(height_, width_);
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    CONTRASTIVE_CHECK(drawn[0] >= 0 && drawn[1] >= 0 && drawn[0] + height_ <= padded_height(input) &&
                          drawn[1] + width_ <= padded_width(input),
                      kOptionError, kind(), ": window at (", drawn[0], ", ", drawn[1],
                      ") must lie inside the padded image");
  }

 private:
  int padded_height(Shape input) const { return input.height + static_cast<int>(padding_[1] + padding_[3]); }
  int padded_width(Shape input) const { return input.width + static_cast<int>(padding_[0] + padding_[2]); }

  int height_, width_;
  std::vector<double> padding_;
  float fill_;
  std::string mode_;
};

CONTRASTIVE_TRANSFORM("randomCrop", RandomCrop);

}  // namespace
}  // namespace contrastive::augment
