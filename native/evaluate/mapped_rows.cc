#include <ATen/ATen.h>

#include <limits>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/op.h"

namespace contrastive::evaluate {
namespace {

// Of a file that was written as float32 rows of length 1, rounding and no more.
constexpr double kLengthTolerance = 1e-3;

// float32 (rows, dim) in a file from the byte `offset` on, in memory as it is looked at: processes that open a file
// share it. Each row must be of length 1, for which all are read once. The file must not change while it is open: one
// that is written anew takes its name, not its place.
at::Tensor map_unit_rows(const std::string& file, int64_t offset, int64_t rows, int64_t dim,
                         const std::optional<at::Device>& device) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 2;
  CONTRASTIVE_CHECK(rows >= 1 && dim >= 1 && rows <= kMost / dim / 4, kShapeError, file,
                    ": rows and dim must be from 1 on and fit into memory, got ", rows, " and ", dim);
  CONTRASTIVE_CHECK(offset >= 0 && offset % 4 == 0 && offset <= kMost, kOptionError, file,
                    ": offset must be a multiple of 4, got ", offset);
  if (device && device->is_meta()) return at::empty({rows, dim}, at::TensorOptions(at::kFloat).device(at::kMeta));
  const int64_t bytes = 4 * rows * dim;
  const at::Tensor whole = at::from_file(file, /*shared=*/false, offset + bytes, at::TensorOptions(at::kByte));
  at::Tensor values = whole.narrow(0, offset, bytes).view(at::kFloat).view({rows, dim});
  const at::Tensor lengths = at::linalg_vector_norm(values, 2, at::IntArrayRef{1});
  const double off = lengths.sub_(1).abs_().max().item<double>();  // NaN where there is one
  CONTRASTIVE_CHECK(off <= kLengthTolerance, kDataError, file, ": each row must be of length 1, one is off by ", off);
  return values;
}
CONTRASTIVE_OP(map_unit_rows,
               "_map_unit_rows(str file, int offset, int rows, int dim, *, Device? device=None) -> Tensor");

}  // namespace
}  // namespace contrastive::evaluate
