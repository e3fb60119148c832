// Colours. Source: torchvision v2 functional/_color.py, on float images.
#include "augment/operations.h"

namespace contrastive::augment::operation {

void AdjustBrightness::apply(Canvas& canvas) const { canvas.point({.kind = PointStep::kScale, .a = factor}); }

void AdjustContrast::apply(Canvas& canvas) const {
  const auto rest = static_cast<float>((1.0 - factor) * canvas.mean_gray());
  canvas.point({.kind = PointStep::kBlend, .a = factor, .b = rest});
}

void AdjustSaturation::apply(Canvas& canvas) const {
  if (canvas.shape().channels == 3) canvas.point({.kind = PointStep::kSaturation, .a = factor});
}

void AdjustHue::apply(Canvas& canvas) const {
  if (canvas.shape().channels == 3) canvas.point({.kind = PointStep::kHue, .a = turns});
}

void Grayscale::apply(Canvas& canvas) const {
  if (canvas.shape().channels == 3) canvas.point({.kind = PointStep::kGray});
}

}  // namespace contrastive::augment::operation
