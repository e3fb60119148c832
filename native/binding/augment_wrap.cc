#include "binding/augment_wrap.h"

#include <ATen/ATen.h>

#include <utility>

#include "augment/batch.h"
#include "binding/augment_convert.h"
#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/handle.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"

namespace contrastive::binding {

using augment::BatchJob;
using augment::Drawn;
using augment::ImageView;
using augment::Pipeline;
using augment::Shape;
using augment::TransformSpec;

template <>
struct HandleTraits<Pipeline> {
  static constexpr const char* kName = "pipeline";
  static constexpr napi_type_tag kTag = {0x2c9e4f11d7a05b83, 0xb3647a0c15e8d29f};
};

namespace {

using PipelineHandle = Handle<Pipeline>;

// Seeds and ids: JavaScript's safe integers.
uint64_t to_counter(const Napi::Value& value, const char* argument) {
  CONTRASTIVE_CHECK(value.IsNumber(), kOptionError, argument, " must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  CONTRASTIVE_CHECK(number >= 0 && number <= 9007199254740991.0, kOptionError, argument,
                    " must be an integer from 0 to 2^53 - 1, got ", number);
  return static_cast<uint64_t>(number);
}

int to_int(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

// augmentPipeline(transforms, channels) -> a pipeline handle; channels 0 keeps the source's.
Napi::Value make_pipeline(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<TransformSpec> specs;
  for (uint32_t i = 0; i < list.Length(); ++i) specs.push_back(to_spec(list.Get(i).As<Napi::Object>()));
  return PipelineHandle::make(info.Env(), std::make_shared<Pipeline>(specs, to_int(info[1])));
}

// augmentShape(pipeline, height, width, channels) -> [height, width, channels]
Napi::Value shape_of(const Napi::CallbackInfo& info) {
  const Shape shape =
      PipelineHandle::get(info[0], "pipeline")->output_shape({to_int(info[1]), to_int(info[2]), to_int(info[3])});
  return from_ints(info.Env(), {shape.height, shape.width, shape.channels});
}

// augmentDraw(pipeline, height, width, channels, seed, epoch, id, view) -> [{ kind, applied, ...numbers }]
Napi::Value draw(const Napi::CallbackInfo& info) {
  const Pipeline& pipeline = *PipelineHandle::get(info[0], "pipeline");
  const Shape source = {to_int(info[1]), to_int(info[2]), to_int(info[3])};
  pipeline.output_shape(source);
  const std::vector<Drawn> drawn = pipeline.draw({to_counter(info[4], "seed"), info[5].As<Napi::Number>().Uint32Value(),
                                                  to_counter(info[6], "id"), info[7].As<Napi::Number>().Uint32Value()},
                                                 source);
  Napi::Array result = Napi::Array::New(info.Env(), drawn.size());
  for (size_t i = 0; i < drawn.size(); ++i) result.Set(i, from_drawn(info.Env(), *pipeline.transforms()[i], drawn[i]));
  return result;
}

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
  return {at::empty(sizes, options), slot, std::make_shared<Promises>(std::vector<SlotPtr>{slot}, job)};
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

// augmentBatch(pipelines, pixels[], sizes Int32Array (n x 3), ids Float64Array, seed, epoch, dtype, job) -> tensor of
// shape (pipelines x n, channels, height, width), view-major, channels_last; one pipeline a view
Napi::Value batch(const Napi::CallbackInfo& info) {
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
    job.images.push_back(to_image(pixels.Get(static_cast<uint32_t>(i)), sizes[3 * i], sizes[3 * i + 1],
                                  sizes[3 * i + 2], static_cast<uint64_t>(ids[i])));
  }
  job.seed = to_counter(info[4], "seed");
  job.epoch = info[5].As<Napi::Number>().Uint32Value();
  const at::ScalarType dtype = to_dtype(info[6], "dtype");
  job.type = out_type(dtype);
  const Shape shape = augment::batch_shape(job);
  const Result result =
      make_result(static_cast<int64_t>(n * job.views.size()), shape, dtype, to_counter(info[7], "job"));
  State& state = State::of(info.Env());
  const std::shared_ptr<const std::atomic<bool>> cancel(std::shared_ptr<void>(), &state.closing());
  augment::augment_batch(state.pool(), std::move(job), result.tensor.mutable_data_ptr(), cancel,
                         settles(state, result, pixels));
  return wrap(info.Env(), result.slot);
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
  for (uint32_t i = 0; i < list.Length(); ++i)
    drawn.push_back(to_drawn(*pipeline->transforms()[i], list.Get(i).As<Napi::Object>()));
  const Shape source = {image.height, image.width, image.channels};
  const Shape shape = pipeline->output_shape(source);
  pipeline->check_drawn(drawn, source);
  const at::ScalarType dtype = to_dtype(info[6], "dtype");
  const augment::OutType type = out_type(dtype);
  State& state = State::of(info.Env());
  const Result result = make_result(1, shape, dtype, to_counter(info[7], "job"));
  void* const out = result.tensor.mutable_data_ptr();
  state.pool().run(
      1, [=](int64_t) { augment::replay(*pipeline, image, drawn, out, type, augment::Layout::kInterleaved); },
      settles(state, result, info[1]));
  return wrap(info.Env(), result.slot);
}

// augmentThreads(n): the pool's size. Waits for the batches under way.
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  State::of(info.Env()).set_pool_threads(to_int(info[0]));
  return info.Env().Undefined();
}

}  // namespace

void export_augment(Napi::Env env, Napi::Object exports) {
  exports.Set("augmentPipeline", Napi::Function::New<guarded<make_pipeline>>(env));
  exports.Set("augmentShape", Napi::Function::New<guarded<shape_of>>(env));
  exports.Set("augmentDraw", Napi::Function::New<guarded<draw>>(env));
  exports.Set("augmentBatch", Napi::Function::New<guarded<batch>>(env));
  exports.Set("augmentReplay", Napi::Function::New<guarded<replay>>(env));
  exports.Set("augmentThreads", Napi::Function::New<guarded<set_threads>>(env));
}

}  // namespace contrastive::binding
