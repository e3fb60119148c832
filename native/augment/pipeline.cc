#include "augment/pipeline.h"

#include <limits>

namespace contrastive::augment {
namespace {

// The kernels count in 32 bits.
void check_count(Shape shape) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  CONTRASTIVE_CHECK(int64_t{shape.height} * shape.width <= kMost / shape.channels, kShapeError,
                    "an image must have at most 2^31 - 1 values, got ", shape.height, " x ", shape.width, " x ",
                    shape.channels);
}

}  // namespace

Pipeline::Pipeline(const std::vector<TransformSpec>& specs, int channels) : channels_(channels) {
  CONTRASTIVE_CHECK(channels == 0 || channels == 1 || channels == 3, kOptionError, "channels must be 1 or 3, got ",
                    channels);
  for (const TransformSpec& spec : specs) transforms_.push_back(make_transform(spec));
}

Shape Pipeline::loaded(Shape source) const {
  CONTRASTIVE_CHECK(source.height >= 1 && source.width >= 1 && source.channels >= 1, kShapeError,
                    "image must be at least 1 x 1 with 1 channel, got ", source.height, " x ", source.width, " x ",
                    source.channels);
  if (channels_ == 0 || channels_ == source.channels) return source;
  CONTRASTIVE_CHECK(source.channels == 1 && channels_ == 3, kShapeError, "channels: ", channels_, " takes images of ",
                    channels_ == 3 ? "1 or 3 channels" : "1 channel", ", got ", source.channels);
  source.channels = channels_;
  return source;
}

Shape Pipeline::output_shape(Shape source) const {
  Shape shape = loaded(source);
  check_count(shape);
  for (const auto& transform : transforms_) {
    const Shape next = transform->output_shape(shape);
    CONTRASTIVE_CHECK(transform->p() == 1 || next == shape, kShapeError, transform->kind(), " with p ", transform->p(),
                      " must keep the image's size, got ", shape.height, " x ", shape.width, " to ", next.height, " x ",
                      next.width);
    check_count(shape = next);
  }
  return shape;
}

std::vector<Drawn> Pipeline::draw(const DrawKey& key, Shape source) const {
  Philox random(key.seed, Purpose::kAugment, key.epoch, key.id, key.view);
  Shape shape = loaded(source);
  std::vector<Drawn> drawn;
  drawn.reserve(transforms_.size());
  for (const auto& transform : transforms_) {
    const bool applied = transform->p() == 1 || random.uniform() < transform->p();
    drawn.push_back(applied ? transform->draw(random, shape) : Drawn::skipped());
    shape = transform->output_shape(shape);
  }
  return drawn;
}

void Pipeline::apply(Canvas& canvas, const ImageView& source, std::span<const Drawn> drawn) const {
  canvas.load(source, loaded({source.height, source.width, source.channels}).channels);
  Plan plan;
  for (size_t i = 0; i < transforms_.size(); ++i) {
    if (!drawn[i].applied) continue;
    plan.clear();
    transforms_[i]->plan(drawn[i], canvas.shape(), plan);
    for (const Operation& operation : plan) std::visit([&](const auto& each) { each.apply(canvas); }, operation);
  }
}

void Pipeline::check_drawn(std::span<const Drawn> drawn, Shape source) const {
  CONTRASTIVE_CHECK(drawn.size() == transforms_.size(), kOptionError, "drawn must have one entry for each of the ",
                    transforms_.size(), " transforms, got ", drawn.size());
  Shape shape = loaded(source);
  for (size_t i = 0; i < drawn.size(); ++i) {
    const Shape next = transforms_[i]->output_shape(shape);
    if (drawn[i].applied) transforms_[i]->check_drawn(drawn[i], shape);
    CONTRASTIVE_CHECK(drawn[i].applied || next == shape, kOptionError, transforms_[i]->kind(),
                      " changes the image's size and cannot be left out");
    shape = next;
  }
}

}  // namespace contrastive::augment
