// Between JavaScript values and libtorch's boxed values, led by a schema's types.
#pragma once

#include <ATen/core/function_schema.h>
#include <napi.h>

#include <functional>
#include <string>
#include <vector>

#include "core/op.h"
#include "core/recording.h"
#include "core/slot.h"

namespace contrastive::binding {

at::ScalarType to_dtype(const Napi::Value& value, const char* argument);
const char* dtype_name(at::ScalarType dtype);

// 'cpu', 'cuda', 'cuda:1', 'mps', 'auto'. Throws kDeviceError, with the reason, when the device is not there.
at::Device to_device(const Napi::Value& value, const char* argument);
std::string device_name(at::Device device);

std::vector<int64_t> to_ints(const Napi::Value& value, const char* argument);
Napi::Array from_ints(Napi::Env env, at::IntArrayRef values);
std::string to_string(const Napi::Value& value, const char* argument);

// The modes and the number of the job, which come last in a call.
inline uint32_t flags_at(const Napi::CallbackInfo& info, size_t i) { return info[i].As<Napi::Number>().Uint32Value(); }
inline uint64_t job_at(const Napi::CallbackInfo& info, size_t i) {
  return static_cast<uint64_t>(info[i].As<Napi::Number>().DoubleValue());
}

// The arguments of one call: plain values, and slots where tensors go.
class Arguments {
 public:
  // Converts a JavaScript array in schema order; undefined takes the schema's default. The first `skip` parameters are
  // left to the caller.
  Arguments(const c10::FunctionSchema& schema, const Napi::Array& values, size_t skip = 0);
  // With the meta twins for tensors, float ones cast to `cast`; false when the shape of one is not known yet.
  bool twins(Stack& stack, std::optional<at::ScalarType> cast);
  // With the tensors themselves; waits for them, throws FailureException where one failed.
  Stack resolve() const;
  // In a job: the tensors may have been changed by it.
  void note_changes() const;
  // For a recording: constants as they are, and the number that `value_of` has for each slot.
  std::vector<Recording::Operand> operands(const std::function<size_t(const SlotPtr&)>& value_of) const;
  // The device that the results will be on. Throws kDeviceError when tensors are on different ones.
  at::Device device() const { return device_; }

 private:
  struct Argument {
    c10::IValue value;  // a plain value, where there are no slots
    Slots slots;        // one for a Tensor, several for a Tensor[]; none in the holes of a Tensor?[]
    bool list = false;
    bool holes = false;   // the list is a Tensor?[]
    bool device = false;  // names the device of the results

    template <typename Get>
    c10::IValue list_of(Get get) const;  // get(slot) for each slot
  };
  Argument convert(const c10::Argument& parameter, const Napi::Value& value);
  void note_device(Slot& slot, const std::string& argument);

  c10::SmallVector<Argument, 4> arguments_;  // what most operations take, as Slots
  at::Device device_ = at::kCPU;
  bool has_device_ = false;
  const std::string* name_;  // the schema's, which lives as long as the process
};

}  // namespace contrastive::binding
