#include "distributed/quiet_log.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <mutex>

namespace contrastive::distributed {
namespace {

constexpr int kFatal = 3;  // of libtorch's levels

std::mutex level_mutex;
int alive = 0;
int level_before = 0;

}  // namespace

QuietLog::QuietLog() {
  const std::lock_guard lock(level_mutex);
  if (alive++ > 0) return;
  level_before = FLAGS_caffe2_log_level;
  FLAGS_caffe2_log_level = std::max(level_before, kFatal);
}

QuietLog::~QuietLog() {
  const std::lock_guard lock(level_mutex);
  if (--alive == 0) FLAGS_caffe2_log_level = level_before;
}

}  // namespace contrastive::distributed
