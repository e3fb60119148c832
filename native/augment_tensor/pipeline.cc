#include "augment_tensor/pipeline.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <limits>
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

// Behind all transforms that change an image's size.
constexpr int64_t kAtEnd = std::numeric_limits<int64_t>::max();

// One view of one sample.
struct Item {
  int64_t place;  // among all results
  Placement placement;
  std::vector<augment::Plan> plans;  // by transform, what the placement did not take in
  int64_t ahead = 0;                 // the placement has the size that is due behind so many transforms, or kAtEnd
  int64_t values = 0;                // of its largest image, from the placement on
};

// Items that go through the transforms together, and their images, all of one size and equally far ahead.
struct Group {
  std::vector<Item> items;
  at::Tensor images;
  int64_t ahead;
};

at::Tensor select(const at::Tensor& images, const std::vector<int64_t>& indices) {
  return images.index_select(0, send(at::tensor(indices, at::kLong), images.device()));
}

// A tensor that is as high and wide as the largest of its images.
struct Extent {
  Extent(const std::vector<ImageView>& images, const std::vector<int64_t>& samples)
      : count(static_cast<int64_t>(samples.size())), channels(images[samples[0]].channels) {
    for (const int64_t sample : samples) {
      height = std::max<int64_t>(height, images[sample].height);
      width = std::max<int64_t>(width, images[sample].width);
    }
  }
  int64_t bytes_of_one() const { return height * width * channels; }
  int64_t bytes() const { return count * bytes_of_one(); }

  int64_t count, channels, height = 0, width = 0;
};

// What lies beyond the borders of smaller images is looked at by nobody.
at::Tensor upload_images(const std::vector<ImageView>& images, const std::vector<int64_t>& samples, at::Device device) {
  const Extent extent(images, samples);
  const int64_t channels = extent.channels, bytes = extent.bytes_of_one();
  const at::Tensor all =
      at::empty({extent.count, extent.height, extent.width, channels}, at::TensorOptions(at::kByte).device(device));
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
        std::memcpy(to + row * extent.width * channels, image.pixels + row * pitch, static_cast<size_t>(pitch));
      to += bytes;
    }
    target.copy_(source, /*non_blocking=*/is_pinned);
  }
  return all.permute({0, 3, 1, 2})
      .to(all.options().dtype(at::kFloat), false, false, at::MemoryFormat::Contiguous)
      .div_(255);
}

// By tensors: images whose sides, rounded up to whole steps, agree; and those of the next sizes where they may lie in
// wider borders.
std::vector<Sources> upload_all(const std::vector<ImageView>& images, at::Device device) {
  constexpr int kStep = 64;                       // pixels
  constexpr int64_t kBorders = int64_t{4} << 20;  // bytes, which take less time than the launches for another tensor
  const auto steps = [](int side) { return (side + kStep - 1) / kStep; };
  std::map<std::array<int, 3>, std::vector<int64_t>> sizes;
  for (size_t i = 0; i < images.size(); ++i)
    sizes[{images[i].channels, steps(images[i].height), steps(images[i].width)}].push_back(static_cast<int64_t>(i));
  std::vector<Sources> sources;
  for (const auto& [key, samples] : sizes) {
    if (!sources.empty() && images[sources.back().samples[0]].channels == key[0]) {
      std::vector<int64_t>& last = sources.back().samples;
      std::vector<int64_t> both;
      std::ranges::merge(last, samples, std::back_inserter(both));
      const int64_t apart = Extent(images, last).bytes() + Extent(images, samples).bytes();
      if (Extent(images, both).bytes() - apart <= kBorders) {
        last = std::move(both);
        continue;
      }
    }
    sources.push_back({samples, {}});
  }
  for (Sources& one : sources) one.images = upload_images(images, one.samples, device);
  return sources;
}

int64_t values_of(augment::Shape shape) { return int64_t{shape.height} * shape.width * shape.channels; }

// What one view makes of one sample, drawn.
Item make_item(const TensorJob& job, size_t view, int64_t sample) {
  const augment::Pipeline& pipeline = *job.batch.views[view];
  const ImageView& image = job.batch.images[sample];
  augment::Shape shape = {image.height, image.width, image.channels};
  const std::vector<augment::Drawn> drawn = pipeline.draw(job.batch.key(image, view), shape);
  shape = pipeline.loaded(shape);
  Item item = {static_cast<int64_t>(view * job.batch.images.size()) + sample, Placement(shape), {}};
  bool is_placed = true;    // whether nothing has needed pixels yet
  bool is_resized = false;  // behind the placement
  for (size_t i = 0; i < drawn.size(); ++i) {
    augment::Plan plan;
    const augment::Shape before = shape;
    if (drawn[i].applied) pipeline.transforms()[i]->plan(drawn[i], before, plan);
    shape = pipeline.transforms()[i]->output_shape(before);
    size_t taken = 0;
    while (is_placed && taken < plan.size() && (is_placed = item.placement.take(plan[taken]))) ++taken;
    item.plans.emplace_back(plan.begin() + static_cast<int64_t>(taken), plan.end());
    if (!is_placed) {
      item.values = std::max(item.values, values_of(shape));
      is_resized = is_resized || !(shape == before);
    } else if (!(shape == before)) {
      item.ahead = static_cast<int64_t>(i) + 1;
    }
  }
  if (!is_resized) item.ahead = kAtEnd;
  const augment::Shape placed = {item.placement.rows.count, item.placement.columns.count, shape.channels};
  item.values = std::max(item.values, values_of(placed));
  return item;
}

// By view, the item of each sample.
std::vector<std::vector<Item>> make_items(const TensorJob& job) {
  std::vector<std::vector<Item>> items(job.batch.views.size());
  for (size_t view = 0; view < items.size(); ++view)
    for (size_t sample = 0; sample < job.batch.images.size(); ++sample)
      items[view].push_back(make_item(job, view, static_cast<int64_t>(sample)));
  return items;
}

// The samples of the sources in these views, those together that are of one size and equally far ahead: to others of
// that size, the transforms in between have yet to do something.
std::vector<Group> place_views(const augment::Pipeline& pipeline, const std::vector<size_t>& views,
                               const Sources& sources, std::vector<std::vector<Item>>& items) {
  struct Placed {
    std::vector<Item> items;
    std::vector<Placement> placements;
    std::vector<int64_t> indices;
  };
  std::map<std::array<int64_t, 4>, Placed> by_size;
  for (const size_t view : views)
    for (size_t i = 0; i < sources.samples.size(); ++i) {
      Item& item = items[view][sources.samples[i]];
      const Placement& at = item.placement;
      Placed& placed = by_size[{at.rows.count, at.columns.count, item.ahead, at.padding ? 1 : 0}];
      placed.placements.push_back(item.placement);
      placed.indices.push_back(static_cast<int64_t>(i));
      placed.items.push_back(std::move(item));
    }
  const int channels = pipeline.loaded({1, 1, static_cast<int>(sources.images.size(1))}).channels;
  std::vector<Group> groups;
  for (auto& [key, placed] : by_size) {
    const at::Tensor images = by_size.size() == 1 ? sources.images : select(sources.images, placed.indices);
    groups.push_back(
        {std::move(placed.items), place(images, placed.placements).expand({-1, channels, -1, -1}), key[2]});
  }
  return groups;
}

// Groups for transform number `next`: those of one size become one, unless one is further ahead of it than the other.
std::vector<Group> unite(std::vector<Group> groups, int64_t next) {
  std::map<std::array<int64_t, 4>, std::vector<Group>> by_size;
  for (Group& group : groups) {
    const at::Tensor& images = group.images;
    by_size[{std::max(group.ahead, next), images.size(1), images.size(2), images.size(3)}].push_back(std::move(group));
  }
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
                              const std::vector<Sources>& sources, std::vector<std::vector<Item>>& items,
                              const std::atomic<bool>& cancel) {
  const augment::Pipeline& pipeline = *job.batch.views[views[0]];
  std::vector<Group> groups;
  for (const Sources& one : sources)
    for (Group& group : place_views(pipeline, views, one, items)) groups.push_back(std::move(group));
  for (size_t i = 0; i < pipeline.transforms().size(); ++i) {
    CONTRASTIVE_CHECK(!cancel.load(std::memory_order_relaxed), kAbortedError, "augmentation was cancelled");
    groups = unite(std::move(groups), static_cast<int64_t>(i));
    for (Group& group : groups) {
      std::vector<augment::Plan> plans;
      for (Item& item : group.items) plans.push_back(std::move(item.plans[i]));
      group.images = apply_plans(group.images, plans);
    }
  }
  return groups;
}

// Views that go through their pipeline together.
struct Run {
  std::vector<size_t> views;
  int64_t values = 0;  // of their images when these are largest
};

// As many views of one pipeline as memory allows.
std::vector<Run> views_together(const augment::BatchJob& batch, const std::vector<std::vector<Item>>& items) {
  constexpr int64_t kMost = int64_t{1} << 27;  // values; an operation needs a few times as many
  std::vector<Run> runs;
  for (size_t view = 0; view < batch.views.size(); ++view) {
    int64_t values = 0;
    for (const Item& item : items[view]) values += item.values;
    auto run = std::find_if(runs.begin(), runs.end(), [&](const Run& other) {
      return batch.views[other.views[0]] == batch.views[view] && other.values + values <= kMost;
    });
    if (run == runs.end()) run = runs.emplace(run);
    run->views.push_back(view);
    run->values += values;
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
  std::vector<std::vector<Item>> items = make_items(job);
  for (const Run& run : views_together(job.batch, items))
    for (Group& group : make_views(job, run.views, sources, items, cancel)) groups.push_back(std::move(group));
  const at::Tensor all = in_order(unite(std::move(groups), kAtEnd)[0]);
  return all.to(all.options().dtype(job.dtype), false, false, at::MemoryFormat::ChannelsLast);
}

}  // namespace contrastive::augment_tensor
