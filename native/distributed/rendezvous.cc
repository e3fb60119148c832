#include "distributed/rendezvous.h"

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"

namespace contrastive::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using StorePtr = c10::intrusive_ptr<c10d::Store>;
constexpr std::chrono::milliseconds kBetweenAttempts{20};
constexpr std::chrono::milliseconds kLongestPause{200};
constexpr int kFatal = 3;                            // of libtorch's levels
constexpr std::chrono::milliseconds kAttempt{2000};  // to reach the server, before the next look at `check`

std::string seconds(std::chrono::milliseconds time) { return message(static_cast<double>(time.count()) / 1000, " s"); }

StorePtr connect(const GroupOptions& options, const Check& check) {
  const Clock::time_point end = Clock::now() + options.timeout;
  c10d::TCPStoreOptions tcp;
  tcp.port = static_cast<std::uint16_t>(options.port);
  tcp.isServer = options.serves;
  tcp.waitWorkers = false;
  tcp.timeout = std::min(options.timeout, kAttempt);
  for (;;) {
    check();
    try {
      return c10::make_intrusive<c10d::TCPStore>(options.host, tcp);
    } catch (const std::exception& e) {
      const std::string text = e.what(), reason = text.substr(0, text.find('\n'));
      CONTRASTIVE_CHECK(!options.serves, kDistributedError, "rank ", options.rank, " cannot listen at ", options.host,
                        ":", options.port, " (MASTER_ADDR, MASTER_PORT) for the others: ", reason);
      CONTRASTIVE_CHECK(
          Clock::now() < end, kDistributedError, "rank ", options.rank, " of ", options.size, ": nobody answers at ",
          options.host, ":", options.port, " after ", seconds(options.timeout),
          ". Is MASTER_ADDR the machine of rank 0, is MASTER_PORT free and open there, and does rank 0 run?");
    }
    std::this_thread::sleep_for(kBetweenAttempts);
  }
}

std::vector<std::string> missing_ranks(RankStore& store, const GroupOptions& options) {
  std::vector<std::string> names;
  for (int rank = 0; rank < options.size; ++rank)
    if (!store.has_come(rank)) names.push_back(std::to_string(rank));
  return names;
}

// Rank 0 looks at all others, and they at rank 0.
void wait_for_all(RankStore& store, const GroupOptions& options, const Check& check) {
  const Clock::time_point end = Clock::now() + options.timeout;
  const bool leads = options.rank == 0;
  std::vector<int> expected{0};
  for (int rank = 1; leads && rank < options.size; ++rank) expected.push_back(rank);
  for (auto pause = kBetweenAttempts;; pause = std::min(2 * pause, kLongestPause)) {
    check();
    const std::string said = store.said_by_others();
    CONTRASTIVE_CHECK(said.empty(), kDistributedError, said);
    std::erase_if(expected, [&](int rank) {
      if (!store.has_come(rank)) return false;
      store.expect_alike(rank);
      return true;
    });
    if (leads && expected.empty()) store.set("complete", "");
    if (expected.empty() && store.has("complete")) return;
    if (Clock::now() > end) {
      const std::vector<std::string> missing = missing_ranks(store, options);
      throw Error(kDistributedError,
                  message("rank ", options.rank, " of ", options.size, ": ", missing.size() == 1 ? "rank " : "ranks ",
                          list_of(missing), " did not come within ", seconds(options.timeout)));
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

std::unique_ptr<RankStore> meet(const GroupOptions& options, const Check& check) {
  // What c10d would log of a failure, with its C++ stack, is an error here, or an attempt that is repeated.
  FLAGS_caffe2_log_level = std::max<int>(FLAGS_caffe2_log_level, kFatal);
  StorePtr base;
  if (options.file.empty())
    base = connect(options, check);
  else
    base = c10::make_intrusive<c10d::FileStore>(options.file, options.size);
  auto store =
      std::make_unique<RankStore>(c10::make_intrusive<c10d::PrefixStore>(options.prefix, base), options, check);
  CONTRASTIVE_CHECK(store->add(message("claim/", options.rank), 1) == 1, kDistributedError, "rank ", options.rank,
                    " of ", options.size, " is there already: RANK must differ in every process");
  store->introduce();
  try {
    wait_for_all(*store, options, check);
  } catch (const Error& e) {
    store->leave(e.what());
    throw;
  }
  return store;
}

}  // namespace contrastive::distributed
