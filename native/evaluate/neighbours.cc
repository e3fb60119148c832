#include "evaluate/neighbours.h"

#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/op.h"
#include "evaluate/checks.h"
#include "evaluate/top_products.h"

namespace contrastive::evaluate {
namespace {

// A block of similarities on a device holds about this many values.
constexpr int64_t kBlockValues = int64_t{1} << 22;
// Neighbours that are kept at once on a CPU, by each of its threads.
constexpr int64_t kBlockNeighbours = int64_t{1} << 20;

at::Tensor unit_rows(const at::Tensor& features) {
  const at::Tensor rows = features.detach().to(at::kFloat);
  return rows / at::linalg_vector_norm(rows, 2, at::IntArrayRef{1}, /*keepdim=*/true).clamp_min(1e-12);
}

// The products and their order, for devices: a matrix (n, m) is there for a while.
std::tuple<at::Tensor, at::Tensor> top_of_matrix(const at::Tensor& queries, const at::Tensor& bank, int64_t k) {
  auto [values, found] = queries.mm(bank.t()).topk(k, /*dim=*/1);
  return {std::move(found), std::move(values)};
}

}  // namespace

at::Tensor unit_bank(const at::Tensor& bank) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  check_features("bank", bank);
  if (bank.is_meta()) return at::empty(bank.sizes(), bank.options().dtype(at::kFloat).requires_grad(false));
  return unit_rows(bank);
}

std::tuple<at::Tensor, at::Tensor> nearest_neighbours(const at::Tensor& features, const at::Tensor& bank, int64_t k,
                                                      bool unit, int64_t block) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  check_features("features", features);
  if (!unit) check_features("bank", bank);
  check_pair("features", features, "bank", bank);
  CONTRASTIVE_CHECK(!unit || bank.scalar_type() == at::kFloat, kDTypeError,
                    "a bank of unit rows must be float32 as unit_bank gives it, got ", bank.scalar_type());
  CONTRASTIVE_CHECK(k >= 1 && k <= bank.size(0), kOptionError, "k must be from 1 to the ", bank.size(0),
                    " rows of the bank, got ", k);
  CONTRASTIVE_CHECK(block >= 0, kOptionError, "block must be >= 0, got ", block);
  const int64_t count = features.size(0);
  if (features.is_meta())
    return {at::empty({count, k}, features.options().dtype(at::kLong)),
            at::empty({count, k}, features.options().dtype(at::kFloat))};

  const bool on_cpu = bank.is_cpu();
  if (block == 0) block = std::clamp<int64_t>(on_cpu ? kBlockNeighbours / k : kBlockValues / bank.size(0), 1, count);
  const at::Tensor candidates = unit ? bank.detach().contiguous() : unit_rows(bank);
  std::vector<at::Tensor> indices, similarities;
  for (int64_t begin = 0; begin < count; begin += block) {
    const at::Tensor queries = unit_rows(features.narrow(0, begin, std::min(block, count - begin)));
    auto [found, values] = on_cpu ? top_products(queries, candidates, k) : top_of_matrix(queries, candidates, k);
    indices.push_back(std::move(found));
    similarities.push_back(std::move(values));
  }
  return {at::cat(indices), at::cat(similarities)};
}

CONTRASTIVE_OP(unit_bank, "unit_bank(Tensor bank) -> Tensor");
CONTRASTIVE_OP(nearest_neighbours,
               "nearest_neighbours(Tensor features, Tensor bank, *, int k=20, bool unit=False, int block=0) "
               "-> (Tensor indices, Tensor similarities)");

}  // namespace contrastive::evaluate
