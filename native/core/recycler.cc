#include "core/recycler.h"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)

#include <c10/core/CPUAllocator.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/thread.h"

namespace contrastive {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSmallest = size_t{1} << 20;  // smaller ones are malloc's, which keeps them itself
constexpr size_t kHugePage = size_t{1} << 21;
constexpr auto kPatience = std::chrono::seconds(5);

size_t whole_pages(size_t bytes) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// Starts at a huge page, so that the kernel can back it with them; null when there is no memory.
void* map(size_t bytes) {
  void* const mapped =
      mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, /*offset=*/0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapped);
  const size_t before = -reinterpret_cast<uintptr_t>(begin) % kHugePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kHugePage - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);  // refused: the default will do
  return begin + before;
}

class Recycler final : public c10::Allocator {
 public:
  static Recycler& instance() {
    static auto* const recycler = new Recycler;  // never destroyed: tensors may outlive static objects
    return *recycler;
  }

  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes < kSmallest ? nullptr : obtain(whole_pages(bytes));
    if (data == nullptr) data = fallback_->allocate(bytes).release_context();
    return {data, data, &give_back, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }

  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  // Whether there is a thread that gives memory back; the system may have refused one.
  bool watched() const { return watched_; }

  size_t free_bytes() {
    const std::lock_guard lock(mutex_);
    return free_bytes_;
  }

 private:
  Recycler() {
    try {
      start_thread("memory", [this] { watch(); }).detach();
      watched_ = true;
    } catch (const Error&) {
      watched_ = false;
    }
  }

  struct Free {
    void* data;
    Clock::time_point since;
  };

  void* obtain(size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const auto fits = free_.lower_bound(bytes);
      if (fits != free_.end() && fits->first <= bytes + bytes / 8) {
        const auto latest = std::prev(free_.upper_bound(fits->first));  // the likeliest to be in a cache
        void* const data = latest->second.data;
        free_bytes_ -= latest->first;
        free_.erase(latest);
        return data;
      }
    }
    void* data = map(bytes);
    if (data == nullptr) {
      unmap_free(Clock::time_point::max());
      data = map(bytes);
    }
    if (data == nullptr) return nullptr;
    const std::lock_guard lock(mutex_);
    sizes_.emplace(data, bytes);
    return data;
  }

  static void give_back(void* data) {
    Recycler& self = instance();
    if (reinterpret_cast<uintptr_t>(data) % kHugePage != 0 || !self.keep(data)) self.fallback_->raw_deallocate(data);
  }

  // False when the block is not one of ours.
  bool keep(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(data);
    if (found == sizes_.end()) return false;
    free_bytes_ += found->second;
    free_.emplace(found->second, Free{data, Clock::now()});
    if (free_.size() == 1) kept_.notify_one();
    return true;
  }

  // Gives back to the system what has been free since before `limit`.
  void unmap_free(Clock::time_point limit) {
    std::vector<std::pair<void*, size_t>> expired;
    {
      const std::lock_guard lock(mutex_);
      for (auto block = free_.begin(); block != free_.end();) {
        if (block->second.since > limit) {
          ++block;
          continue;
        }
        expired.emplace_back(block->second.data, block->first);
        sizes_.erase(block->second.data);
        free_bytes_ -= block->first;
        block = free_.erase(block);
      }
    }
    for (const auto& [data, bytes] : expired) munmap(data, bytes);
  }

  void watch() {
    pthread_setname_np(pthread_self(), "recycler");
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        kept_.wait(lock, [this] { return !free_.empty(); });
      }
      std::this_thread::sleep_for(kPatience / 4);
      unmap_free(Clock::now() - kPatience);
    }
  }

  bool watched_;
  c10::Allocator* const fallback_ = c10::GetDefaultCPUAllocator();
  std::mutex mutex_;
  std::condition_variable kept_;
  std::unordered_map<void*, size_t> sizes_;  // of all blocks, free or not
  std::multimap<size_t, Free> free_;
  size_t free_bytes_ = 0;
};

}  // namespace

void install_recycler() {
  static const bool installed = [] {
    if (Recycler::instance().watched()) c10::SetCPUAllocator(&Recycler::instance(), /*priority=*/1);
    return true;
  }();
  static_cast<void>(installed);
}

size_t recyclable_bytes() { return Recycler::instance().free_bytes(); }

}  // namespace contrastive

#else

namespace contrastive {

void install_recycler() {}
size_t recyclable_bytes() { return 0; }

}  // namespace contrastive

#endif
