#include "augment/checks.h"

#include "core/choice.h"

namespace contrastive::augment {
namespace {

// "in [0, 1]", "in (0, 8192]", ">= 0", "> 0"
std::string in_words(const Bounds& bounds) {
  if (std::isinf(bounds.max)) return message(bounds.open ? "> " : ">= ", bounds.min);
  return message("in ", bounds.open ? "(" : "[", bounds.min, ", ", bounds.max, "]");
}

}  // namespace

void check_number(const std::string& where, const std::string& name, double value, const Bounds& bounds) {
  CONTRASTIVE_CHECK(std::isfinite(value), kOptionError, where, ": ", name, " must be finite, got ", value);
  CONTRASTIVE_CHECK(bounds.hold(value), kOptionError, where, ": ", name, " must be ", in_words(bounds), ", got ",
                    value);
}

std::array<int, 2> checked_size(const std::string& where, double height, double width) {
  CONTRASTIVE_CHECK(height >= 1 && width >= 1, kOptionError, where, ": size must be at least 1 x 1, got ", height,
                    " x ", width);
  CONTRASTIVE_CHECK(height <= kLargestSide && width <= kLargestSide, kOptionError, where, ": size must be at most ",
                    kLargestSide, " x ", kLargestSide, ", got ", height, " x ", width);
  return {static_cast<int>(height), static_cast<int>(width)};
}

Sampling checked_sampling(const std::string& where, const std::string& interpolation, std::optional<double> fill) {
  if (fill) check_number(where, "fill", *fill, {});
  return {choice_of<Interpolation>(where + ": interpolation", interpolation, {"nearest", "bilinear"}), fill};
}

Padding checked_padding(const std::string& where, const std::vector<double>& sides, const std::string& mode,
                        double fill) {
  CONTRASTIVE_CHECK(sides.size() == 4, kOptionError, where, ": padding must be four numbers, got ", sides.size());
  for (const double side : sides)
    CONTRASTIVE_CHECK(side >= 0 && side <= kLargestSide, kOptionError, where,
                      ": padding must be >= 0 and <= ", kLargestSide, ", got ", side);
  const auto pixels = [&](int i) { return static_cast<int>(sides[i]); };
  return {pixels(0),
          pixels(1),
          pixels(2),
          pixels(3),
          choice_of<PaddingMode>(where + ": paddingMode", mode, {"constant", "edge", "reflect", "symmetric"}),
          fill};
}

void check_crop(const std::string& where, int64_t height, int64_t width, const Padding& padding, Shape image) {
  const bool reflects = padding.mode == PaddingMode::kReflect;
  const int kept = reflects ? 1 : 0;  // the border pixel, which kSymmetric repeats
  CONTRASTIVE_CHECK((!reflects && padding.mode != PaddingMode::kSymmetric) ||
                        (padding.across() <= image.width - kept && padding.down() <= image.height - kept),
                    kShapeError, where, ": ", reflects ? "reflect" : "symmetric", " padding of ", padding.across(),
                    " across and ", padding.down(), " down is too large for an image of ", image.height, " x ",
                    image.width);
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  CONTRASTIVE_CHECK(int64_t{image.height} + padding.top + padding.bottom <= kMost &&
                        int64_t{image.width} + padding.left + padding.right <= kMost,
                    kShapeError, where, ": an image of ", image.height, " x ", image.width,
                    " with its padding must have sides of at most 2^31 - 1");
  const Shape padded = padding.around(image);
  CONTRASTIVE_CHECK(height <= padded.height && width <= padded.width, kShapeError, where, " of ", height, " x ", width,
                    " is larger than the ", padded == image ? "" : "padded ", "image of ", padded.height, " x ",
                    padded.width);
}

void check_window(const std::string& where, const std::array<double, 4>& window, Shape image, int least,
                  const char* words) {
  const auto [top, left, height, width] = window;
  CONTRASTIVE_CHECK(top >= 0 && left >= 0 && height >= least && width >= least && top + height <= image.height &&
                        left + width <= image.width,
                    kOptionError, where, ": window of ", height, " x ", width, " at (", top, ", ", left,
                    ") must lie inside the ", words, " of ", image.height, " x ", image.width);
}

void check_kernel_size(const std::string& where, int64_t kernel_size) {
  CONTRASTIVE_CHECK(kernel_size >= 1 && kernel_size % 2 == 1, kOptionError, where,
                    ": kernelSize must be odd and >= 1, got ", kernel_size);
}

void check_kernel_fits(const std::string& where, int64_t kernel_size, Shape image) {
  CONTRASTIVE_CHECK(kernel_size / 2 < image.height && kernel_size / 2 < image.width, kShapeError, where,
                    " of kernelSize ", kernel_size, " cannot reflect an image of ", image.height, " x ", image.width);
}

}  // namespace contrastive::augment
