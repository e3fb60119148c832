#include "evaluate/top_products.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "evaluate/dot_kernels.h"

namespace contrastive::evaluate {
namespace {

// A tile of the bank holds about this many values: 1 MB, which stays in a core's cache while queries pass over it.
constexpr int64_t kTileValues = int64_t{1} << 18;
constexpr int64_t kLeastTileRows = 64;
// Tiles that there are to share out, where the bank is large enough for more than one.
constexpr int64_t kFewestTiles = 16;
// Queries multiplied by a tile at once.
constexpr int64_t kQueries = 64;
// From so many on, a matrix product is faster than inner products, of which a few are over when the rows are read.
constexpr int64_t kManyQueries = 8;

struct Hit {
  float product;
  int64_t row;
};

bool comes_first(const Hit& a, const Hit& b) {
  return a.product > b.product || (a.product == b.product && a.row < b.row);
}

using Hits = std::vector<Hit>;

// The best k of all that was offered, a heap whose front is the last of them. products: of `count` rows, the first of
// which is `row`; rows come in rising order.
void offer(const float* products, int64_t count, int64_t row, int64_t k, Hits& best) {
  int64_t i = 0;
  for (; i < count && static_cast<int64_t>(best.size()) < k; ++i) {
    best.push_back({std::isnan(products[i]) ? -std::numeric_limits<float>::infinity() : products[i], row + i});
    std::push_heap(best.begin(), best.end(), comes_first);
  }
  float least = best.front().product;
  for (; i < count; ++i) {
    if (!(products[i] > least)) continue;
    std::pop_heap(best.begin(), best.end(), comes_first);
    best.back() = {products[i], row + i};
    std::push_heap(best.begin(), best.end(), comes_first);
    least = best.front().product;
  }
}

// The products of queries (n, dim) with rows (m, dim), into `room`: n·m values, row-major.
void multiply(const at::Tensor& queries, const at::Tensor& rows, const at::Tensor& room) {
  const int64_t n = queries.size(0), m = rows.size(0);
  if (n < kManyQueries) {
    dot_kernel()(queries.const_data_ptr<float>(), n, rows.const_data_ptr<float>(), m, rows.size(1),
                 room.mutable_data_ptr<float>());
  } else {
    at::Tensor products = room.narrow(0, 0, n * m).view({n, m});
    at::mm_out(products, queries, rows.t());
  }
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> top_products(const at::Tensor& queries, const at::Tensor& bank, int64_t k) {
  const int64_t n = queries.size(0), m = bank.size(0);
  const int64_t fair = (m + kFewestTiles - 1) / kFewestTiles;
  const int64_t tile = std::max(kLeastTileRows, std::min(kTileValues / bank.size(1), fair));
  std::vector<Hits> found(n);
  std::mutex mutex;
  at::parallel_for(0, (m + tile - 1) / tile, 1, [&](int64_t begin, int64_t end) {
    std::vector<Hits> best(n);
    const at::Tensor room = at::empty({std::min(n, kQueries) * tile}, queries.options());
    for (int64_t row = begin * tile; row < std::min(end * tile, m); row += tile) {
      const at::Tensor rows = bank.narrow(0, row, std::min(tile, m - row));
      for (int64_t query = 0; query < n; query += kQueries) {
        const int64_t count = std::min(kQueries, n - query);
        multiply(queries.narrow(0, query, count), rows, room);
        const float* values = room.const_data_ptr<float>();
        for (int64_t i = 0; i < count; ++i) offer(values + i * rows.size(0), rows.size(0), row, k, best[query + i]);
      }
    }
    const std::scoped_lock lock(mutex);
    for (int64_t i = 0; i < n; ++i) found[i].insert(found[i].end(), best[i].begin(), best[i].end());
  });

  at::Tensor indices = at::empty({n, k}, queries.options().dtype(at::kLong));
  at::Tensor products = at::empty({n, k}, queries.options());
  auto* index = indices.mutable_data_ptr<int64_t>();
  auto* product = products.mutable_data_ptr<float>();
  for (Hits& hits : found) {
    std::partial_sort(hits.begin(), hits.begin() + k, hits.end(), comes_first);
    for (int64_t i = 0; i < k; ++i) {
      *index++ = hits[i].row;
      *product++ = hits[i].product;
    }
  }
  return {indices, products};
}

}  // namespace contrastive::evaluate
