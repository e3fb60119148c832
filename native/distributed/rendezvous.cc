#include "distributed/rendezvous.h"

#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <sstream>
#include <thread>
#include <utility>

#include "core/error.h"

#ifdef _WIN32
#include <process.h>
#include <winsock2.h>
#else
#include <unistd.h>
#endif

namespace contrastive::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using StorePtr = c10::intrusive_ptr<c10d::Store>;
constexpr std::chrono::milliseconds kBetweenAttempts{20};
constexpr std::chrono::milliseconds kAttempt{2000};  // to reach the server, before the next look at `check`

std::string machine() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

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

std::string key_of(int rank) { return message("rank/", rank); }

// The first line that two signatures differ in.
std::string difference(const std::string& ours, const std::string& theirs) {
  std::istringstream a(ours), b(theirs);
  std::string left, right;
  for (;;) {
    const bool has_left = static_cast<bool>(std::getline(a, left)),
               has_right = static_cast<bool>(std::getline(b, right));
    if (!has_left) left.clear();
    if (!has_right) right.clear();
    if ((!has_left && !has_right) || left != right) return message("'", right, "', here '", left, "'");
  }
}

}  // namespace

std::string text_at(const StorePtr& store, const std::string& key) {
  const std::vector<uint8_t> bytes = store->get(key);
  return {bytes.begin(), bytes.end()};
}

void set_text(const StorePtr& store, const std::string& key, const std::string& text) {
  store->set(key, std::vector<uint8_t>(text.begin(), text.end()));
}

std::string name_of(const StorePtr& store, int rank) {
  const std::string text = text_at(store, key_of(rank));
  return message("rank ", rank, " (", text.substr(0, text.find('\n')), ")");
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

StorePtr meet(const GroupOptions& options, const Check& check) {
  StorePtr base;
  if (options.file.empty())
    base = connect(options, check);
  else
    base = c10::make_intrusive<c10d::FileStore>(options.file, options.size);
  StorePtr store = c10::make_intrusive<c10d::PrefixStore>(options.prefix, base);
  CONTRASTIVE_CHECK(store->add(message("claim/", options.rank), 1) == 1, kDistributedError, "rank ", options.rank,
                    " of ", options.size, " is there already: RANK must differ in every process");
  set_text(store, key_of(options.rank),
           message(machine(), ", process ", getpid(), "\n", "of ", options.size, "\n", options.signature));

  const Clock::time_point end = Clock::now() + options.timeout;
  std::vector<int> missing;
  for (int rank = 0; rank < options.size; ++rank) missing.push_back(rank);
  for (;;) {
    check();
    std::erase_if(missing, [&](int rank) { return store->check({key_of(rank)}); });
    if (missing.empty()) break;
    if (Clock::now() > end) {
      std::vector<std::string> names;
      for (const int rank : missing) names.push_back(std::to_string(rank));
      throw Error(kDistributedError,
                  message("rank ", options.rank, " of ", options.size, ": ", missing.size() == 1 ? "rank " : "ranks ",
                          list_of(names), " did not come within ", seconds(options.timeout)));
    }
    std::this_thread::sleep_for(kBetweenAttempts);
  }

  const auto signature_of = [&](int rank) {
    const std::string text = text_at(store, key_of(rank));
    return text.substr(text.find('\n') + 1);
  };
  const std::string ours = signature_of(options.rank);
  for (int rank = 0; rank < options.size; ++rank) {
    const std::string theirs = signature_of(rank);
    CONTRASTIVE_CHECK(theirs == ours, kDistributedError, name_of(store, rank), " is not like rank ", options.rank,
                      ": there it is ", difference(ours, theirs));
  }
  return store;
}

}  // namespace contrastive::distributed
