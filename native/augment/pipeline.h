// An ordered list of transforms: what happens to one view of one sample.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "augment/transform.h"

namespace contrastive::augment {

// The sample's place in the run, of which every draw is a function.
struct DrawKey {
  uint64_t seed = 0;
  uint32_t epoch = 0;
  uint64_t id = 0;
  uint32_t view = 0;
};

class Pipeline {
 public:
  // `channels` 3 replicates gray sources; 0 keeps the source's channels.
  Pipeline(const std::vector<TransformSpec>& specs, int channels);

  const std::vector<std::unique_ptr<Transform>>& transforms() const { return transforms_; }

  // The image's shape before the first transform. Throws kShapeError for channels that the pipeline does not take.
  Shape loaded(Shape source) const;

  // The shape of a view of such a source. Throws kShapeError when a transform cannot take the image, and when one with
  // p < 1 would change its size (views of one batch must agree).
  Shape output_shape(Shape source) const;

  // One entry a transform, for a source that output_shape() accepted.
  std::vector<Drawn> draw(const DrawKey& key, Shape source) const;

  // Deterministic. The result stays in the canvas.
  void apply(Canvas& canvas, const ImageView& source, std::span<const Drawn> drawn) const;

  // Numbers from outside: throws kOptionError when they do not fit this pipeline or the source.
  void check_drawn(std::span<const Drawn> drawn, Shape source) const;

 private:
  std::vector<std::unique_ptr<Transform>> transforms_;
  int channels_;
};

}  // namespace contrastive::augment
