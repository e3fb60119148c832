// Whole batches on the pool: every sample in every view, straight into the caller's memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "augment/canvas.h"
#include "augment/pipeline.h"
#include "core/error.h"
#include "core/pool.h"

namespace contrastive::augment {

struct BatchJob {
  std::vector<ImageView> images;                       // the bytes must live, unchanged, until the job is done
  std::vector<std::shared_ptr<const Pipeline>> views;  // one a view; the same one twice for symmetric views
  std::vector<uint32_t> view_numbers;                  // what each view draws as; empty: 0, 1, …
  uint64_t seed = 0;
  uint32_t epoch = 0;
  OutType type = OutType::kFloat32;
  Layout layout = Layout::kInterleaved;

  // What an image in a view draws with.
  DrawKey key(const ImageView& image, size_t view) const {
    return {seed, epoch, image.id, view_numbers.empty() ? static_cast<uint32_t>(view) : view_numbers[view]};
  }
};

// Runs `work` for sample `index` of a batch; its errors name the sample.
template <typename Work>
auto naming(size_t index, uint64_t id, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const Error& error) {
    throw Error(error.code(), message("samples[", index, "] (id ", id, "): ", error.what()));
  }
}

// The shape that every result of the job has. Throws kShapeError when the images or the views do not agree, or a
// transform cannot take an image; no pixel is read.
Shape batch_shape(const BatchJob& job);

// Fills `out` with views x images results, view-major (all of view 0, then all of view 1 ...), in the background. The
// caller has called batch_shape(). When `cancel` becomes true the rest is skipped and the outcome is kAbortedError.
// `done` runs once, on a pool thread, and must not throw. Same seed, same bits, whatever the pool's size.
void augment_batch(Pool& pool, BatchJob job, void* out, std::shared_ptr<const std::atomic<bool>> cancel,
                   std::function<void(std::exception_ptr)> done);

// One image through one pipeline with numbers from outside, on this thread, into `out` of output_shape() values.
void replay(const Pipeline& pipeline, const ImageView& image, const std::vector<Drawn>& drawn, void* out, OutType type,
            Layout layout);

}  // namespace contrastive::augment
