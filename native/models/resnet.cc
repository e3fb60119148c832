#include "models/resnet.h"

#include <ATen/ATen.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "models/layers.h"
#include "models/registry.h"

namespace contrastive::models {

namespace {

struct Architecture {
  bool bottleneck;
  std::array<int, 4> blocks;
};

Architecture architecture(int64_t depth) {
  switch (depth) {
    case 18:
      return {false, {2, 2, 2, 2}};
    case 34:
      return {false, {3, 4, 6, 3}};
    case 50:
      return {true, {3, 4, 6, 3}};
    case 101:
      return {true, {3, 4, 23, 3}};
    case 152:
      return {true, {3, 8, 36, 3}};
    default:
      throw Error(kOptionError, message("depth must be 18, 34, 50, 101 or 152, got ", depth));
  }
}

// Two 3x3 convolutions, or 1x1 - 3x3 - 1x1 with four times the channels at the end, beside a shortcut.
class Block {
 public:
  Block(Builder& builder, const std::string& name, bool bottleneck, int64_t in, int64_t channels, int64_t stride,
        double last_scale)
      : out_channels_(bottleneck ? channels * 4 : channels) {
    const auto add = [&](int64_t from, int64_t to, int64_t kernel, int64_t step, double scale) {
      const std::string number = std::to_string(convs_.size() + 1);
      convs_.emplace_back(builder, name + ".conv" + number, from, to, kernel, step);
      norms_.emplace_back(builder, name + ".bn" + number, to, scale);
    };
    if (bottleneck) {
      add(in, channels, 1, 1, 1.0);
      add(channels, channels, 3, stride, 1.0);
      add(channels, out_channels_, 1, 1, last_scale);
    } else {
      add(in, channels, 3, stride, 1.0);
      add(channels, channels, 3, 1, last_scale);
    }
    if (stride != 1 || in != out_channels_) {
      projection_.emplace(builder, name + ".downsample.0", in, out_channels_, 1, stride);
      projection_norm_.emplace(builder, name + ".downsample.1", out_channels_);
    }
  }

  at::Tensor forward(const at::Tensor& x, bool training) const {
    const at::Tensor shortcut = projection_ ? (*projection_norm_)((*projection_)(x), training) : x;
    at::Tensor y = x;
    for (size_t i = 0; i + 1 < convs_.size(); ++i) y = norms_[i](convs_[i](y), training, {.relu = true});
    return norms_.back()(convs_.back()(y), training, {.relu = true, .residual = shortcut});
  }

  int64_t out_channels() const { return out_channels_; }

 private:
  int64_t out_channels_;
  std::vector<Conv2d> convs_;
  std::vector<BatchNorm> norms_;
  std::optional<Conv2d> projection_;
  std::optional<BatchNorm> projection_norm_;
};

class ResNet final : public Module {
 public:
  explicit ResNet(const ResNetOptions& options) : in_channels_(options.in_channels), pool_(options.stem == "imagenet") {
    const auto [bottleneck, blocks] = architecture(options.depth);
    CONTRASTIVE_CHECK(pool_ || options.stem == "cifar", kOptionError, "stem must be one of 'imagenet', 'cifar', got '",
                      options.stem, "'");
    CONTRASTIVE_CHECK(options.width >= 1, kOptionError, "width must be an integer >= 1, got ", options.width);
    CONTRASTIVE_CHECK(in_channels_ >= 1, kOptionError, "inChannels must be an integer >= 1, got ", in_channels_);

    Builder builder(store_, options.seed);
    int64_t channels = options.width;
    stem_ = pool_ ? Conv2d(builder, "conv1", in_channels_, channels, 7, 2)
                  : Conv2d(builder, "conv1", in_channels_, channels, 3, 1);
    stem_norm_ = BatchNorm(builder, "bn1", channels);
    for (size_t stage = 0; stage < blocks.size(); ++stage) {
      for (int i = 0; i < blocks[stage]; ++i) {
        blocks_.emplace_back(builder, message("layer", stage + 1, ".", i), bottleneck, channels, options.width << stage,
                             stage > 0 && i == 0 ? 2 : 1, options.zero_init_residual ? 0.0 : 1.0);
        channels = blocks_.back().out_channels();
      }
    }
    features_ = channels;
  }

  at::Tensor forward(const at::Tensor& x) override {
    output_shape(x.sizes());
    output_dtype(x.scalar_type(), x.device().type());
    const bool training = is_training();
    at::Tensor y = stem_norm_(stem_(x.contiguous(at::MemoryFormat::ChannelsLast)), training, {.relu = true});
    if (pool_) y = at::max_pool2d(y, {3, 3}, {2, 2}, {1, 1});
    for (const Block& block : blocks_) y = block.forward(y, training);
    return y.mean({2, 3});
  }

  std::vector<int64_t> output_shape(at::IntArrayRef input) const override {
    CONTRASTIVE_CHECK(input.size() == 4 && input[1] == in_channels_, kShapeError, "images must have shape (batch, ",
                      in_channels_, ", height, width), got ", input);
    CONTRASTIVE_CHECK(input[0] > 0 && input[2] > 0 && input[3] > 0, kShapeError,
                      "images must have at least one sample and one pixel, got ", input);
    return {input[0], features_};
  }

  int64_t feature_dim() const override { return features_; }

 private:
  int64_t in_channels_;
  bool pool_;
  int64_t features_ = 0;
  Conv2d stem_;
  BatchNorm stem_norm_;
  std::vector<Block> blocks_;
};

template <int64_t depth>
std::shared_ptr<Module> resnet_from_options(OptionReader& options) {
  return make_resnet({.depth = depth,
                      .stem = options.text("stem", "imagenet"),
                      .width = options.integer("width", 64),
                      .in_channels = options.integer("inChannels", 3),
                      .zero_init_residual = options.boolean("zeroInitResidual", false),
                      .seed = static_cast<uint64_t>(options.integer("seed", 0))});
}

const ModelRegistration resnet18("resnet18", &resnet_from_options<18>);
const ModelRegistration resnet34("resnet34", &resnet_from_options<34>);
const ModelRegistration resnet50("resnet50", &resnet_from_options<50>);
const ModelRegistration resnet101("resnet101", &resnet_from_options<101>);
const ModelRegistration resnet152("resnet152", &resnet_from_options<152>);

}  // namespace

std::shared_ptr<Module> make_resnet(const ResNetOptions& options) { return std::make_shared<ResNet>(options); }

}  // namespace contrastive::models
