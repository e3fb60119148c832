#include "augment_tensor/pipeline.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "augment_tensor/images.h"
#include "augment_tensor/operations.h"
#include "core/error.h"
#include "core/host_copy.h"

namespace contrastive::augment_tensor {

using augment::Drawn;
using augment::ImageView;

namespace {

// Samples whose images go through a transform together, and those images.
struct Group {
  std::vector<int64_t> samples;
  at::Tensor images;  // (samples, channels, height, width)
};

augment::Shape shape_of(const at::Tensor& images) {
  return {static_cast<int>(images.size(2)), static_cast<int>(images.size(3)), static_cast<int>(images.size(1))};
}

// In a batch as high and wide as the largest of them; beyond the others' right and lower borders lies 0.
at::Tensor upload_images(const std::vector<ImageView>& images, const std::vector<int64_t>& samples, at::Device device) {
  int64_t height = 0, width = 0;
  for (const int64_t sample : samples) {
    height = std::max<int64_t>(height, images[sample].height);
    width = std::max<int64_t>(width, images[sample].width);
  }
  const int64_t channels = images[samples[0]].channels;
  const std::vector<int64_t> sizes = {static_cast<int64_t>(samples.size()), height, width, channels};
  const bool is_pinned = is_pinned_for(device, static_cast<size_t>(c10::multiply_integers(sizes)));
  const at::Tensor bytes = at::zeros(sizes, at::TensorOptions(at::kByte).pinned_memory(is_pinned));
  auto* target = bytes.mutable_data_ptr<uint8_t>();
  for (const int64_t sample : samples) {
    const ImageView& image = images[sample];
    const int64_t pitch = image.width * channels;
    for (int64_t row = 0; row < image.height; ++row)
      std::memcpy(target + row * width * channels, image.pixels + row * pitch, static_cast<size_t>(pitch));
    target += height * width * channels;
  }
  return send(bytes, device).permute({0, 3, 1, 2}).to(at::kFloat).div_(255);
}

// Images whose sides, rounded up to whole steps, agree. A step of 1 leaves no image with a border of zeros.
std::vector<Group> group_by_size(const std::vector<ImageView>& images, int step, at::Device device) {
  std::vector<Group> groups;
  const auto steps = [step](int side) { return (side + step - 1) / step; };
  const auto together = [&](const ImageView& a, const ImageView& b) {
    return steps(a.height) == steps(b.height) && steps(a.width) == steps(b.width) && a.channels == b.channels;
  };
  for (size_t i = 0; i < images.size(); ++i) {
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& g) { return together(images[g.samples[0]], images[i]); });
    if (group == groups.end()) group = groups.insert(group, Group());
    group->samples.push_back(static_cast<int64_t>(i));
  }
  for (Group& group : groups) group.images = upload_images(images, group.samples, device);
  return groups;
}

// A pipeline that begins with a crop reads each image's own window only, so that images of many sizes share a batch.
bool begins_with_crop(const std::shared_ptr<const augment::Pipeline>& view) {
  const auto& transforms = view->transforms();
  return !transforms.empty() && transforms[0]->kind() == "randomResizedCrop" && transforms[0]->p() == 1;
}

// Groups whose sizes have become one.
std::vector<Group> unite(std::vector<Group> groups) {
  std::vector<Group> united;
  while (!groups.empty()) {
    Group whole;
    std::vector<at::Tensor> parts;
    std::vector<Group> rest;
    for (Group& group : groups) {
      if (!parts.empty() && group.images.sizes().slice(1) != parts[0].sizes().slice(1)) {
        rest.push_back(std::move(group));
        continue;
      }
      parts.push_back(group.images);
      whole.samples.insert(whole.samples.end(), group.samples.begin(), group.samples.end());
    }
    whole.images = parts.size() == 1 ? parts[0] : at::cat(parts);
    united.push_back(std::move(whole));
    groups = std::move(rest);
  }
  return united;
}

// The images in the order of the samples.
at::Tensor in_order(const Group& group) {
  if (std::is_sorted(group.samples.begin(), group.samples.end())) return group.images;
  std::vector<int64_t> places(group.samples.size());
  for (size_t i = 0; i < places.size(); ++i) places[group.samples[i]] = static_cast<int64_t>(i);
  return group.images.index_select(0, send(at::tensor(places, at::kLong), group.images.device()));
}

at::Tensor make_view(const TensorJob& job, uint32_t view, std::vector<Group> groups, const std::atomic<bool>& cancel) {
  const augment::Pipeline& pipeline = *job.batch.views[view];
  const std::vector<ImageView>& images = job.batch.images;
  std::vector<std::vector<Drawn>> drawn;  // of each sample, by transform
  drawn.reserve(images.size());
  for (const ImageView& image : images)
    drawn.push_back(pipeline.draw(job.batch.key(image, view), {image.height, image.width, image.channels}));
  for (Group& group : groups) {
    const int channels = pipeline.loaded(shape_of(group.images)).channels;
    group.images = group.images.expand({-1, channels, -1, -1});  // gray, or as it is
  }
  groups = unite(std::move(groups));
  for (size_t i = 0; i < pipeline.transforms().size(); ++i) {
    CONTRASTIVE_CHECK(!cancel.load(std::memory_order_relaxed), kAbortedError, "augmentation was cancelled");
    for (Group& group : groups) {
      std::vector<augment::Plan> plans(group.samples.size());
      for (size_t j = 0; j < plans.size(); ++j) {
        const Drawn& numbers = drawn[group.samples[j]][i];
        if (numbers.applied) pipeline.transforms()[i]->plan(numbers, shape_of(group.images), plans[j]);
      }
      group.images = apply_plans(group.images, plans);
    }
    groups = unite(std::move(groups));
  }
  return in_order(groups[0]);
}

}  // namespace

at::Tensor augment_on_device(const TensorJob& job, const std::atomic<bool>& cancel) {
  const c10::NoGradGuard no_grad;
  constexpr int kStep = 64;  // pixels; bounds the border, and the number of batches
  const bool cropped = std::all_of(job.batch.views.begin(), job.batch.views.end(), begins_with_crop);
  const std::vector<Group> sources = group_by_size(job.batch.images, cropped ? kStep : 1, job.device);
  std::vector<at::Tensor> views;
  views.reserve(job.batch.views.size());
  for (size_t view = 0; view < job.batch.views.size(); ++view)
    views.push_back(make_view(job, static_cast<uint32_t>(view), sources, cancel));
  const at::Tensor all = views.size() == 1 ? views[0] : at::cat(views);
  return all.to(job.dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace contrastive::augment_tensor
