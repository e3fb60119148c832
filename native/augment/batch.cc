#include "augment/batch.h"

#include <utility>

namespace contrastive::augment {
namespace {

// A canvas a thread: its buffers grow and then stay, warm, but for those of very large images.
Canvas& local_canvas() {
  thread_local Canvas canvas;
  return canvas;
}

}  // namespace

Shape batch_shape(const BatchJob& job) {
  CONTRASTIVE_CHECK(!job.images.empty(), kDataError, "samples must hold at least one image, got none");
  CONTRASTIVE_CHECK(!job.views.empty(), kOptionError, "views must be an integer >= 1, got 0");
  Shape first;
  for (size_t v = 0; v < job.views.size(); ++v) {
    Shape last_source, last_result;  // most batches hold images of one size: ask once
    for (size_t i = 0; i < job.images.size(); ++i) {
      const ImageView& image = job.images[i];
      const Shape source = {image.height, image.width, image.channels};
      if (i == 0 || !(source == last_source))
        last_result = naming(i, image.id, [&] { return job.views[v]->output_shape(last_source = source); });
      if (v == 0 && i == 0) first = last_result;
      CONTRASTIVE_CHECK(last_result == first, kShapeError, "all views must have one shape, got ", first.height, " x ",
                        first.width, " x ", first.channels, " and, for samples[", i, "] (id ", image.id, ") in view ",
                        v, ", ", last_result.height, " x ", last_result.width, " x ", last_result.channels);
    }
  }
  return first;
}

void augment_batch(Pool& pool, BatchJob job, void* out, std::shared_ptr<const std::atomic<bool>> cancel,
                   std::function<void(std::exception_ptr)> done) {
  const Shape shape = batch_shape(job);
  const size_t value_size = job.type == OutType::kFloat32 ? sizeof(float) : sizeof(uint16_t);
  const size_t result_size = value_size * shape.height * shape.width * shape.channels;
  const auto images = static_cast<int64_t>(job.images.size());
  const int64_t count = images * static_cast<int64_t>(job.views.size());
  auto body = [job = std::move(job), out = static_cast<char*>(out), cancel = std::move(cancel), result_size,
               images](int64_t index) {
    CONTRASTIVE_CHECK(!cancel || !cancel->load(std::memory_order_relaxed), kAbortedError, "augmentation was cancelled");
    const ImageView& image = job.images[index % images];
    const auto view = static_cast<size_t>(index / images);
    const Pipeline& pipeline = *job.views[view];
    Canvas& canvas = local_canvas();
    naming(static_cast<size_t>(index % images), image.id, [&] {
      pipeline.apply(canvas, image, pipeline.draw(job.key(image, view), {image.height, image.width, image.channels}));
      canvas.pack(out + index * result_size, job.type, job.layout);
    });
    canvas.trim();
  };
  pool.run(count, std::move(body), std::move(done));
}

void replay(const Pipeline& pipeline, const ImageView& image, const std::vector<Drawn>& drawn, void* out, OutType type,
            Layout layout) {
  Canvas& canvas = local_canvas();
  pipeline.apply(canvas, image, drawn);
  canvas.pack(out, type, layout);
  canvas.trim();
}

}  // namespace contrastive::augment
