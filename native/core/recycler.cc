#include "core/recycler.h"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)

#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "core/thread.h"

namespace contrastive {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSmallest = size_t{1} << 20;  // smaller ones are malloc's, which keeps them itself
constexpr size_t kHugePage = size_t{1} << 21;
constexpr auto kPatience = std::chrono::seconds(5);

size_t page() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t whole_pages(size_t bytes) { return (bytes + page() - 1) / page() * page(); }

void* map_at(char* place, size_t bytes, int flags) {
  return mmap(place, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, /*fd=*/-1, /*offset=*/0);
}

size_t whole_huge_pages(size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

// Right before `next`; null where something else is there.
char* map_before(char* next, size_t bytes) {
  void* const mapped = map_at(next - bytes, bytes, MAP_FIXED_NOREPLACE);
  if (mapped == MAP_FAILED) return nullptr;
  if (mapped != next - bytes) {  // before Linux 4.17 the flag is a hint
    munmap(mapped, bytes);
    return nullptr;
  }
  madvise(mapped, bytes, MADV_HUGEPAGE);  // refused: the default will do
  return next - bytes;
}

// At the beginning of a huge page; null when there is no memory.
char* map_anywhere(size_t bytes) {
  void* const mapped = map_at(nullptr, bytes + kHugePage, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapped);
  const size_t before = -reinterpret_cast<uintptr_t>(begin) % kHugePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, kHugePage - before);
  madvise(begin + before, bytes, MADV_HUGEPAGE);
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

  // Gives back to the system what has been free since before `limit`.
  void unmap_free(Clock::time_point limit) {
    Ranges expired;
    {
      const std::lock_guard lock(mutex_);
      for (auto range = free_.begin(); range != free_.end();) {
        const auto next = std::next(range);
        if (range->second.since <= limit) {
          free_bytes_ -= range->second.bytes;
          expired.insert(free_.extract(range));
        }
        range = next;
      }
    }
    // In parts: the kernel keeps whoever maps memory in this process waiting, as V8 does, until one is gone.
    constexpr size_t kPart = size_t{16} << 20;
    for (const auto& [data, range] : expired)
      for (size_t at = 0; at < range.bytes; at += kPart) {
        const size_t bytes = std::min(kPart, range.bytes - at);
        if (munmap(data + at, bytes) != 0) madvise(data + at, bytes, MADV_DONTNEED);  // too many mappings
      }
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

  struct Range {
    size_t bytes;
    // It is free; of parts that were joined, the larger one's: what is used now and then must not be given back again
    // and again for a remnant beside it that nobody takes.
    Clock::time_point since;
  };
  using Ranges = std::map<char*, Range>;

  void* obtain(size_t bytes) {
    void* data = take(bytes);
    if (data == nullptr) {
      unmap_free(Clock::time_point::max());
      data = take(bytes);
    }
    return data;
  }

  // The end of the smallest free range that is large enough, of some tens that there are; of new memory, if need be.
  void* take(size_t bytes) {
    Ranges block{{nullptr, {bytes, {}}}};  // before anything changes: it may throw
    const std::lock_guard lock(mutex_);
    auto best = free_.end();
    for (auto range = free_.begin(); range != free_.end(); ++range)
      if (range->second.bytes >= bytes && (best == free_.end() || range->second.bytes < best->second.bytes))
        best = range;
    char* data = nullptr;
    if (best == free_.end()) {
      data = grow(bytes);
      if (data == nullptr) return nullptr;
    } else {
      best->second.bytes -= bytes;
      data = best->first + best->second.bytes;
      if (best->second.bytes == 0) free_.erase(best);
      free_bytes_ -= bytes;
    }
    auto node = block.extract(block.begin());
    node.key() = data;
    taken_.insert(std::move(node));
    return data;
  }

  // A block of new memory: of whole huge pages, so that the kernel can back all of them so, right before the memory
  // that is there, so that ranges touch and can be joined. It ends with what is free there, and what it leaves itself
  // is free. Null when there is no memory.
  char* grow(size_t bytes) {
    Ranges made{{nullptr, {0, {}}}};
    const auto rest = free_.find(newest_);
    size_t left = rest != free_.end() ? rest->second.bytes : 0;  // less than `bytes`: no free range is large enough
    size_t whole = whole_huge_pages(bytes - left);
    char* begin = newest_ == nullptr ? nullptr : map_before(newest_, whole);
    if (begin == nullptr) {
      left = 0;
      whole = whole_huge_pages(bytes);
      begin = map_anywhere(whole);
    }
    if (begin == nullptr) return nullptr;
    newest_ = begin;
    if (left > 0) {
      free_.erase(rest);
      free_bytes_ -= left;
    }
    const size_t more = whole + left - bytes;
    if (more > 0) release(made.extract(made.begin()), begin, more);
    return begin + more;
  }

  static void give_back(void* data) {
    Recycler& self = instance();
    if (reinterpret_cast<uintptr_t>(data) % page() != 0 || !self.keep(static_cast<char*>(data)))
      self.fallback_->raw_deallocate(data);
  }

  // False when the block is not one of ours. Takes no memory.
  bool keep(char* data) {
    const std::lock_guard lock(mutex_);
    const auto found = taken_.find(data);
    if (found == taken_.end()) return false;
    const size_t bytes = found->second.bytes;
    release(taken_.extract(found), data, bytes);
    return true;
  }

  void release(Ranges::node_type node, char* data, size_t bytes) {
    node.key() = data;
    node.mapped() = {bytes, Clock::now()};
    free_bytes_ += bytes;
    const auto range = free_.insert(std::move(node)).position;
    join(range, std::next(range));
    if (range != free_.begin()) join(std::prev(range), range);
    kept_.notify_one();
  }

  // Makes one range of two where they touch.
  void join(Ranges::iterator range, Ranges::iterator next) {
    if (next == free_.end() || range->first + range->second.bytes != next->first) return;
    const Range &one = range->second, &other = next->second;
    range->second = {one.bytes + other.bytes, one.bytes >= other.bytes ? one.since : other.since};
    free_.erase(next);
  }

  void watch() {
    name_thread("recycler");
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
  Ranges taken_;
  Ranges free_;  // no two of them touch
  char* newest_ = nullptr;
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

void give_back_recyclable() { Recycler::instance().unmap_free(Clock::time_point::max()); }

}  // namespace contrastive

#else

namespace contrastive {

void install_recycler() {}
size_t recyclable_bytes() { return 0; }
void give_back_recyclable() {}

}  // namespace contrastive

#endif
