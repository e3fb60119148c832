#include "nn/packed_weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "core/device_graph.h"
#include "core/error.h"
#include "core/version.h"
#include "tensor/finite.h"

namespace contrastive::nn {

namespace {

constexpr size_t kUses = 8;  // of one weight

// A tensor as it was: changes in place count its version up, a move or a load replaces its memory. Held weakly, so that
// no other one is taken for it that comes to lie where it was.
struct State {
  c10::weak_intrusive_ptr<at::TensorImpl> tensor;
  const void* data;
  uint32_t version;

  bool is(const at::Tensor& other) const {
    return tensor._unsafe_get_target() == other.unsafeGetTensorImpl() && data == other.const_data_ptr() &&
           version == version_of(other);
  }
};

std::vector<State> states_of(const std::vector<at::Tensor>& tensors) {
  std::vector<State> states;
  states.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors)
    states.push_back({c10::weak_intrusive_ptr<at::TensorImpl>(tensor.getIntrusivePtr()), tensor.const_data_ptr(),
                      version_of(tensor)});
  return states;
}

struct Entry {
  std::string use;
  std::vector<State> states;
  Folded folded;

  bool is_of(const std::vector<at::Tensor>& sources) const {
    return std::equal(states.begin(), states.end(), sources.begin(), sources.end(),
                      [](const State& state, const at::Tensor& source) { return state.is(source); });
  }
};

struct OfWeight {
  c10::weak_intrusive_ptr<at::TensorImpl> weight;
  std::vector<Entry> entries;  // the last used one at the end
};

class Cache {
 public:
  // Never destroyed: libtorch's own statics may go before it.
  static Cache& get() {
    static auto* const cache = new Cache;
    return *cache;
  }

  bool find(const std::vector<at::Tensor>& sources, const std::string& use, Folded& folded) {
    const std::lock_guard lock(mutex_);
    const auto found = weights_.find(sources.front().unsafeGetTensorImpl());
    if (found == weights_.end() || found->second.weight.expired()) return false;
    std::vector<Entry>& entries = found->second.entries;
    const auto entry = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.use == use; });
    if (entry == entries.end() || !entry->is_of(sources)) return false;
    folded = entry->folded;
    std::rotate(entry, entry + 1, entries.end());
    return true;
  }

  void keep(const std::vector<at::Tensor>& sources, Entry entry) {
    const std::lock_guard lock(mutex_);
    std::erase_if(weights_, [](const auto& item) { return item.second.weight.expired(); });
    const auto [place, is_new] =
        weights_.try_emplace(sources.front().unsafeGetTensorImpl(),
                             OfWeight{c10::weak_intrusive_ptr<at::TensorImpl>(sources.front().getIntrusivePtr()), {}});
    std::vector<Entry>& entries = place->second.entries;
    std::erase_if(entries, [&](const Entry& other) { return other.use == entry.use; });
    if (entries.size() == kUses) entries.erase(entries.begin());
    entries.push_back(std::move(entry));
  }

 private:
  std::mutex mutex_;
  std::map<const at::TensorImpl*, OfWeight> weights_;
};

}  // namespace

Folded folded_weights(const std::vector<at::Tensor>& sources, const std::string& use,
                      const std::function<Folded()>& make) {
  Folded folded;
  const bool is_found = Cache::get().find(sources, use, folded);
  if (HostUse* captured = captured_use()) {
    CONTRASTIVE_CHECK(is_found, kStateError, "weights are laid out anew");
    captured->memory.insert(captured->memory.end(), {folded.weight, folded.bias});
    for (const at::Tensor& source : sources) captured->unchanged.emplace_back(source, version_of(source));
  }
  if (is_found) return folded;
  std::vector<State> states = states_of(sources);  // before they are read: who changes them meanwhile is seen next time
  CONTRASTIVE_CHECK(tensor::all_finite(sources), kNonFiniteError,
                    "the weights and running statistics of a layer must be finite for inference");
  folded = make();
  Cache::get().keep(sources, {use, std::move(states), folded});
  return folded;
}

}  // namespace contrastive::nn
