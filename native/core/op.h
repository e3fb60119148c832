// The op table: a native function that takes and returns tensors is a plain C++ function plus one schema line beside
// it, in libtorch's schema language:
//
//   CONTRASTIVE_OP(sup_con_loss, "sup_con_loss(Tensor features, Tensor? labels=None, *, str variant='out') -> Tensor");
//
// A name in the schema that begins with an underscore is for the library alone: no public function is made of it.
//
// Arguments arrive boxed as IValues in schema order; the function's C++ parameter types must match the schema
// (Tensor: const at::Tensor&, Tensor?: const std::optional<at::Tensor>&, Tensor[]: const std::vector<at::Tensor>&,
// float: double, float?: std::optional<double>, int: int64_t, bool: bool, str: const std::string&,
// int[]: const std::vector<int64_t>&, float[]: const std::vector<double>&; several results: std::tuple<at::Tensor,
// ...>, or std::vector<at::Tensor>; none, for what only changes something: void).
#pragma once

#include <ATen/core/ivalue.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace contrastive {

using Stack = std::vector<c10::IValue>;
using BoxedFunction = void (*)(Stack&);

struct OpEntry {
  std::string name;
  std::string schema;
  BoxedFunction call;
};

// Filled by static initialisers; read after load.
std::vector<OpEntry>& op_table();

struct OpRegistration {
  OpRegistration(const char* name, const char* schema, BoxedFunction call) {
    op_table().push_back({name, schema, call});
  }
};

namespace detail {

template <typename T>
struct IsTuple : std::false_type {};
template <typename... T>
struct IsTuple<std::tuple<T...>> : std::true_type {};

template <auto function>
struct Boxed;

template <typename Result, typename... Args, Result (*function)(Args...)>
struct Boxed<function> {
  static void call(Stack& stack) { invoke(stack, std::index_sequence_for<Args...>{}); }

 private:
  template <size_t... I>
  static void invoke(Stack& stack, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<Result>) {
      function(std::move(stack[I]).template to<std::decay_t<Args>>()...);
      stack.clear();
    } else {
      Result result = function(std::move(stack[I]).template to<std::decay_t<Args>>()...);
      stack.clear();
      if constexpr (IsTuple<Result>::value) {
        std::apply([&](auto&&... part) { (stack.emplace_back(std::move(part)), ...); }, std::move(result));
      } else {
        stack.emplace_back(std::move(result));
      }
    }
  }
};

}  // namespace detail
}  // namespace contrastive

#define CONTRASTIVE_OP(function, schema)                                      \
  static const ::contrastive::OpRegistration contrastive_register_##function( \
      #function, schema, &::contrastive::detail::Boxed<&(function)>::call)
