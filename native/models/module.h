// The base of every encoder and head: named parameters and buffers, and a forward pass made of ATen calls.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/named_tensor.h"

namespace contrastive::models {

// Parameters (trained) and buffers (running statistics) in order of registration. A layer keeps a handle to the same
// tensor, so that moving or loading a module changes tensors in place and never swaps them.
class ParameterStore {
 public:
  // Registers and returns the tensor; the name must be new.
  at::Tensor parameter(const std::string& name, const at::Tensor& value);
  at::Tensor buffer(const std::string& name, const at::Tensor& value);

  std::vector<NamedTensor> parameters, buffers;
  std::vector<NamedTensor> parameter_twins, buffer_twins;  // on the meta device, in the same order
};

class Module {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  // Checks the shape and dtype of x (kShapeError, kDTypeError), then runs.
  virtual at::Tensor forward(const at::Tensor& x) = 0;

  // The shape that forward returns for an input of this shape, without running; throws kShapeError as forward does.
  virtual std::vector<int64_t> output_shape(at::IntArrayRef input) const = 0;

  // The length of the vectors that forward returns.
  virtual int64_t feature_dim() const = 0;

  // The dtype of the output for an input of this dtype on this kind of device, under the autocast mode of this thread.
  // Throws kDTypeError for an input that forward refuses. Any thread.
  at::ScalarType output_dtype(at::ScalarType input, at::DeviceType device) const;

  // Once there are jobs, theirs alone: one may be moving them.
  std::vector<NamedTensor>& parameters() { return store_.parameters; }
  std::vector<NamedTensor>& buffers() { return store_.buffers; }
  // Their meta twins, for the JavaScript thread alone.
  const std::vector<NamedTensor>& parameter_twins() const { return store_.parameter_twins; }
  const std::vector<NamedTensor>& buffer_twins() const { return store_.buffer_twins; }

  // Training mode normalises with the statistics of the batch and updates the running ones; evaluation mode uses them.
  void train(bool on) { training_ = on; }
  bool is_training() const { return training_; }

  // Moves parameters, their gradients and buffers in place: handles held elsewhere (an optimizer's) stay valid.
  void to(at::Device device);

 protected:
  ParameterStore store_;

 private:
  bool training_ = true;
};

}  // namespace contrastive::models
