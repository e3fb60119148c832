// oneDNN's operators of libtorch, `mkldnn::…`, which have no public header: found by name and called boxed.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <initializer_list>
#include <vector>

namespace contrastive::nn {

class OnednnOperators {
 public:
  struct Name {
    const char *name, *overload;
  };

  // None are there where libtorch was built without one of them, or oneDNN is switched off.
  OnednnOperators(std::initializer_list<Name> names);

  // Whether they are there and take the like of x: on a CPU, float32 or bfloat16, which they refuse where a CPU would
  // have to emulate it.
  bool take(const at::Tensor& x) const;

  // Calls the operator at `place` among the names.
  at::Tensor call(size_t place, c10::Stack arguments) const;

 private:
  std::vector<c10::OperatorHandle> operators_;
};

// Whether x is a batch of one. A layout that is best for several samples costs a lone one up to 2.5 times its time
// (ResNet-50), so each has its own; that for the first of several does for all of them.
inline bool is_alone(const at::Tensor& x) { return x.size(0) == 1; }

// For operators that want scalars of an activation: there are none.
inline c10::IValue no_scalars() { return c10::List<std::optional<at::Scalar>>(); }

}  // namespace contrastive::nn
