#include "binding/tensor_wrap.h"

#include <ATen/ATen.h>
#include <c10/util/safe_numerics.h>

#include <cstring>

#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/state.h"
#include "core/device_streams.h"
#include "core/host_copy.h"
#include "core/modes.h"
#include "core/recycler.h"

namespace contrastive::binding {
namespace {

at::ScalarType dtype_of(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array:
      return at::kFloat;
    case napi_float64_array:
      return at::kDouble;
    case napi_bigint64_array:
      return at::kLong;
    case napi_int32_array:
      return at::kInt;
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return at::kByte;
    default:
      throw Error(kDTypeError,
                  "data must be a Float32Array, Float64Array, BigInt64Array, Int32Array or Uint8Array, got another "
                  "typed array");
  }
}

// Enqueues work that yields one tensor for a new slot.
template <typename Work>
Napi::Value enqueue(Napi::Env env, const SlotPtr& slot, uint32_t flags, uint64_t job, Work work) {
  Stream& stream = State::of(env).stream(flags);
  stream.enqueue(make_job([promises = Promises(Slots{slot}, job, stream.progress()), work = std::move(work),
                           modes = Modes::from_flags(flags), device = slot->device()]() mutable {
    promises.settle([&] {
      const ModeGuard guard(modes, device.type());
      return std::vector<at::Tensor>{work()};
    });
  }));
  return wrap(env, slot);
}

// fromData(array, shape, dtype, device, requiresGrad, flags, job)
Napi::Value from_data(const Napi::CallbackInfo& info) {
  CONTRASTIVE_CHECK(info[0].IsTypedArray(), kDTypeError, "data must be a typed array");
  // Not Napi::TypedArray: it refuses one over a SharedArrayBuffer.
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const napi_status status = napi_get_typedarray_info(info.Env(), info[0], &type, &length, &data, nullptr, nullptr);
  CONTRASTIVE_CHECK(status == napi_ok, kDTypeError, "data must be a typed array");
  const at::ScalarType source = dtype_of(type);
  const std::vector<int64_t> shape = to_ints(info[1], "shape");
  const at::ScalarType dtype = to_dtype(info[2], "dtype");
  const at::Device device = to_device(info[3], "device");
  const bool requires_grad = info[4].ToBoolean();
  int64_t count = 1;
  for (const int64_t size : shape) {
    CONTRASTIVE_CHECK(size >= 0, kShapeError, "shape must not hold negative sizes, got ", at::IntArrayRef(shape));
    CONTRASTIVE_CHECK(!c10::mul_overflows(count, size, &count), kShapeError, "shape is too large");
  }
  CONTRASTIVE_CHECK(count == static_cast<int64_t>(length), kShapeError, "data of ", length,
                    " elements does not fit shape ", at::IntArrayRef(shape), ", which holds ", count);
  CONTRASTIVE_CHECK(!requires_grad || at::isFloatingType(dtype), kDTypeError,
                    "requiresGrad needs a floating dtype, got '", dtype_name(dtype), "'");
  at::Tensor host = at::empty(shape, at::TensorOptions(source));
  if (count) std::memcpy(host.mutable_data_ptr(), data, host.nbytes());
  if (source == dtype && device.is_cpu()) {
    if (requires_grad) host.set_requires_grad(true);
    return wrap(info.Env(), Slot::ready(host));
  }
  at::Tensor twin = at::empty(shape, at::TensorOptions().dtype(dtype).device(at::kMeta));
  if (requires_grad) twin.set_requires_grad(true);
  return enqueue(info.Env(), std::make_shared<Slot>(twin, device), flags_at(info, 5), job_at(info, 6),
                 [host, dtype, device, requires_grad] {
                   const at::Tensor plain = host.to(dtype);  // here: not every device has every dtype
                   const bool is_whole = at::isIntegralType(dtype, /*includeBool=*/false);
                   at::Tensor value = is_whole ? send_known(plain, device) : send(plain, device);
                   if (requires_grad) value.set_requires_grad(true);
                   return value;
                 });
}

// describe(tensor) -> { shape, dtype, device, requiresGrad, isLeaf } or { device }
Napi::Value describe_tensor(const Napi::CallbackInfo& info) {
  return description_of(info.Env(), *TensorHandle::get(info[0], "tensor"));
}

// What JavaScript reads: contiguous, on the CPU, of a type that has a typed array, and its own copy, because operations
// behind the read may change the tensor before the JavaScript thread takes it. From a device the copy is launched, and
// there when the device has come so far.
at::Tensor readable(const at::Tensor& value) {
  const at::NoGradGuard no_grad;
  at::Tensor plain = value.detach();
  if (plain.scalar_type() == at::kBFloat16 || plain.scalar_type() == at::kHalf) plain = plain.to(at::kFloat);
  plain = plain.contiguous();
  if (!is_pinned_for(plain.device(), plain.nbytes())) {
    plain = plain.to(at::kCPU);
    return plain.is_alias_of(value) ? plain.clone() : plain;
  }
  at::Tensor host = at::empty(plain.sizes(), at::TensorOptions(plain.scalar_type()).pinned_memory(true));
  host.copy_(plain, /*non_blocking=*/true);
  return freed_here(host, plain.device());  // by whoever took the values
}

// On a stream, after what it has launched on the device is done: settles by `make`'s result.
void settle_when_done(State& state, const State::Settler& settler, std::optional<at::Device> device,
                      State::Settler::Make make) {
  std::vector<c10::Event> marks = mark_launched(device);
  if (marks.empty()) return settler.resolve(std::move(make));
  state.arrivals().when(std::move(marks), [settler, make = std::move(make)](const std::exception_ptr& failed) {
    failed ? settler.reject(describe(failed)) : settler.resolve(make);
  });
}

// Where V8 gets no memory, Node-API's function ends the process; JavaScript's constructor throws.
Napi::ArrayBuffer make_buffer(Napi::Env env, size_t bytes) {
  constexpr size_t kSmall = size_t{1} << 20;
  if (bytes <= kSmall) return Napi::ArrayBuffer::New(env, bytes);
  const auto constructor = env.Global().Get("ArrayBuffer").As<Napi::Function>();
  const auto make = [&] {
    return constructor.New({Napi::Number::New(env, static_cast<double>(bytes))}).As<Napi::ArrayBuffer>();
  };
  try {
    return make();
  } catch (const Napi::Error&) {
    give_back_recyclable();
  }
  try {
    return make();
  } catch (const Napi::Error& error) {
    throw Error(kNativeError, message("out of memory: ", bytes, " bytes for JavaScript: ", error.Message()));
  }
}

Napi::Value to_typed_array(Napi::Env env, const at::Tensor& host) {
  const size_t count = static_cast<size_t>(host.numel());
  Napi::ArrayBuffer buffer = make_buffer(env, host.nbytes());
  if (count) std::memcpy(buffer.Data(), host.const_data_ptr(), host.nbytes());
  switch (host.scalar_type()) {
    case at::kFloat:
      return Napi::Float32Array::New(env, count, buffer, 0);
    case at::kDouble:
      return Napi::Float64Array::New(env, count, buffer, 0);
    case at::kLong:
      return Napi::BigInt64Array::New(env, count, buffer, 0);
    case at::kInt:
      return Napi::Int32Array::New(env, count, buffer, 0);
    case at::kByte:
    case at::kBool:
      return Napi::Uint8Array::New(env, count, buffer, 0);
    default:
      throw Error(kDTypeError, message("a tensor of dtype ", c10::toString(host.scalar_type()), " cannot be read"));
  }
}

// read(tensor, flags, own) -> Promise<TypedArray>. `own`: the failure of another's effect is left for another's read.
Napi::Value read(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  SlotPtr slot = TensorHandle::get(info[0], "tensor");
  const uint32_t flags = flags_at(info, 1);
  const bool own = info[2].ToBoolean();
  Stream& stream = state.stream(flags);
  auto [promise, settler] = state.promise();
  stream.enqueue(make_job([slot, settler = settler, &state, flags, own]() mutable {
    try {
      if (!own) state.throw_effect_failure(flags);
      const at::Device device = slot->value().device();  // which the tensor may have been moved to since
      if (is_asynchronous(device)) state.hear_of_ranks(flags);
      at::Tensor host = readable(slot->value());
      slot.reset();
      settle_when_done(state, settler, device, [host](Napi::Env env) { return to_typed_array(env, host); });
    } catch (...) {
      settler.reject(describe(std::current_exception()));
    }
  }));
  return promise;
}

// readSync(tensor, flags): blocks the JavaScript thread until everything before it is done.
Napi::Value read_sync(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  const SlotPtr slot = TensorHandle::get(info[0], "tensor");
  // Through the stream, not from here: an in-place operation may still be queued behind the slot's own job.
  auto done = std::make_shared<Slot>(at::Tensor(), at::kCPU);
  const uint32_t flags = flags_at(info, 1);
  state.stream(flags).enqueue(make_job([slot, promises = Promises(Slots{done}, 0), &state, flags]() mutable {
    promises.settle([&] {
      state.throw_effect_failure(flags);
      if (is_asynchronous(slot->value().device())) state.hear_of_ranks(flags);
      const at::Tensor host = readable(slot->value());
      for (const c10::Event& mark : mark_launched(slot->value().device()))
        mark.synchronize();  // who calls this waits anyway
      return std::vector<at::Tensor>{host};
    });
  }));
  return to_typed_array(info.Env(), done->value());
}

// ready(tensor, flags) -> Promise<{ shape, dtype, requiresGrad }> of the value, once its job has run
Napi::Value ready(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  SlotPtr slot = TensorHandle::get(info[0], "tensor");
  const uint32_t flags = flags_at(info, 1);
  Stream& stream = state.stream(flags);
  auto [promise, settler] = state.promise();
  stream.enqueue(make_job([slot, settler = settler, &state, flags] {
    try {
      const at::Tensor& value = slot->value();
      if (is_asynchronous(value.device())) state.hear_of_ranks(flags);
      settle_when_done(state, settler, value.device(),
                       [shape = value.sizes().vec(), dtype = value.scalar_type(),
                        requires_grad = value.requires_grad()](Napi::Env env) {
                         Napi::Object result = Napi::Object::New(env);
                         result.Set("shape", from_ints(env, shape));
                         result.Set("dtype", dtype_name(dtype));
                         result.Set("requiresGrad", requires_grad);
                         return result;
                       });
    } catch (...) {
      settler.reject(describe(std::current_exception()));
    }
  }));
  return promise;
}

// sync(flags) -> Promise<void>: everything enqueued before is done; rejects with the failure of a backward() or step().
Napi::Value sync(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  const uint32_t flags = flags_at(info, 0);
  Stream& stream = state.stream(flags);
  auto [promise, settler] = state.promise();
  stream.enqueue(make_job([settler = settler, &state, flags] {
    try {
      state.throw_effect_failure(flags);
      state.hear_of_ranks(flags);
      settle_when_done(state, settler, std::nullopt, [](Napi::Env env) { return env.Undefined(); });
    } catch (...) {
      settler.reject(describe(std::current_exception()));
    }
  }));
  return promise;
}

// move(tensors, device, flags, job) -> a handle a tensor, which knows the new device. The tensors themselves move, with
// their gradients: whoever holds one (an optimizer) holds it on the new device. The handles from before keep naming the
// old one.
Napi::Value move(const Napi::CallbackInfo& info) {
  const Napi::Array tensors = info[0].As<Napi::Array>();
  const at::Device device = to_device(info[1], "device");
  Slots from, to;
  Napi::Array handles = Napi::Array::New(info.Env(), tensors.Length());
  for (uint32_t i = 0; i < tensors.Length(); ++i) {
    from.push_back(TensorHandle::get(tensors.Get(i), "tensor"));
    to.push_back(std::make_shared<Slot>(from.back()->twin(), device));
    handles.Set(i, wrap(info.Env(), to.back()));
  }
  const uint32_t flags = flags_at(info, 2);
  State::of(info.Env())
      .stream(flags)
      .enqueue(
          make_job([from = std::move(from), device, promises = Promises(std::move(to), job_at(info, 3))]() mutable {
            promises.settle([&] {
              const at::NoGradGuard no_grad;
              std::vector<at::Tensor> values;
              for (const SlotPtr& slot : from) {
                at::Tensor value = slot->value();
                at::Tensor gradient = value.grad();
                value.set_data(value.detach().to(device));
                if (gradient.defined()) value.mutable_grad() = gradient.to(device);
                values.push_back(std::move(value));
              }
              return values;
            });
          }));
  return handles;
}

Napi::Value forget(const Napi::CallbackInfo& info) {
  TensorHandle::forget(info.Env(), info[0]);
  return info.Env().Undefined();
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), TensorHandle::dispose(info.Env(), info[0]));
}

// memory() -> { tensors, bytes, recyclable }: handles alive in this environment and what they hold; what the process
// keeps for the next tensors.
Napi::Value memory(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("tensors", static_cast<double>(TensorHandle::live_count()));
  result.Set("bytes", static_cast<double>(ExternalMemory::here().live()));
  result.Set("recyclable", static_cast<double>(recyclable_bytes()));
  return result;
}

}  // namespace

Napi::Object wrap(Napi::Env env, SlotPtr slot) {
  const int64_t bytes = slot->own_bytes();
  return TensorHandle::make(env, std::move(slot), bytes);
}

Napi::Object description_of(Napi::Env env, Slot& slot) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("device", device_name(slot.device()));
  const at::Tensor& twin = slot.twin();
  if (!twin.defined()) return result;
  result.Set("shape", from_ints(env, twin.sizes()));
  result.Set("dtype", dtype_name(twin.scalar_type()));
  result.Set("requiresGrad", twin.requires_grad());
  result.Set("isLeaf", twin.is_leaf());
  return result;
}

void export_tensor(Napi::Env env, Napi::Object exports) {
  exports.Set("fromData", Napi::Function::New<guarded<from_data>>(env));
  exports.Set("describe", Napi::Function::New<guarded<describe_tensor>>(env));
  exports.Set("read", Napi::Function::New<guarded<read>>(env));
  exports.Set("readSync", Napi::Function::New<guarded<read_sync>>(env));
  exports.Set("ready", Napi::Function::New<guarded<ready>>(env));
  exports.Set("sync", Napi::Function::New<guarded<sync>>(env));
  exports.Set("move", Napi::Function::New<guarded<move>>(env));
  exports.Set("dispose", Napi::Function::New<guarded<dispose>>(env));
  exports.Set("forget", Napi::Function::New<guarded<forget>>(env));
  exports.Set("disposed", TensorHandle::disposed(env));
  exports.Set("memory", Napi::Function::New<guarded<memory>>(env));
}

}  // namespace contrastive::binding
