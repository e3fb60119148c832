// Operations of the device: those of the CPU, on the same memory, with notes of what a GPU would have done.
#include <ATen/ATen.h>
#include <torch/library.h>

#include <set>

#include "device.h"

namespace simulated {
namespace {

bool is_here(const at::Tensor& tensor) { return tensor.defined() && tensor.device().type() == kType; }

// The shapes of their results depend on values, for which a GPU is waited for.
const std::set<std::string> kWaits = {"aten::nonzero",           "aten::masked_select", "aten::_unique2",
                                      "aten::unique_dim",        "aten::bincount",      "aten::unique_consecutive",
                                      "aten::repeat_interleave", "aten::equal",         "aten::histc"};

// The tensors of one call, and what they are on the CPU.
struct Call {
  explicit Call(std::string name) : name(std::move(name)) {}

  at::Tensor to_host(const at::Tensor& tensor, bool is_written = false) {
    if (!is_here(tensor)) return tensor;
    if (is_written && tensor.numel() == 0) {  // a result that the operation gives its size
      given.emplace_back(at::empty({0}, at::TensorOptions(tensor.scalar_type())), tensor);
      return given.back().first;
    }
    const at::Tensor host = at::empty({0}, at::TensorOptions(tensor.scalar_type()));
    host.set_(memory_of(tensor)->tensor.storage(), tensor.storage_offset(), tensor.sizes(), tensor.strides());
    given.emplace_back(host, tensor);
    return host;
  }

  at::Tensor to_device(const at::Tensor& host) {
    if (!host.defined()) return host;
    for (const auto& [wrapped, tensor] : given) {
      if (!host.storage().is_alias_of(wrapped.storage())) continue;
      if (host.sizes() == wrapped.sizes() && host.strides() == wrapped.strides() &&
          host.storage_offset() == wrapped.storage_offset() && !makes_views)
        return tensor;
      // Another view of the same memory.
      at::Tensor view = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(tensor.storage()),
                                                                 tensor.key_set(), host.dtype());
      view.unsafeGetTensorImpl()->set_storage_offset(host.storage_offset());
      view.unsafeGetTensorImpl()->set_sizes_and_strides(host.sizes(), host.strides());
      return view;
    }
    return on_device(host);
  }

  // After the work: results that were given their size.
  void take_sizes() {
    for (const auto& [host, tensor] : given) {
      if (tensor.numel() != 0 || host.numel() == 0) continue;
      auto* impl = tensor.unsafeGetTensorImpl();
      impl->set_storage_keep_dtype(on_device(host).storage());
      impl->set_sizes_and_strides(host.sizes(), host.strides());
    }
  }

  void note_use(const at::Tensor& tensor, bool is_written, int64_t now) {
    device().note_use(name, memory_of(tensor), is_written, now);
  }

  std::string name;
  bool makes_views = false;
  std::vector<std::pair<at::Tensor, at::Tensor>> given;  // host, device
};

template <typename Convert>
void convert(c10::IValue& value, const Convert& tensor_of) {
  if (value.isTensor()) {
    value = tensor_of(value.toTensor());
  } else if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(tensor_of(tensor));
    value = std::move(list);
  } else if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector())
      list.push_back(tensor ? std::optional(tensor_of(*tensor)) : std::nullopt);
    value = std::move(list);
  } else if (value.isDevice()) {
    value = c10::Device(c10::kCPU);
  }
}

std::vector<at::Tensor> tensors_in(const torch::jit::Stack& stack) {
  std::vector<at::Tensor> tensors;
  for (c10::IValue value : stack)
    convert(value, [&](const at::Tensor& tensor) {
      tensors.push_back(tensor);
      return tensor;
    });
  return tensors;
}

void run_on_host(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard no_autograd(c10::autograd_dispatch_keyset_with_ADInplaceOrView);
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
}

// Does an operation again: its results go to where they went when it was taken down.
std::function<void()> again(const c10::OperatorHandle& op, torch::jit::Stack arguments,
                            std::vector<at::Tensor> results) {
  return [op, arguments = std::move(arguments), results = std::move(results)] {
    torch::jit::Stack stack = arguments;
    run_on_host(op, &stack);
    const std::vector<at::Tensor> made = tensors_in(stack);
    const at::AutoDispatchBelowAutograd below;
    for (size_t i = 0; i < made.size(); ++i)
      if (made[i].defined() && !made[i].storage().is_alias_of(results[i].storage()))
        at::Tensor(results[i]).copy_(made[i]);
  };
}

Launch::Use use_of(const at::Tensor& tensor, bool is_written) {
  Memory* memory = memory_of(tensor);
  return {memory, is_written, memory->graph, memory->life};
}

void fallback(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  const c10::FunctionSchema& schema = op.schema();
  const size_t count = schema.arguments().size(), begin = stack->size() - count;
  Call call(schema.operator_name().name);
  const bool is_list_of_flags = call.name == "aten::index" || call.name == "aten::_index_put_impl_";
  std::vector<std::pair<size_t, bool>> uses;  // in `given`, whether written
  for (size_t i = 0; i < count; ++i) {
    const auto* alias = schema.arguments()[i].alias_info();
    const bool is_written = alias && alias->isWrite();
    convert((*stack)[begin + i], [&](const at::Tensor& tensor) {
      if (is_list_of_flags && tensor.defined() && (tensor.scalar_type() == at::kBool) && i == 1) {
        const std::lock_guard lock(device().mutex);
        device().wait(call.name + " by a mask");
      }
      if (is_here(tensor)) uses.emplace_back(call.given.size(), is_written);
      return call.to_host(tensor, is_written);
    });
  }
  for (const c10::Argument& result : schema.returns())
    call.makes_views |= result.alias_info() != nullptr && !result.alias_info()->isWrite();
  Capture* capture = nullptr;
  torch::jit::Stack arguments;
  {
    const std::lock_guard lock(device().mutex);
    if (kWaits.count(call.name)) device().wait(call.name);
    capture = call.makes_views ? nullptr : device().capture_of(current_stream());
    if (capture) {
      arguments.assign(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
      for (const auto& [host, tensor] : call.given) capture->keep(memory_of(tensor));
    } else if (!call.makes_views) {
      const int64_t now = device().launch(current_stream());
      ++device().log.launches[std::to_string(current_stream())];
      for (const auto& [place, is_written] : uses) call.note_use(call.given[place].second, is_written, now);
    }
  }
  run_on_host(op, stack);
  if (capture) {
    const torch::jit::Stack results(stack->end() - static_cast<std::ptrdiff_t>(schema.returns().size()), stack->end());
    Launch launch{.name = call.name, .uses = {}, .work = again(op, std::move(arguments), tensors_in(results))};
    for (const auto& [place, is_written] : uses) launch.uses.push_back(use_of(call.given[place].second, is_written));
    const std::lock_guard lock(device().mutex);
    capture->launches.push_back(std::move(launch));
  }
  call.take_sizes();
  for (size_t i = stack->size() - schema.returns().size(); i < stack->size(); ++i)
    convert((*stack)[i], [&](const at::Tensor& tensor) { return call.to_device(tensor); });
}

c10::Scalar local_scalar_dense(const at::Tensor& self) {
  Call call("aten::item");
  {
    const std::lock_guard lock(device().mutex);
    device().wait("item");
    call.note_use(self, false, device().launch(current_stream()));
    device().throw_fault();
  }
  return at::_local_scalar_dense(call.to_host(self));
}

// A graph does not keep memory of the host: it goes by the place alone.
std::function<void()> copy_again(const at::Tensor& target, const at::Tensor& source, bool is_upload) {
  if (!is_upload)
    return [target, source] {
      const at::AutoDispatchBelowAutograd below;
      at::Tensor(target).copy_(source);
    };
  void* place = source.mutable_data_ptr();
  return [target, place, sizes = source.sizes().vec(), strides = source.strides().vec(), options = source.options()] {
    if (!device().is_pinned(place)) {
      const std::lock_guard lock(device().mutex);
      device().log.races.push_back("a graph's copy: from memory of the host that is free");
      return;
    }
    const at::AutoDispatchBelowAutograd below;
    at::Tensor(target).copy_(at::from_blob(place, sizes, strides, options));
  };
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  Call call("aten::copy_");
  const bool is_upload = is_here(to) && !is_here(from), is_read = is_here(from) && !is_here(to);
  const at::Tensor& host = is_upload ? from : to;
  const bool is_free = !is_upload && !is_read;
  const bool is_waited = !is_free && !(non_blocking && device().is_pinned(host.const_data_ptr()));
  const at::Tensor source = call.to_host(from), target = call.to_host(to);
  const std::lock_guard lock(device().mutex);
  if (Capture* capture = device().capture_of(current_stream())) {
    if (is_waited || is_read) device().refuse_in_graph(current_stream(), "a copy between host and device");
    capture->keep(memory_of(to));
    Launch launch{.name = call.name, .uses = {use_of(to, true)}, .work = copy_again(target, source, is_upload)};
    if (is_here(from)) {
      capture->keep(memory_of(from));
      launch.uses.push_back(use_of(from, false));
    }
    capture->launches.push_back(std::move(launch));
    target.copy_(source);
    return to;
  }
  const int64_t now = device().launch(current_stream());
  if (Pinned* pinned = device().pinned_at(host.const_data_ptr()); pinned && !is_free && !is_waited)
    pinned->users.insert(current_stream());
  if (is_here(from)) call.note_use(from, false, now);
  if (is_here(to)) call.note_use(to, true, now);
  if (is_waited)
    device().wait(is_upload ? "a copy to the device" : "a copy to the host");
  else if (!is_free)
    ++device().log.copies[is_upload ? "to device" : "to host"];
  if (is_waited || !is_read) {
    target.copy_(source);
    return to;
  }
  // Until somebody waits for it, the host has something else there.
  const at::Tensor bytes = source.to(target.scalar_type()).contiguous();
  TORCH_CHECK(target.is_contiguous(), "a copy to pinned memory must be to contiguous memory");
  const auto* first = static_cast<const uint8_t*>(bytes.const_data_ptr());
  device().deliveries.push_back({current_stream(), now, {first, first + bytes.nbytes()}, target.mutable_data_ptr()});
  std::memset(target.mutable_data_ptr(), 0x7f, target.nbytes());
  return to;
}

// Whether a tensor may become one of the other device, as Module.to() has it; libtorch knows that of its own devices
// only.
bool may_become(const at::Tensor&, const at::Tensor&) { return true; }

void record_stream(at::Tensor& self, c10::Stream) { memory_of(self)->is_recorded = true; }

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                       c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation,
                       bool transposed, c10::SymIntArrayRef output_padding, c10::SymInt groups) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("aten::convolution", "");
  torch::jit::Stack stack;
  const auto ints = [](c10::SymIntArrayRef list) { return c10::asIntArrayRefSlow(list, __FILE__, __LINE__).vec(); };
  torch::jit::push(stack, input, weight, bias, ints(stride), ints(padding), ints(dilation), transposed,
                   ints(output_padding), groups.expect_int());
  fallback(op, {}, &stack);
  return stack.back().toTensor();
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& grad, const at::Tensor& input, const at::Tensor& weight, c10::SymIntArrayRef stride,
    c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation, bool transposed, c10::SymIntArrayRef output_padding,
    c10::SymInt groups, std::array<bool, 3> mask) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("aten::convolution_backward", "");
  torch::jit::Stack stack;
  const auto ints = [](c10::SymIntArrayRef list) { return c10::asIntArrayRefSlow(list, __FILE__, __LINE__).vec(); };
  torch::jit::push(stack, grad, input, weight,
                   std::optional<std::vector<int64_t>>(std::vector<int64_t>{weight.size(0)}), ints(stride),
                   ints(padding), ints(dilation), transposed, ints(output_padding), groups.expect_int(),
                   std::vector<bool>(mask.begin(), mask.end()));
  fallback(op, {}, &stack);
  const auto size = stack.size();
  return {stack[size - 3].toTensor(), stack[size - 2].toTensor(), stack[size - 1].toTensor()};
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

// Under autocast it computes as it does without.
TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }

// What a GPU does with a list of tensors in one launch, and libtorch one by one where nobody says that the device can.
constexpr const char* kOfLists[] = {"_foreach_add.List",    "_foreach_add.Scalar",  "_foreach_add_.List",
                                    "_foreach_add_.Scalar", "_foreach_add_.Tensor", "_foreach_mul.Scalar",
                                    "_foreach_mul_.Scalar", "_foreach_mul_.Tensor", "_foreach_norm.Scalar",
                                    "_foreach_copy_",       "_foreach_sub.List"};

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  for (const char* name : kOfLists) m.impl(name, torch::CppFunction::makeFromBoxedFunction<&fallback>());
  m.impl("_local_scalar_dense", local_scalar_dense);
  m.impl("_copy_from", copy_from);
  m.impl("record_stream", record_stream);
  m.impl("_has_compatible_shallow_copy_type", may_become);
  m.impl("convolution_overrideable", convolution);
  m.impl("convolution_backward_overrideable", convolution_backward);
}

}  // namespace
}  // namespace simulated
