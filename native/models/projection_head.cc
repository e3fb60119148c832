#include "models/projection_head.h"

#include <ATen/ATen.h>

#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "models/layers.h"
#include "models/registry.h"

namespace contrastive::models {

namespace {

constexpr double kNormEpsilon = 1e-12;  // torch.nn.functional.normalize's

class ProjectionHead final : public Module {
 public:
  explicit ProjectionHead(const ProjectionHeadOptions& options)
      : in_features_(options.in_features), out_features_(options.out_features), normalize_(options.normalize) {
    const int64_t hidden = options.hidden_features == 0 ? in_features_ : options.hidden_features;
    CONTRASTIVE_CHECK(in_features_ >= 1, kOptionError, "inFeatures must be an integer >= 1, got ", in_features_);
    CONTRASTIVE_CHECK(hidden >= 1, kOptionError, "hiddenFeatures must be an integer >= 1, got ", hidden);
    CONTRASTIVE_CHECK(out_features_ >= 1, kOptionError, "outFeatures must be an integer >= 1, got ", out_features_);

    Builder builder(store_, options.seed);
    if (options.kind == "linear") {
      add(builder, in_features_, out_features_, false);
    } else if (options.kind == "mlp") {
      add(builder, in_features_, hidden, false);
      add(builder, hidden, out_features_, false);
    } else if (options.kind == "mlp-bn") {
      add(builder, in_features_, hidden, true);
      add(builder, hidden, hidden, true);
      add(builder, hidden, out_features_, true);
    } else {
      throw Error(kOptionError, message("kind must be one of 'linear', 'mlp', 'mlp-bn', got '", options.kind, "'"));
    }
  }

  at::Tensor forward(const at::Tensor& x) override {
    output_shape(x.sizes());
    output_dtype(x.scalar_type(), x.device().type());
    at::Tensor y = x;
    for (size_t i = 0; i < layers_.size(); ++i) {
      y = layers_[i].linear(y);
      if (layers_[i].norm) y = (*layers_[i].norm)(y, is_training());
      if (i + 1 < layers_.size()) y = y.relu_();
    }
    return normalize_ ? y / y.norm(2, {1}, /*keepdim=*/true).clamp_min(kNormEpsilon) : y;
  }

  std::vector<int64_t> output_shape(at::IntArrayRef input) const override {
    CONTRASTIVE_CHECK(input.size() == 2 && input[1] == in_features_ && input[0] > 0, kShapeError,
                      "features must have shape (batch, ", in_features_, "), got ", input);
    return {input[0], out_features_};
  }

  int64_t feature_dim() const override { return out_features_; }

 private:
  struct Layer {
    Linear linear;
    std::optional<BatchNorm> norm;
  };

  // Numbers the layers as an nn.Sequential of Linear, BatchNorm1d and ReLU would.
  void add(Builder& builder, int64_t in, int64_t out, bool with_norm) {
    if (!layers_.empty()) ++index_;  // the ReLU
    Layer layer{Linear(builder, std::to_string(index_++), in, out, !with_norm), std::nullopt};
    if (with_norm) layer.norm.emplace(builder, std::to_string(index_++), out);
    layers_.push_back(std::move(layer));
  }

  int64_t in_features_, out_features_;
  bool normalize_;
  int index_ = 0;
  std::vector<Layer> layers_;
};

std::shared_ptr<Module> projection_from_options(OptionReader& options) {
  return make_projection_head({.kind = options.text("kind", "mlp"),
                               .in_features = options.required_integer("inFeatures"),
                               .hidden_features = options.integer("hiddenFeatures", 0),
                               .out_features = options.integer("outFeatures", 128),
                               .normalize = options.boolean("normalize", false),
                               .seed = static_cast<uint64_t>(options.integer("seed", 0))});
}

const ModelRegistration projection_head("projection-head", &projection_from_options);

}  // namespace

std::shared_ptr<Module> make_projection_head(const ProjectionHeadOptions& options) {
  return std::make_shared<ProjectionHead>(options);
}

}  // namespace contrastive::models
