#include "augment_tensor/erase.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>

#include "augment_tensor/images.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {

at::Tensor image_erase(const at::Tensor& images, const std::vector<int64_t>& windows, const at::Tensor& value) {
  const Batch batch = Batch::values("erase", images);
  std::vector<std::vector<double>> edges;
  for (const auto& window : rows_each(batch, "window", windows, 4)) {
    CONTRASTIVE_CHECK(window[0] >= 0 && window[1] >= 0 && window[2] >= 0 && window[3] >= 0 &&
                          window[0] + window[2] <= batch.height() && window[1] + window[3] <= batch.width(),
                      kOptionError, "erase: window [top, left, height, width] must lie inside the image of ",
                      batch.height(), " x ", batch.width(), ", got ", at::IntArrayRef(window));
    edges.emplace_back(window.begin(), window.end());
  }
  CONTRASTIVE_CHECK(at::is_expandable_to(value.sizes(), images.sizes()), kShapeError,
                    "erase: value must broadcast to the images' shape ", images.sizes(), ", got ", value.sizes());
  const at::Tensor edge = upload(batch, edges).unsqueeze(-1);  // (rows, 4, 1)
  const auto covered = [&](int64_t first, int64_t length, int64_t size) {
    const at::Tensor position = counting(edge, size);
    const at::Tensor start = edge.select(1, first);
    return (position >= start).bitwise_and(position < start + edge.select(1, length));  // (rows, size)
  };
  const at::Tensor inside = covered(0, 2, batch.height())
                                .unsqueeze(2)
                                .bitwise_and(covered(1, 3, batch.width()).unsqueeze(1))
                                .unsqueeze(1);  // (rows, 1, height, width)
  const at::Tensor values =
      (value.to(batch.tensor().options()) / batch.unit()).expand(images.sizes()).reshape(batch.tensor().sizes());
  return batch.restore(at::where(inside, values, batch.tensor()));
}
CONTRASTIVE_OP(image_erase, "image_erase(Tensor images, int[] windows, Tensor value) -> Tensor");

}  // namespace contrastive::augment_tensor
