#include "losses/block_size.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "core/modes.h"

#if defined(__linux__)
#include <unistd.h>
#endif

namespace contrastive::losses {
namespace {

constexpr double kMebibyte = 1 << 20;
// Where ranks share the blocks, all must cut the same ones, whatever their caches.
constexpr int64_t kSharedBlock = 512;

double second_level_cache() {
#if defined(__linux__)
  const int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);  // 0 where the machine hides it
  if (bytes > 0) return static_cast<double>(bytes);
#endif
  return kMebibyte;
}

double ask_memory(at::Device device) {
  try {
    return static_cast<double>(at::accelerator::getMemoryInfo(device.index()).second);
  } catch (const c10::Error&) {  // an allocator that does not say
    return 16 * 1024 * kMebibyte;
  }
}

// A device is asked once: its answer may take longer than a small loss.
double device_memory(at::Device device) {
  static std::mutex mutex;
  static std::map<at::DeviceIndex, double> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(device.index());
  return found != known.end() ? found->second : known.emplace(device.index(), ask_memory(device)).first->second;
}

}  // namespace

int64_t default_block(const at::Tensor& z) {
  if (is_same_in_all_ranks()) return kSharedBlock;
  const bool cpu = z.device().is_cpu();
  const double bytes = cpu ? second_level_cache() : device_memory(z.device()) / 1024;
  const auto side = static_cast<int64_t>(std::sqrt(bytes / static_cast<double>(z.element_size())));
  const int64_t lowest = cpu ? 256 : 1024, highest = cpu ? 1024 : 8192;
  return std::clamp<int64_t>(side / 64 * 64, lowest, highest);
}

}  // namespace contrastive::losses
