// Inner products of a few vectors with many rows, as fast as the rows can be read from memory. Free of torch headers.
#pragma once

#include <cstdint>

namespace contrastive::evaluate {

// products (queries, rows), row-major: of queries (queries, dim) with rows (rows, dim). A product does not depend on
// where its row stands.
using DotKernel = void (*)(const float* queries, int64_t query_count, const float* rows, int64_t row_count, int64_t dim,
                           float* products);

// The widest that this processor runs.
DotKernel dot_kernel();

}  // namespace contrastive::evaluate
