#include "augment/points.h"

#include <algorithm>

#include "augment/kernels.h"

namespace contrastive::augment {
namespace {

void run_on_plane(const PointStep& step, float* x, int64_t n) {
  const Kernels& k = kernels();
  switch (step.kind) {
    case PointStep::kScale:
      return k.scale(x, n, step.a);
    case PointStep::kBlend:
      return k.blend_constant(x, n, step.a, step.b);
    case PointStep::kStretch:
      return k.stretch(x, n, step.a, step.b);
    case PointStep::kSolarize:
      return k.solarize(x, n, step.a);
    case PointStep::kPosterize:
      return k.posterize(x, n, step.a);
    case PointStep::kInvert:
      return k.invert(x, n);
    default:
      return;
  }
}

}  // namespace

int64_t PointProgram::block(int channels) {
  constexpr int64_t kFloats = 3072;  // 12 KB, so that block and packed result fit into a first-level cache of 32
  constexpr int64_t kLeast = 256;    // shorter loops are mostly their own beginning and end
  return std::max(kLeast, kFloats / channels);
}

void PointProgram::run(float* pixels, int channels, int64_t stride, int64_t n) const {
  const Kernels& k = kernels();
  for (const PointStep& step : steps_) {
    if (step.kind == PointStep::kSaturation) {
      k.blend_gray(pixels, pixels + stride, pixels + 2 * stride, n, step.a);
    } else if (step.kind == PointStep::kHue) {
      k.shift_hue(pixels, pixels + stride, pixels + 2 * stride, n, step.a);
    } else if (step.kind == PointStep::kGray) {
      k.to_gray(pixels, pixels + stride, pixels + 2 * stride, n);
    } else if (step.channel >= 0) {
      run_on_plane(step, pixels + step.channel * stride, n);
    } else {
      for (int c = 0; c < channels; ++c) run_on_plane(step, pixels + c * stride, n);
    }
  }
}

}  // namespace contrastive::augment
