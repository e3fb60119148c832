// Noise, and rectangles overwritten, each image's own.
#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>

#include "augment_tensor/images.h"
#include "augment_tensor/noise.h"
#include "augment_tensor/operations.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
namespace {

at::Tensor add_noise(const Batch& batch, const std::vector<augment::NoiseKey>& keys, double mean,
                     const at::Tensor& sigma, bool clip) {
  const at::Tensor& x = batch.tensor();
  const auto rows = static_cast<int64_t>(keys.size());
  const at::Tensor noise = x.is_meta()
                               ? at::empty({rows, x[0].numel()}, x.options())
                               : send(make_noise(Noise::kNormal, keys, x[0].numel()), x.device()).to(x.scalar_type());
  const at::Tensor noisy = x + mean + sigma * noise.reshape({rows, batch.channels(), batch.height(), batch.width()});
  return batch.restore(clip ? noisy.clamp(0, 1) : noisy);
}

// `value` broadcasts to the images' shape.
at::Tensor erase(const at::Tensor& images, const std::vector<augment::Window>& windows, const at::Tensor& value) {
  const Batch batch = Batch::values("erase", images);
  std::vector<std::vector<double>> edges;
  edges.reserve(windows.size());
  for (const auto& [top, left, height, width] : windows)
    edges.push_back({1.0 * top, 1.0 * left, 1.0 * height, 1.0 * width});
  const at::Tensor edge = upload(batch, edges).unsqueeze(-1);  // (rows, 4, 1)
  const auto covered = [&](int64_t axis, int64_t size) {
    const at::Tensor position = counting(edge, size), start = edge.select(1, axis);
    return (position >= start).bitwise_and(position < start + edge.select(1, 2 + axis));  // (rows, size)
  };
  const at::Tensor inside = covered(0, batch.height())
                                .unsqueeze(2)
                                .bitwise_and(covered(1, batch.width()).unsqueeze(1))
                                .unsqueeze(1);  // (rows, 1, height, width)
  const at::Tensor values =
      (value.to(batch.tensor().options()) / batch.unit()).expand(images.sizes()).reshape(batch.tensor().sizes());
  return batch.restore(at::where(inside, values, batch.tensor()));
}

// clamp(x + mean + sigma N(0, 1)), the clamp to [0, 1] where `clip`. sigma >= 0: (samples), or one for all;
// differentiable in images and sigma. `noise_key`: two 32-bit numbers for all images, or for each. Source: torchvision
// v2 functional.gaussian_noise.
at::Tensor image_gaussian_noise(const at::Tensor& images, const at::Tensor& sigma,
                                const std::vector<int64_t>& noise_key, double mean, bool clip) {
  const Batch batch = Batch::floating("gaussianNoise", images);
  augment::check_number(batch.where(), "mean", mean, {});
  const at::Tensor sigmas = one_each(batch, "sigma", sigma, {.min = 0});
  std::vector<augment::NoiseKey> keys;
  for (const auto& row : rows_each(batch, "noiseKey", noise_key, 2))
    keys.push_back(augment::noise_key(batch.where(), row[0], row[1]));
  return add_noise(batch, keys, mean, sigmas, clip);
}
CONTRASTIVE_OP(image_gaussian_noise,
               "image_gaussian_noise(Tensor images, Tensor sigma, int[] noise_key, *, float mean=0.0, bool clip=True) "
               "-> Tensor");

// The window [top, left, height, width] of each image, or one for all, becomes `value`: one number, (channels, 1, 1),
// or any shape that broadcasts to the images'. A window of no pixels changes nothing. Source: torchvision v2
// functional.erase. Throws kOptionError for a window that leaves the image.
at::Tensor image_erase(const at::Tensor& images, const std::vector<int64_t>& windows, const at::Tensor& value) {
  const std::vector<augment::Window> each = windows_each(Batch::values("erase", images), windows, 0);
  CONTRASTIVE_CHECK(at::is_expandable_to(value.sizes(), images.sizes()), kShapeError,
                    "erase: value must broadcast to the images' shape ", images.sizes(), ", got ", value.sizes());
  return erase(images, each, value);
}
CONTRASTIVE_OP(image_erase, "image_erase(Tensor images, int[] windows, Tensor value) -> Tensor");

}  // namespace

at::Tensor apply_each(const at::Tensor& images, Each<operation::GaussianNoise> each) {
  const Batch batch = Batch::floating("gaussianNoise", images);
  const at::Tensor sigma = one_each(batch, "sigma", factors(each, &operation::GaussianNoise::sigma));
  return add_noise(batch, column<augment::NoiseKey>(each, &operation::GaussianNoise::key), each[0].mean, sigma,
                   each[0].clip);
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::Erase> each) {
  const std::vector<double> value(each[0].value.begin(), each[0].value.end());
  return erase(images, column<augment::Window>(each, &operation::Erase::window),
               send(at::tensor(value, at::kFloat).reshape({-1, 1, 1}), images.device()));
}

// The windows differ in size, so their rest is not noise.
at::Tensor apply_each(const at::Tensor& images, Each<operation::EraseWithNoise> each) {
  const int64_t channels = images.size(1);
  const at::Tensor noise = at::zeros(images.sizes(), at::TensorOptions(at::kFloat));
  for (size_t i = 0; i < each.size(); ++i) {
    const auto& [window, key] = each[i];
    noise[static_cast<int64_t>(i)]
        .narrow(1, window.top, window.height)
        .narrow(2, window.left, window.width)
        .copy_(make_noise(Noise::kNormal, {key}, channels * window.height * window.width)
                   .reshape({channels, window.height, window.width}));
  }
  return erase(images, column<augment::Window>(each, &operation::EraseWithNoise::window), send(noise, images.device()));
}

}  // namespace contrastive::augment_tensor
