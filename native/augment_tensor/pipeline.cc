#include "augment_tensor/pipeline.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>
#include <utility>

#include "augment_tensor/images.h"
#include "augment_tensor/operations.h"
#include "augment_tensor/placement.h"
#include "core/error.h"
#include "core/host_copy.h"

namespace contrastive::augment_tensor {

using augment::ImageView;

namespace {

// Samples whose images lie in one tensor (samples, channels, height, width), each in its top left corner.
struct Sources {
  std::vector<int64_t> samples;
  at::Tensor images;
};

// One view of one sample.
struct Item {
  int64_t place;  // among all results
  Placement placement;
  std::vector<augment::Plan> plans;  // by transform, what the placement did not take in
};

// Items that go through the transforms together, and their images, all of one size.
struct Group {
  std::vector<Item> items;
  at::Tensor images;
};

at::Tensor select(const at::Tensor& images, const std::vector<int64_t>& indices) {
  return images.index_select(0, send(at::tensor(indices, at::kLong), images.device()));
}

// In a tensor as high and wide as the largest of the images; what lies beyond the others' borders is looked at by
// nobody.
at::Tensor upload_images(const std::vector<ImageView>& images, const std::vector<int64_t>& samples, at::Device device) {
  int64_t height = 0, width = 0;
  for (const int64_t sample : samples) {
    height = std::max<int64_t>(height, images[sample].height);
    width = std::max<int64_t>(width, images[sample].width);
  }
  const int64_t channels = images[samples[0]].channels, bytes = height * width * channels;
  const at::Tensor all = at::empty({static_cast<int64_t>(samples.size()), height, width, channels},
                                   at::TensorOptions(at::kByte).device(device));
  // In parts that are small enough to be pinned.
  const auto part = std::max<int64_t>(1, static_cast<int64_t>(kMostPinned) / bytes);
  for (int64_t first = 0; first < all.size(0); first += part) {
    const at::Tensor target = all.narrow(0, first, std::min(part, all.size(0) - first));
    const bool is_pinned = is_pinned_for(device, target.nbytes());
    const at::Tensor source = at::empty(target.sizes(), at::TensorOptions(at::kByte).pinned_memory(is_pinned));
    auto* to = source.mutable_data_ptr<uint8_t>();
    for (int64_t i = first; i < first + target.size(0); ++i) {
      const ImageView& image = images[samples[i]];
      const int64_t pitch = image.width * channels;
      for (int64_t row = 0; row < image.height; ++row)
        std::memcpy(to + row * width * channels, image.pixels + row * pitch, static_cast<size_t>(pitch));
      to += bytes;
    }
    target.copy_(source, /*non_blocking=*/is_pinned);
  }
  return all.permute({0, 3, 1, 2})
      .to(all.options().dtype(at::kFloat), false, false, at::MemoryFormat::Contiguous)
      .div_(255);
}

// Images whose sides, rounded up to whole steps, agree.
std::vector<Sources> upload_all(const std::vector<ImageView>& images, at::Device device) {
  constexpr int kStep = 64;  // pixels; bounds the border, and the number of tensors
  const auto steps = [](int side) { return (side + kStep - 1) / kStep; };
  std::map<std::array<int, 3>, Sources> sources;
  for (size_t i = 0; i < images.size(); ++i) {
    const auto& [pixels, height, width, channels, id] = images[i];
    sources[{steps(height), steps(width), channels}].samples.push_back(static_cast<int64_t>(i));
  }
  std::vector<Sources> list;
  for (auto& [key, one] : sources) {
    one.images = upload_images(images, one.samples, device);
    list.push_back(std::move(one));
  }
  return list;
}

// What one view makes of one sample, drawn.
Item make_item(const TensorJob& job, size_t view, int64_t sample) {
  const augment::Pipeline& pipeline = *job.batch.views[view];
  const ImageView& image = job.batch.images[sample];
  augment::Shape shape = {image.height, image.width, image.channels};
  const std::vector<augment::Drawn> drawn = pipeline.draw(job.batch.key(image, view), shape);
  shape = pipeline.loaded(shape);
  Item item = {static_cast<int64_t>(view * job.batch.images.size()) + sample, Placement(shape), {}};
  bool is_placed = true;  // whether nothing has needed pixels yet
  for (size_t i = 0; i < drawn.size(); ++i) {
    augment::Plan plan;
    if (drawn[i].applied) pipeline.transforms()[i]->plan(drawn[i], shape, plan);
    shape = pipeline.transforms()[i]->output_shape(shape);
    size_t taken = 0;
    while (is_placed && taken < plan.size() && (is_placed = item.placement.take(plan[taken]))) ++taken;
    item.plans.emplace_back(plan.begin() + static_cast<int64_t>(taken), plan.end());
  }
  return item;
}

// Of each sample of the sources a view, those of one size together.
std::vector<Group> place_view(const TensorJob& job, size_t view, const Sources& sources) {
  struct Placed {
    std::vector<Item> items;
    std::vector<Placement> placements;
    std::vector<int64_t> indices;
  };
  std::map<std::array<int, 2>, Placed> by_size;
  for (size_t i = 0; i < sources.samples.size(); ++i) {
    Item item = make_item(job, view, sources.samples[i]);
    Placed& placed = by_size[{item.placement.rows.count, item.placement.columns.count}];
    placed.placements.push_back(item.placement);
    placed.indices.push_back(static_cast<int64_t>(i));
    placed.items.push_back(std::move(item));
  }
  const int channels = job.batch.views[view]->loaded({1, 1, static_cast<int>(sources.images.size(1))}).channels;
  std::vector<Group> groups;
  for (auto& [size, placed] : by_size) {
    const at::Tensor images = by_size.size() == 1 ? sources.images : select(sources.images, placed.indices);
    groups.push_back({std::move(placed.items), place(images, placed.placements).expand({-1, channels, -1, -1})});
  }
  return groups;
}

// Groups whose sizes are one.
std::vector<Group> unite(std::vector<Group> groups) {
  std::map<std::array<int64_t, 3>, std::vector<Group>> by_size;
  for (Group& group : groups)
    by_size[{group.images.size(1), group.images.size(2), group.images.size(3)}].push_back(std::move(group));
  std::vector<Group> united;
  for (auto& [size, parts] : by_size) {
    Group whole = std::move(parts[0]);
    std::vector<at::Tensor> images = {whole.images};
    for (size_t i = 1; i < parts.size(); ++i) {
      images.push_back(parts[i].images);
      std::move(parts[i].items.begin(), parts[i].items.end(), std::back_inserter(whole.items));
    }
    if (images.size() > 1) whole.images = at::cat(images);
    united.push_back(std::move(whole));
  }
  return united;
}

// The views of one pipeline.
std::vector<Group> make_views(const TensorJob& job, const std::vector<size_t>& views,
                              const std::vector<Sources>& sources, const std::atomic<bool>& cancel) {
  std::vector<Group> groups;
  for (const size_t view : views)
    for (const Sources& one : sources)
      for (Group& group : place_view(job, view, one)) groups.push_back(std::move(group));
  for (size_t i = 0; i < job.batch.views[views[0]]->transforms().size(); ++i) {
    CONTRASTIVE_CHECK(!cancel.load(std::memory_order_relaxed), kAbortedError, "augmentation was cancelled");
    groups = unite(std::move(groups));
    for (Group& group : groups) {
      std::vector<augment::Plan> plans;
      for (Item& item : group.items) plans.push_back(std::move(item.plans[i]));
      group.images = apply_plans(group.images, plans);
    }
  }
  return groups;
}

// Which views go through their pipeline together: as many of one pipeline as memory allows.
std::vector<std::vector<size_t>> views_together(const augment::BatchJob& batch) {
  constexpr int64_t kMost = int64_t{1} << 27;  // values of results; those on the way to them are a few times as many
  const ImageView& image = batch.images[0];
  const augment::Shape shape = batch.views[0]->output_shape({image.height, image.width, image.channels});
  const int64_t view_values = static_cast<int64_t>(batch.images.size()) * shape.channels * shape.height * shape.width;
  const size_t most = static_cast<size_t>(std::max<int64_t>(1, kMost / view_values));
  std::vector<std::vector<size_t>> runs;
  for (size_t view = 0; view < batch.views.size(); ++view) {
    auto run = std::find_if(runs.begin(), runs.end(), [&](const std::vector<size_t>& other) {
      return batch.views[other[0]] == batch.views[view] && other.size() < most;
    });
    if (run == runs.end()) run = runs.emplace(run);
    run->push_back(view);
  }
  return runs;
}

// The images in the order of their places.
at::Tensor in_order(const Group& group) {
  std::vector<int64_t> indices(group.items.size());
  for (size_t i = 0; i < indices.size(); ++i) indices[group.items[i].place] = static_cast<int64_t>(i);
  return std::is_sorted(indices.begin(), indices.end()) ? group.images : select(group.images, indices);
}

}  // namespace

at::Tensor augment_on_device(const TensorJob& job, const std::atomic<bool>& cancel) {
  const c10::NoGradGuard no_grad;
  const std::vector<Sources> sources = upload_all(job.batch.images, job.device);
  std::vector<Group> groups;
  for (const std::vector<size_t>& views : views_together(job.batch))
    for (Group& group : make_views(job, views, sources, cancel)) groups.push_back(std::move(group));
  const at::Tensor all = in_order(unite(std::move(groups))[0]);
  return all.to(all.options().dtype(job.dtype), false, false, at::MemoryFormat::ChannelsLast);
}

}  // namespace contrastive::augment_tensor
