#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Posterize final : public Transform {
 public:
  explicit Posterize(const TransformSpec& spec) : Transform(spec), bits_(spec.integer("bits", {.min = 0, .max = 8})) {}

  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Posterize{bits_}); }

 private:
  int bits_;
};

CONTRASTIVE_TRANSFORM("posterize", Posterize);

}  // namespace
}  // namespace contrastive::augment
