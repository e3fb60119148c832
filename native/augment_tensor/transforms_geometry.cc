// The batched transforms that move pixels.
#include <ATen/ATen.h>

#include "augment_tensor/crop.h"
#include "augment_tensor/resample.h"
#include "augment_tensor/transforms.h"
#include "augment_tensor/warp.h"

namespace contrastive::augment_tensor {
namespace {

using at::Tensor;

Tensor random_resized_crop(const Tensor& images, const Application& a) {
  return image_resized_crop(images, a.integers(0, 4), a.output_size(images));
}
CONTRASTIVE_BATCHED("randomResizedCrop", random_resized_crop);

Tensor resize(const Tensor& images, const Application& a) { return image_resize(images, a.output_size(images)); }
CONTRASTIVE_BATCHED("resize", resize);

Tensor center_crop(const Tensor& images, const Application& a) {
  const std::vector<int64_t> size = a.output_size(images);
  const auto middle = [](int64_t from, int64_t to) {
    return int64_t{augment::round_half_even(static_cast<double>(from - to) / 2)};
  };
  return image_crop(images, {middle(images.size(2), size[0]), middle(images.size(3), size[1])}, size, {0, 0, 0, 0}, 0,
                    "constant");
}
CONTRASTIVE_BATCHED("centerCrop", center_crop);

Tensor random_crop(const Tensor& images, const Application& a) {
  const std::vector<double>& padding = a.spec.list("padding");
  return image_crop(images, a.integers(0, 2), a.output_size(images), {padding.begin(), padding.end()},
                    a.spec.number("fill"), a.spec.word("paddingMode"));
}
CONTRASTIVE_BATCHED("randomCrop", random_crop);

Tensor random_horizontal_flip(const Tensor& images, const Application&) { return image_flip(images, true, false); }
CONTRASTIVE_BATCHED("randomHorizontalFlip", random_horizontal_flip);

Tensor random_vertical_flip(const Tensor& images, const Application&) { return image_flip(images, false, true); }
CONTRASTIVE_BATCHED("randomVerticalFlip", random_vertical_flip);

Tensor random_rotation(const Tensor& images, const Application& a) {
  return image_rotate(images, a.reals(0), a.spec.word("interpolation"), a.spec.number("fill"));
}
CONTRASTIVE_BATCHED("randomRotation", random_rotation);

Tensor random_affine(const Tensor& images, const Application& a) {
  return image_affine(images, a.reals(0), a.reals(1, 2), a.reals(3), a.reals(4, 2), a.spec.word("interpolation"),
                      a.spec.number("fill"));
}
CONTRASTIVE_BATCHED("randomAffine", random_affine);

Tensor random_perspective(const Tensor& images, const Application& a) {
  return image_perspective(images, a.reals(0, 8), a.spec.word("interpolation"), a.spec.number("fill"));
}
CONTRASTIVE_BATCHED("randomPerspective", random_perspective);

Tensor random_rotation90(const Tensor& images, const Application& a) { return image_rotate90(images, a.integers(0)); }
CONTRASTIVE_BATCHED("randomRotation90", random_rotation90);

}  // namespace
}  // namespace contrastive::augment_tensor
