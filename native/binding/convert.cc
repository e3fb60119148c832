#include "binding/convert.h"

#include <ATen/ATen.h>
#include <ATen/ScalarOps.h>
#include <ATen/core/jit_type.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <array>
#include <cmath>

#include "binding/generator_wrap.h"
#include "binding/tensor_wrap.h"
#include "core/device_streams.h"
#include "core/error.h"

namespace contrastive::binding {
namespace {

struct DTypeName {
  const char* name;
  at::ScalarType dtype;
};

constexpr std::array<DTypeName, 8> kDTypes = {{{"float32", at::kFloat},
                                               {"float64", at::kDouble},
                                               {"bfloat16", at::kBFloat16},
                                               {"float16", at::kHalf},
                                               {"int64", at::kLong},
                                               {"int32", at::kInt},
                                               {"uint8", at::kByte},
                                               {"bool", at::kBool}}};

std::string received(const Napi::Value& value) {
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsString()) return "'" + value.As<Napi::String>().Utf8Value() + "'";
  if (value.IsNumber() || value.IsBoolean()) return value.ToString().Utf8Value();
  if (value.IsArray()) return "an array";
  if (value.IsFunction()) return "a function";
  return "an object";
}

int64_t to_int(const Napi::Value& value, const std::string& argument) {
  if (value.IsBigInt()) {
    bool lossless;
    const int64_t result = value.As<Napi::BigInt>().Int64Value(&lossless);
    CONTRASTIVE_CHECK(lossless, kOptionError, argument, " must fit a 64-bit integer");
    return result;
  }
  CONTRASTIVE_CHECK(value.IsNumber(), kOptionError, argument, " must be an integer, got ", received(value));
  const double number = value.As<Napi::Number>().DoubleValue();
  CONTRASTIVE_CHECK(std::trunc(number) == number && std::abs(number) <= 9007199254740991.0, kOptionError, argument,
                    " must be an integer, got ", received(value));
  return static_cast<int64_t>(number);
}

double to_double(const Napi::Value& value, const std::string& argument) {
  CONTRASTIVE_CHECK(value.IsNumber(), kOptionError, argument, " must be a number, got ", received(value));
  return value.As<Napi::Number>().DoubleValue();
}

// 0 to `last`.
int64_t to_enumerated(const Napi::Value& value, const std::string& argument, int64_t last) {
  const int64_t number = to_int(value, argument);
  CONTRASTIVE_CHECK(number >= 0 && number <= last, kOptionError, argument, " must be an integer from 0 to ", last,
                    ", got ", number);
  return number;
}

at::Scalar to_scalar(const Napi::Value& value, const std::string& argument) {
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsBigInt()) return to_int(value, argument);
  const double number = to_double(value, argument);
  // 2 is an integer as in Python, so that int tensors stay int; 2.5 and NaN are floats.
  if (std::trunc(number) == number && std::abs(number) < 9007199254740992.0) return static_cast<int64_t>(number);
  return number;
}

c10::IValue to_plain(const c10::TypePtr& type, const Napi::Value& value, const std::string& argument) {
  switch (type->kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return to_int(value, argument);
    case c10::TypeKind::ScalarTypeType:
      return static_cast<int64_t>(to_dtype(value, argument.c_str()));
    case c10::TypeKind::FloatType:
      return to_double(value, argument);
    case c10::TypeKind::BoolType:
      CONTRASTIVE_CHECK(value.IsBoolean(), kOptionError, argument, " must be true or false, got ", received(value));
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::NumberType:
      return to_scalar(value, argument);
    case c10::TypeKind::StringType:
      return to_string(value, argument.c_str());
    case c10::TypeKind::DeviceObjType:
      return to_device(value, argument.c_str());
    case c10::TypeKind::ListType: {
      const auto element = type->castRaw<c10::ListType>()->getElementType();
      if (element->kind() == c10::TypeKind::FloatType) {
        CONTRASTIVE_CHECK(value.IsArray(), kOptionError, argument, " must be an array of numbers, got ",
                          received(value));
        c10::List<double> list;
        Napi::Array array = value.As<Napi::Array>();
        for (uint32_t i = 0; i < array.Length(); ++i) list.push_back(to_double(array.Get(i), argument));
        return list;
      }
      return c10::List<int64_t>(at::IntArrayRef(to_ints(value, argument.c_str())));
    }
    // Enumerations; libtorch does not look whether a number is one of theirs.
    case c10::TypeKind::MemoryFormatType:
      return to_enumerated(value, argument, static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d));
    case c10::TypeKind::LayoutType:
      return to_enumerated(value, argument, static_cast<int64_t>(at::kStrided));
    default:
      throw Error(kOptionError, message(argument, ": values of type ", type->str(), " are not supported"));
  }
}

// What Tensor[] and Tensor?[] hold; none for another type.
c10::TypePtr element_of_tensor_list(const c10::TypePtr& type) {
  if (type->kind() != c10::TypeKind::ListType) return nullptr;
  const c10::TypePtr element = type->castRaw<c10::ListType>()->getElementType();
  return element->isSubtypeOf(*c10::OptionalType::ofTensor()) ? element : nullptr;
}

bool is_absent(const Napi::Value& value) { return value.IsUndefined() || value.IsNull(); }

// As autocast's own rule.
bool is_cast(const at::Tensor& tensor) { return tensor.is_floating_point() && tensor.scalar_type() != at::kDouble; }

}  // namespace

at::ScalarType to_dtype(const Napi::Value& value, const char* argument) {
  if (value.IsString()) {
    const std::string name = value.As<Napi::String>();
    for (const DTypeName& entry : kDTypes)
      if (name == entry.name) return entry.dtype;
  }
  throw Error(kDTypeError, message(argument, " must be one of 'float32', 'float64', 'bfloat16', 'float16', 'int64', ",
                                   "'int32', 'uint8', 'bool', got ", received(value)));
}

const char* dtype_name(at::ScalarType dtype) {
  for (const DTypeName& entry : kDTypes)
    if (dtype == entry.dtype) return entry.name;
  return c10::toString(dtype);
}

at::Device to_device(const Napi::Value& value, const char* argument) {
  const std::string name = to_string(value, argument);
  const at::DeviceIndex cuda_devices = at::detail::getCUDAHooks().deviceCount();
  const bool mps = at::Context::hasMPS();
  if (name == "auto") {
    if (cuda_devices > 0) return to_device(Napi::String::New(value.Env(), "cuda"), argument);
    return mps ? at::Device(at::kMPS, 0) : at::Device(at::kCPU);
  }
  std::optional<at::Device> device;
  try {
    device = at::Device(name);
  } catch (const c10::Error&) {  // NOLINT(bugprone-empty-catch): refused below, in our words
  }
  if (device && device->is_privateuseone() && c10::impl::hasDeviceGuardImpl(at::kPrivateUse1)) {
    // One that registered itself with libtorch.
    const at::Device registered(at::kPrivateUse1, device->has_index() ? device->index() : c10::DeviceIndex{0});
    use_device(registered);
    return registered;
  }
  CONTRASTIVE_CHECK(device && (device->is_cpu() || device->is_cuda() || device->is_mps()), kDeviceError, argument,
                    " must be 'cpu', 'cuda', 'cuda:N', 'mps' or 'auto', got '", name, "'");
  CONTRASTIVE_CHECK(!device->is_mps() || mps, kDeviceError, argument,
                    " 'mps' is not available: the libtorch in use has no Metal, or this machine has none");
  // One spelling a device, so that two tensors on the same one compare equal.
  if (!device->is_cuda()) return device->is_mps() ? at::Device(at::kMPS, 0) : at::Device(at::kCPU);
  CONTRASTIVE_CHECK(
      at::CUDAHooksRegistry()->Has("CUDAHooks"), kDeviceError, argument, " '", name,
      "' is not available: the libtorch in use was built without CUDA; `contrastive doctor` tells which it is");
  CONTRASTIVE_CHECK(cuda_devices > 0, kDeviceError, argument, " '", name,
                    "' is not available: no CUDA device was found; `contrastive doctor` tells more");
  const int index = device->has_index() ? device->index() : 0;
  CONTRASTIVE_CHECK(index < cuda_devices, kDeviceError, argument, " '", name,
                    "' is not available: CUDA devices found: ", cuda_devices);
  const at::Device cuda(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  use_device(cuda);
  return cuda;
}

std::string device_name(at::Device device) { return device.is_cpu() ? "cpu" : device.str(); }

std::vector<int64_t> to_ints(const Napi::Value& value, const char* argument) {
  if (value.IsNumber()) return {to_int(value, argument)};
  CONTRASTIVE_CHECK(value.IsArray(), kOptionError, argument, " must be an array of integers, got ", received(value));
  Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> result(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) result[i] = to_int(array.Get(i), argument);
  return result;
}

Napi::Array from_ints(Napi::Env env, at::IntArrayRef values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) array.Set(i, static_cast<double>(values[i]));
  return array;
}

std::string to_string(const Napi::Value& value, const char* argument) {
  CONTRASTIVE_CHECK(value.IsString(), kOptionError, argument, " must be a string, got ", received(value));
  return value.As<Napi::String>();
}

Arguments::Arguments(const c10::FunctionSchema& schema, const Napi::Array& values, size_t skip)
    : name_(&schema.name()) {
  const auto& parameters = schema.arguments();
  CONTRASTIVE_CHECK(values.Length() <= parameters.size(), kOptionError, *name_, " takes at most ", parameters.size(),
                    " arguments, got ", values.Length());
  arguments_.reserve(parameters.size());
  for (uint32_t i = skip; i < parameters.size(); ++i)
    arguments_.push_back(convert(parameters[i], i < values.Length() ? values.Get(i) : values.Env().Undefined()));
}

Arguments::Argument Arguments::convert(const c10::Argument& parameter, const Napi::Value& value) {
  Argument result;
  c10::TypePtr type = parameter.real_type();  // type() calls a dtype an integer
  const bool optional = type->kind() == c10::TypeKind::OptionalType;
  if (optional) type = type->castRaw<c10::OptionalType>()->getElementType();
  result.device = type->kind() == c10::TypeKind::DeviceObjType;
  const std::string argument = parameter.name() == "self" ? "input" : parameter.name();
  if (type->kind() == c10::TypeKind::GeneratorType) {
    // Optional in libtorch, where none means that of the process.
    const std::shared_ptr<at::Generator>* generator = GeneratorHandle::find(value, argument.c_str());
    CONTRASTIVE_CHECK(generator, kOptionError, argument, " must be a Generator, got ", received(value));
    result.value = **generator;
    return result;
  }
  if (value.IsUndefined() && parameter.default_value()) {
    result.value = *parameter.default_value();
    return result;
  }
  if (optional && is_absent(value)) return result;  // None
  if (type->kind() == c10::TypeKind::TensorType) {
    if (value.IsNumber() || value.IsBoolean() || value.IsBigInt()) {
      // As in PyTorch, a number takes part in type promotion with the lowest priority.
      at::Tensor scalar = at::scalar_to_tensor(to_scalar(value, argument));
      scalar.unsafeGetTensorImpl()->set_wrapped_number(true);
      result.value = scalar;
      return result;
    }
    const SlotPtr* slot = TensorHandle::find(value, argument.c_str());
    CONTRASTIVE_CHECK(slot, kOptionError, argument, " must be a Tensor", optional ? " or undefined" : "", ", got ",
                      received(value));
    result.slots.push_back(*slot);
    note_device(*result.slots.back(), argument);
    return result;
  }
  if (const c10::TypePtr element = element_of_tensor_list(type)) {
    CONTRASTIVE_CHECK(value.IsArray(), kOptionError, argument, " must be an array of tensors, got ", received(value));
    Napi::Array array = value.As<Napi::Array>();
    result.list = true;
    result.holes = element->kind() == c10::TypeKind::OptionalType;
    for (uint32_t i = 0; i < array.Length(); ++i) {
      if (result.holes && is_absent(array.Get(i))) {
        result.slots.push_back(nullptr);
        continue;
      }
      result.slots.push_back(TensorHandle::get(array.Get(i), argument.c_str()));
      note_device(*result.slots.back(), argument);
    }
    return result;
  }
  result.value = to_plain(type, value, argument);
  if (result.value.isDevice()) {
    device_ = result.value.toDevice();
    has_device_ = true;
  }
  return result;
}

void Arguments::note_device(Slot& slot, const std::string& argument) {
  if (!has_device_) {
    device_ = slot.device();
    has_device_ = true;
    return;
  }
  if (device_ == slot.device()) return;
  const at::Tensor& twin = slot.twin();
  if (twin.defined() && twin.dim() == 0 && slot.device().is_cpu()) return;  // a CPU scalar mixes with anything
  if (*name_ == "aten::copy_") return;  // from one device to another is what it is for
  throw Error(kDeviceError, message(*name_, ": ", argument, " is on '", device_name(slot.device()),
                                    "' but an argument before it is on '", device_name(device_), "'"));
}

template <typename Get>
c10::IValue Arguments::Argument::list_of(Get get) const {
  if (!holes) {
    c10::List<at::Tensor> tensors;
    for (const SlotPtr& slot : slots) tensors.push_back(get(*slot));
    return tensors;
  }
  c10::List<std::optional<at::Tensor>> tensors;
  for (const SlotPtr& slot : slots) tensors.push_back(slot ? std::optional(get(*slot)) : std::nullopt);
  return tensors;
}

bool Arguments::twins(Stack& stack, std::optional<at::ScalarType> cast) {
  const auto twin = [&](Slot& slot) {
    at::Tensor tensor = slot.twin();
    return cast && is_cast(tensor) ? tensor.to(*cast) : tensor;
  };
  stack.reserve(arguments_.size());
  for (const Argument& argument : arguments_) {
    for (const SlotPtr& slot : argument.slots)
      if (slot && !slot->twin().defined()) return false;
    if (argument.list) {
      stack.push_back(argument.list_of(twin));
    } else if (!argument.slots.empty()) {
      stack.emplace_back(twin(*argument.slots[0]));
    } else if (argument.device) {
      stack.emplace_back(at::Device(at::kMeta));  // also where none was named: the default is the CPU
    } else {
      stack.push_back(argument.value);
    }
  }
  return true;
}

Stack Arguments::resolve() const {
  Stack stack;
  stack.reserve(arguments_.size());
  for (const Argument& argument : arguments_) {
    if (argument.list) {
      stack.push_back(argument.list_of([](const Slot& slot) { return slot.value(); }));
    } else if (!argument.slots.empty()) {
      stack.emplace_back(argument.slots[0]->value());
    } else {
      stack.push_back(argument.value);
    }
  }
  return stack;
}

void Arguments::note_changes() const {
  for (const Argument& argument : arguments_)
    for (const SlotPtr& slot : argument.slots)
      if (slot) slot->note_change();
}

std::vector<Recording::Operand> Arguments::operands(const std::function<size_t(const SlotPtr&)>& value_of) const {
  std::vector<Recording::Operand> operands;
  operands.reserve(arguments_.size());
  for (const Argument& argument : arguments_) {
    Recording::Operand& operand = operands.emplace_back();
    operand.constant = argument.value;
    operand.is_list = argument.list;
    operand.has_holes = argument.holes;
    for (const SlotPtr& slot : argument.slots)
      operand.uses.push_back(slot ? std::optional(Recording::Use{value_of(slot)}) : std::nullopt);
  }
  return operands;
}

}  // namespace contrastive::binding
