#include "models/linear_head.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "models/layers.h"
#include "models/registry.h"

namespace contrastive::models {

namespace {

constexpr double kNormalDeviation = 0.01;

class LinearHead final : public Module {
 public:
  explicit LinearHead(const LinearHeadOptions& options)
      : in_features_(options.in_features), out_features_(options.out_features) {
    CONTRASTIVE_CHECK(in_features_ >= 1, kOptionError, "inFeatures must be an integer >= 1, got ", in_features_);
    CONTRASTIVE_CHECK(out_features_ >= 1, kOptionError, "outFeatures must be an integer >= 1, got ", out_features_);
    CONTRASTIVE_CHECK(options.init == "zeros" || options.init == "normal" || options.init == "uniform", kOptionError,
                      "init must be one of 'zeros', 'normal', 'uniform', got '", options.init, "'");
    Builder builder(store_, options.seed);
    at::Tensor weight = at::zeros({out_features_, in_features_}), bias = at::zeros({out_features_});
    if (options.init == "normal") weight.normal_(0, kNormalDeviation, builder.generator);
    if (options.init == "uniform") {
      const double bound = 1.0 / std::sqrt(static_cast<double>(in_features_));
      weight.uniform_(-bound, bound, builder.generator);
      bias.uniform_(-bound, bound, builder.generator);
    }
    linear_.weight = store_.parameter("weight", weight);
    linear_.bias = store_.parameter("bias", bias);
  }

  at::Tensor forward(const at::Tensor& x) override {
    output_shape(x.sizes());
    output_dtype(x.scalar_type(), x.device().type());
    return linear_(x);
  }

  std::vector<int64_t> output_shape(at::IntArrayRef input) const override {
    CONTRASTIVE_CHECK(input.size() == 2 && input[1] == in_features_ && input[0] > 0, kShapeError,
                      "features must have shape (batch, ", in_features_, "), got ", input);
    return {input[0], out_features_};
  }

  int64_t feature_dim() const override { return out_features_; }

 private:
  int64_t in_features_, out_features_;
  Linear linear_;
};

std::shared_ptr<Module> linear_from_options(OptionReader& options) {
  return make_linear_head({.in_features = options.required_integer("inFeatures"),
                           .out_features = options.required_integer("outFeatures"),
                           .init = options.text("init", "zeros"),
                           .seed = static_cast<uint64_t>(options.integer("seed", 0))});
}

const ModelRegistration linear_head("linear", &linear_from_options);

}  // namespace

std::shared_ptr<Module> make_linear_head(const LinearHeadOptions& options) {
  return std::make_shared<LinearHead>(options);
}

}  // namespace contrastive::models
