#include "binding/augment_run.h"

#include <ATen/ATen.h>

#include <utility>

#include "augment/batch.h"
#include "augment_tensor/pipeline.h"
#include "binding/augment_convert.h"
#include "binding/augment_wrap.h"
#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"

namespace contrastive::binding {

using augment::BatchJob;
using augment::Drawn;
using augment::ImageView;
using augment::Pipeline;
using augment::Shape;
using augment_tensor::TensorJob;

namespace {

ImageView to_image(const Napi::Value& value, int height, int width, int channels, uint64_t id) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const bool bytes = value.IsTypedArray() &&
                     napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) == napi_ok &&
                     (type == napi_uint8_array || type == napi_uint8_clamped_array);
  CONTRASTIVE_CHECK(bytes, kDTypeError, "pixels must be a Uint8Array");
  CONTRASTIVE_CHECK(
      height >= 1 && width >= 1 && channels >= 1 &&
          length == static_cast<size_t>(height) * static_cast<size_t>(width) * static_cast<size_t>(channels),
      kShapeError, "pixels of ", length, " bytes do not fit an image of ", height, " x ", width, " x ", channels);
  return {static_cast<const uint8_t*>(data), height, width, channels, id};
}

struct Result {
  at::Tensor tensor;
  SlotPtr slot;
  std::shared_ptr<Promises> promises;  // shared only because a std::function must be copyable
};

// Memory for the pool to write into, and the handle's slot that waits for it.
Result make_result(int64_t count, Shape shape, at::ScalarType dtype, uint64_t job) {
  const auto options = at::TensorOptions().dtype(dtype).memory_format(at::MemoryFormat::ChannelsLast);
  const std::vector<int64_t> sizes = {count, shape.channels, shape.height, shape.width};
  auto slot = std::make_shared<Slot>(at::empty(sizes, options.device(at::kMeta)), at::kCPU);
  return {at::empty(sizes, options), slot, std::make_shared<Promises>(Slots{slot}, job)};
}

augment::OutType out_type(at::ScalarType dtype) {
  CONTRASTIVE_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, kDTypeError,
                    "dtype must be 'float32' or 'bfloat16', got '", dtype_name(dtype), "'");
  return dtype == at::kFloat ? augment::OutType::kFloat32 : augment::OutType::kBFloat16;
}

// Keeps the arrays whose bytes the pool reads alive until it is done. References belong to the JavaScript thread: the
// settler brings this one back there; when the environment has ended meanwhile, it went with it.
std::function<void()> keep_alive(State& state, const Napi::Value& value) {
  auto* reference = new Napi::Reference<Napi::Value>(Napi::Persistent(value));
  auto [promise, settler] = state.promise();
  return [reference, settler = settler] {
    settler.resolve([reference](Napi::Env env) {
      delete reference;
      return env.Undefined();
    });
  };
}

// The end of a job on the pool: fills the slot, then lets go of `pixels`.
std::function<void(std::exception_ptr)> settles(State& state, Result result, const Napi::Value& pixels) {
  return [result = std::move(result), release = keep_alive(state, pixels)](std::exception_ptr error) {
    result.promises->settle([&] {
      if (error) std::rethrow_exception(error);
      return std::vector<at::Tensor>{result.tensor};
    });
    release();
  };
}

// The first six arguments of both ways to augment a batch: pipelines, pixels[], sizes Int32Array (n x 3), ids
// Float64Array, seed, epoch; and their last, at `numbers_at`: what each view draws as, undefined for 0, 1, …
BatchJob to_batch(const Napi::CallbackInfo& info, size_t numbers_at) {
  const auto pipelines = info[0].As<Napi::Array>();
  const auto pixels = info[1].As<Napi::Array>();
  const auto sizes = info[2].As<Napi::Int32Array>();
  const auto ids = info[3].As<Napi::Float64Array>();
  const size_t n = pixels.Length();
  CONTRASTIVE_CHECK(sizes.ElementLength() == 3 * n && ids.ElementLength() == n, kOptionError,
                    "sizes and ids must have an entry for each of the ", n, " images");
  BatchJob job;
  for (uint32_t i = 0; i < pipelines.Length(); ++i)
    job.views.push_back(PipelineHandle::get(pipelines.Get(i), "pipeline"));
  job.images.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    const Napi::HandleScope scope(info.Env());
    const uint64_t id = to_counter(ids[i], "ids");
    job.images.push_back(augment::naming(i, id, [&] {
      return to_image(pixels.Get(static_cast<uint32_t>(i)), sizes[3 * i], sizes[3 * i + 1], sizes[3 * i + 2], id);
    }));
  }
  job.seed = to_counter(info[4], "seed");
  job.epoch = info[5].As<Napi::Number>().Uint32Value();
  if (info[numbers_at].IsUndefined()) return job;
  for (const int64_t number : to_ints(info[numbers_at], "viewNumbers")) {
    CONTRASTIVE_CHECK(number >= 0 && number <= 0xffff, kOptionError, "viewNumbers must be from 0 to 65535, got ",
                      number);
    job.view_numbers.push_back(static_cast<uint32_t>(number));
  }
  CONTRASTIVE_CHECK(job.view_numbers.size() == job.views.size(), kOptionError,
                    "viewNumbers must have an entry for each of the ", job.views.size(), " views, got ",
                    job.view_numbers.size());
  return job;
}

// Aliases a member of the environment's state: owns nothing.
std::shared_ptr<const std::atomic<bool>> closing(State& state) { return {std::shared_ptr<void>(), &state.closing()}; }

// augmentBatch(pipelines, pixels[], sizes, ids, seed, epoch, dtype, job, viewNumbers) -> tensor of shape (pipelines x
// n, channels, height, width), view-major, channels_last; one pipeline a view
Napi::Value batch(const Napi::CallbackInfo& info) {
  BatchJob job = to_batch(info, 8);
  const at::ScalarType dtype = to_dtype(info[6], "dtype");
  job.type = out_type(dtype);
  const Shape shape = augment::batch_shape(job);
  const Result result =
      make_result(static_cast<int64_t>(job.images.size() * job.views.size()), shape, dtype, to_counter(info[7], "job"));
  State& state = State::of(info.Env());
  Pool& pool = state.pool();
  augment::augment_batch(pool, std::move(job), result.tensor.mutable_data_ptr(), closing(state),
                         settles(state, result, info[1]));
  return wrap(info.Env(), result.slot);
}

// augmentRunsOn(device) -> whether augmentOnDevice is the way to take. The CPU has the pool, and Metal has not all of
// the operations.
Napi::Value runs_on(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), is_asynchronous(to_device(info[0], "device")));
}

// augmentOnDevice(pipelines, pixels[], sizes, ids, seed, epoch, dtype, device, flags, job, viewNumbers) -> as
// augmentBatch, on the device, by operations on its tensors: one job of the stream for views
Napi::Value on_device(const Napi::CallbackInfo& info) {
  TensorJob job;
  job.batch = to_batch(info, 10);
  job.dtype = to_dtype(info[6], "dtype");
  out_type(job.dtype);
  job.device = to_device(info[7], "device");
  const uint32_t flags = info[8].As<Napi::Number>().Uint32Value();
  const Shape shape = augment::batch_shape(job.batch);
  auto slot = std::make_shared<Slot>(
      at::empty({static_cast<int64_t>(job.batch.images.size() * job.batch.views.size()), shape.channels, shape.height,
                 shape.width},
                at::TensorOptions(job.dtype).device(at::kMeta).memory_format(at::MemoryFormat::ChannelsLast)),
      job.device);
  State& state = State::of(info.Env());
  Stream& stream = state.views(flags);
  stream.enqueue(make_job([job = std::move(job), promises = Promises(Slots{slot}, to_counter(info[9], "job")),
                           cancel = closing(state), release = keep_alive(state, info[1])]() mutable {
    promises.settle([&] { return std::vector<at::Tensor>{augment_tensor::augment_on_device(job, *cancel)}; });
    release();
  }));
  return wrap(info.Env(), slot);
}

// augmentReplay(pipeline, pixels, height, width, channels, drawn, dtype, job) -> tensor (1, channels, height, width)
Napi::Value replay(const Napi::CallbackInfo& info) {
  const std::shared_ptr<const Pipeline> pipeline = PipelineHandle::get(info[0], "pipeline");
  const ImageView image = to_image(info[1], to_int(info[2]), to_int(info[3]), to_int(info[4]), 0);
  const auto list = info[5].As<Napi::Array>();
  CONTRASTIVE_CHECK(list.Length() == pipeline->transforms().size(), kOptionError,
                    "drawn must have one entry for each of the ", pipeline->transforms().size(), " transforms, got ",
                    list.Length());
  std::vector<Drawn> drawn;
  drawn.reserve(list.Length());
  for (uint32_t i = 0; i < list.Length(); ++i)
    drawn.push_back(to_drawn(*pipeline->transforms()[i], list.Get(i).As<Napi::Object>()));
  const Shape source = {image.height, image.width, image.channels};
  const Shape shape = pipeline->output_shape(source);
  pipeline->check_drawn(drawn, source);
  const at::ScalarType dtype = to_dtype(info[6], "dtype");
  const augment::OutType type = out_type(dtype);
  State& state = State::of(info.Env());
  Pool& pool = state.pool();
  const Result result = make_result(1, shape, dtype, to_counter(info[7], "job"));
  void* const out = result.tensor.mutable_data_ptr();
  pool.run(
      1, [=](int64_t) { augment::replay(*pipeline, image, drawn, out, type, augment::Layout::kInterleaved); },
      settles(state, result, info[1]));
  return wrap(info.Env(), result.slot);
}

}  // namespace

void export_augment_run(Napi::Env env, Napi::Object exports) {
  exports.Set("augmentBatch", Napi::Function::New<guarded<batch>>(env));
  exports.Set("augmentRunsOn", Napi::Function::New<guarded<runs_on>>(env));
  exports.Set("augmentOnDevice", Napi::Function::New<guarded<on_device>>(env));
  exports.Set("augmentReplay", Napi::Function::New<guarded<replay>>(env));
}

}  // namespace contrastive::binding
