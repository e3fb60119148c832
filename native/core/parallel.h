#pragma once

#include <c10/util/FunctionRef.h>

#include <cstdint>

namespace contrastive {

// body(begin, end) for ranges that make up 0 … count − 1, on the threads of the stream that calls, inside a parallel
// region of libtorch's. at::parallel_for is a template: compiled here, without a compiler's OpenMP, it would run on one
// thread; libtorch's iterator brings what libtorch was compiled with. The first exception of a body is thrown.
void parallel_for(int64_t count, c10::function_ref<void(int64_t begin, int64_t end)> body);

}  // namespace contrastive
