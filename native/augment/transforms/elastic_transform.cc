#include <algorithm>

#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class ElasticTransform final : public Transform {
 public:
  explicit ElasticTransform(const TransformSpec& spec)
      : Transform(spec),
        elastic_{.key = {},
                 .alpha = spec.pair("alpha"),
                 .sigma = spec.pair("sigma", {.min = 0, .max = 8192, .open = true}),
                 .sampling = spec.sampling()} {}

  std::vector<std::string> drawn_names() const override { return {"noiseKey", "noiseKey"}; }

  Shape output_shape(Shape input) const override {
    const int radius = std::max(elastic_.kernel_size(0), elastic_.kernel_size(1)) / 2;
    CONTRASTIVE_CHECK(radius < input.height && radius < input.width, kShapeError, kind(), " smooths over ", radius,
                      " pixels to each side and cannot reflect an image of ", input.height, " x ", input.width);
    return input;
  }

  Drawn draw(Philox& random, Shape) const override {
    Drawn drawn = Drawn::plain();
    drawn.push_key(random);
    return drawn;
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    noise_key(kind(), drawn[0], drawn[1]);
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    operation::Elastic elastic = elastic_;
    elastic.key = noise_key(kind(), drawn[0], drawn[1]);
    plan.emplace_back(elastic);
  }

 private:
  operation::Elastic elastic_;  // its key is drawn
};

CONTRASTIVE_TRANSFORM("elasticTransform", ElasticTransform);

}  // namespace
}  // namespace contrastive::augment
