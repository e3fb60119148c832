#pragma once

namespace contrastive::distributed {

// While one of these lives, libtorch logs what is fatal only: what c10d would log of a failure, with its C++ stack, is
// an error here, or an attempt that is repeated.
class QuietLog {
 public:
  QuietLog();
  ~QuietLog();
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};

}  // namespace contrastive::distributed
