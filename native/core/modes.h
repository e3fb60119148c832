// The modes that travel with a job: gradient recording, autocast, running statistics. They live in AsyncLocalStorage on
// the JavaScript side, never in a thread, so that two interleaved requests cannot see each other's.
#pragma once

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <utility>

namespace contrastive {

struct Modes {
  bool grad = true;
  std::optional<at::ScalarType> autocast;  // the low-precision dtype, or none
  bool keep_statistics = false;            // normalisation in training leaves its running statistics as they are
  bool whole_statistics = false;           // normalisation in training takes the statistics of all ranks' rows
  bool same_in_all_ranks = false;          // all ranks compute this from the same values, and may share the work

  // Bit 0: gradients off. Bits 1-2: autocast (0 none, 1 bfloat16, 2 float16). Bit 4: running statistics stay.
  // Bit 5: statistics over all ranks. Bit 6: the same in all ranks. The layout is that of lib/tensor/modes.ts.
  static Modes from_flags(uint32_t flags) {
    Modes modes;
    modes.grad = (flags & 1) == 0;
    if (((flags >> 1) & 3) == 1) modes.autocast = at::kBFloat16;
    if (((flags >> 1) & 3) == 2) modes.autocast = at::kHalf;
    modes.keep_statistics = (flags & 16) != 0;
    modes.whole_statistics = (flags & 32) != 0;
    modes.same_in_all_ranks = (flags & 64) != 0;
    return modes;
  }

  bool operator==(const Modes&) const = default;
};

// Whether this thread's jobs leave running statistics as they are; set by a ModeGuard.
inline bool& keeps_statistics() {
  thread_local bool keeps = false;
  return keeps;
}

// Whether normalisation in this thread's jobs takes statistics over all ranks; set by a ModeGuard.
inline bool& takes_whole_statistics() {
  thread_local bool takes = false;
  return takes;
}

// Whether this thread's jobs are the same in all ranks; set by a ModeGuard.
inline bool& is_same_in_all_ranks() {
  thread_local bool same = false;
  return same;
}

// Sets the modes on this thread for a scope.
class ModeGuard {
 public:
  ModeGuard(const Modes& modes, at::DeviceType device)
      : grad_(modes.grad),
        device_(device),
        autocast_(modes.autocast.has_value()),
        kept_statistics_(std::exchange(keeps_statistics(), modes.keep_statistics)),
        took_whole_statistics_(std::exchange(takes_whole_statistics(), modes.whole_statistics)),
        was_same_(std::exchange(is_same_in_all_ranks(), modes.same_in_all_ranks)) {
    if (!autocast_) return;
    previous_ = at::autocast::is_autocast_enabled(device_);
    previous_dtype_ = at::autocast::get_autocast_dtype(device_);
    at::autocast::set_autocast_dtype(device_, *modes.autocast);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::increment_nesting();
  }
  ~ModeGuard() {
    keeps_statistics() = kept_statistics_;
    takes_whole_statistics() = took_whole_statistics_;
    is_same_in_all_ranks() = was_same_;
    if (!autocast_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, previous_);
    at::autocast::set_autocast_dtype(device_, previous_dtype_);
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  c10::AutoGradMode grad_;
  at::DeviceType device_;
  bool autocast_;
  bool kept_statistics_;
  bool took_whole_statistics_;
  bool was_same_;
  bool previous_ = false;
  at::ScalarType previous_dtype_ = at::kBFloat16;
};

}  // namespace contrastive
