#include "distributed/rendezvous.h"

#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "distributed/aside.h"
#include "distributed/quiet_log.h"

namespace contrastive::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using StorePtr = c10::intrusive_ptr<c10d::Store>;
constexpr std::chrono::milliseconds kBetweenAttempts{20};
constexpr std::chrono::milliseconds kLongestPause{200};
constexpr std::chrono::milliseconds kAttempt{2000};  // to reach the server, before the next look at `check`

std::string seconds(std::chrono::milliseconds time) { return message(static_cast<double>(time.count()) / 1000, " s"); }

StorePtr connect_by_port(const GroupOptions& options, const Check& check, Clock::time_point end) {
  const QuietLog quiet;
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

StorePtr connect_by_file(const GroupOptions& options, const Check& check, Clock::time_point end) {
  const auto cannot = [&](const std::string& why) {
    return Error(kDistributedError, message("rank ", options.rank, " of ", options.size, " cannot use the file ",
                                            options.file, ": ", why));
  };
  Aside<StorePtr> store = aside([file = options.file, size = options.size]() -> StorePtr {
    const QuietLog quiet;
    return c10::make_intrusive<c10d::FileStore>(file, size);
  });
  while (!store.wait_for(kLongestPause)) {
    check();
    if (Clock::now() > end) throw cannot(message("it cannot be opened within ", seconds(options.timeout)));
  }
  try {
    return store.get();
  } catch (const std::exception& e) {
    const std::string text = e.what();
    throw cannot(text.substr(0, text.find('\n')));
  }
}

StorePtr connect(const GroupOptions& options, const Check& check, Clock::time_point end) {
  const StorePtr base =
      options.file.empty() ? connect_by_port(options, check, end) : connect_by_file(options, check, end);
  return c10::make_intrusive<c10d::PrefixStore>(options.prefix, base);
}

std::vector<std::string> missing_ranks(RankStore& store) {
  std::vector<std::string> names;
  for (int rank = 0; rank < store.options().size; ++rank)
    if (!store.has_come(rank)) names.push_back(std::to_string(rank));
  return names;
}

// Where a store outlives a group, as a launcher's does, the keys of each are its own: rank 0 counts the groups, and the
// others come to the newest one that they have not been in.
std::unique_ptr<RankStore> claim_place(const StorePtr& launch, const GroupOptions& options, const Check& check,
                                       Clock::time_point end) {
  RankStore counter(launch, options, check);
  int64_t tried = 0;
  if (options.rank == 0) counter.add("groups", 1);
  for (;; std::this_thread::sleep_for(kLongestPause)) {
    check();
    CONTRASTIVE_CHECK(Clock::now() < end, kDistributedError, "rank ", options.rank, " of ", options.size,
                      ": rank 0 did not come within ", seconds(options.timeout));
    const int64_t newest = counter.add("groups", 0);
    if (newest == tried) continue;
    GroupOptions own = options;
    own.prefix = message(options.prefix, "/", newest);
    auto store =
        std::make_unique<RankStore>(c10::make_intrusive<c10d::PrefixStore>(std::to_string(newest), launch), own, check);
    if (store->add(message("claim/", options.rank), 1) == 1) return store;
    const std::string holder =
        store->has_come(options.rank) ? store->name_of(options.rank) : message("rank ", options.rank);
    CONTRASTIVE_CHECK(holder == store->own_name(), kDistributedError, "rank ", options.rank, " of ", options.size, ": ",
                      holder, " is there already: RANK must differ in every process",
                      "; if that one is of an earlier start, this start needs another MASTER_PORT or file");
    tried = newest;
  }
}

// Rank 0 looks at all others, and they at rank 0.
void wait_for_all(RankStore& store, const Check& check, Clock::time_point end) {
  const GroupOptions& options = store.options();
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
      const std::vector<std::string> missing = missing_ranks(store);
      const std::string who = message("rank ", options.rank, " of ", options.size, ": ");
      throw Error(kDistributedError, missing.empty()
                                         ? message(who, store.name_of(0), " has come, but does not answer")
                                         : message(who, missing.size() == 1 ? "rank " : "ranks ", list_of(missing),
                                                   " did not come within ", seconds(options.timeout)));
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

std::unique_ptr<RankStore> meet(const GroupOptions& options, const Check& check) {
  const Clock::time_point end = Clock::now() + options.timeout;
  for (;;) {
    const StorePtr launch = connect(options, check, end);
    std::unique_ptr<RankStore> store;
    try {
      store = claim_place(launch, options, check, end);
      store->introduce();
      wait_for_all(*store, check, end);
      return store;
    } catch (const StoreLost&) {
      // Of a group before this one, whose server rank 0 has closed by now.
      if (options.serves || !options.file.empty() || Clock::now() > end) throw;
    } catch (const Error& e) {
      if (store) store->leave(e.what());
      throw;
    }
  }
}

StorePtr connect_again(const RankStore& store, const Check& check) {
  GroupOptions options = store.options();
  options.serves = false;
  return connect(options, check, Clock::now() + options.timeout);
}

}  // namespace contrastive::distributed
