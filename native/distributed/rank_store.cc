#include "distributed/rank_store.h"

#include <algorithm>
#include <sstream>
#include <thread>
#include <utility>

#include "core/error.h"
#include "distributed/aside.h"
#include "distributed/quiet_log.h"

#ifdef _WIN32
#include <process.h>
#include <winsock2.h>
#else
#include <unistd.h>
#endif

namespace contrastive::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kForAnswers{3000};    // to those that have not noticed yet that a collective failed
constexpr milliseconds kForFarewells{5000};  // to those that are to hear of an end
constexpr milliseconds kBetweenCounts{50};
constexpr milliseconds kBetweenChecks{100};  // at whether the environment ends, while a call is waited for

constexpr const char* kProcess = ", process ";
constexpr const char* kDevices = "devices";  // how many ranks have one

std::string machine() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string own_place() { return message(machine(), kProcess, getpid()); }

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

RankStore::RankStore(c10::intrusive_ptr<c10d::Store> store, GroupOptions options, Check check)
    : store_(std::move(store)), options_(std::move(options)), check_(std::move(check)), patience_(options_.timeout) {}

// What `ask` returns. It runs in a thread of its own, which is left to itself where the store does not answer.
template <typename Ask>
auto RankStore::in_time(Ask ask) {
  using Answer = decltype(ask(*store_));
  if (!is_lost_) {
    Aside<Answer> answer = aside([store = store_, ask = std::move(ask)]() mutable {
      const QuietLog quiet;
      const auto held = std::move(store);  // and let go before the answer is there: the last one ends the server
      return ask(*held);
    });
    try {
      const milliseconds patience = patience_;
      for (const Clock::time_point end = Clock::now() + patience; Clock::now() < end; check_())
        if (answer.wait_for(std::min(kBetweenChecks, patience))) return answer.get();
    } catch (const Error&) {
      throw;  // the environment ends
    } catch (const std::exception&) {
      // who serves it has gone
    }
    is_lost_ = true;
  }
  throw StoreLost(options_.file.empty() ? message("rank 0, or who launched the processes, is gone: nobody answers at ",
                                                  options_.host, ":", options_.port)
                                        : message("the file of the rendezvous cannot be used: ", options_.file));
}

bool RankStore::has(const std::string& key) {
  return in_time([key](c10d::Store& store) { return store.check({key}); });
}

void RankStore::set(const std::string& key, const std::string& text) {
  in_time([key, text](c10d::Store& store) { store.set(key, std::vector<uint8_t>(text.begin(), text.end())); });
}

std::string RankStore::get(const std::string& key) {
  const std::vector<uint8_t> bytes = in_time([key](c10d::Store& store) { return store.get(key); });
  return {bytes.begin(), bytes.end()};
}

int64_t RankStore::add(const std::string& key, int64_t amount) {
  return in_time([key, amount](c10d::Store& store) { return store.add(key, amount); });
}

std::string RankStore::key_of(int rank) { return message("rank/", rank); }

void RankStore::introduce() {
  if (options_.device) add(kDevices, 1);
  set(key_of(options_.rank), message(own_place(), "\nof ", options_.size, " ranks\n", options_.signature));
}

bool RankStore::all_have_devices() { return add(kDevices, 0) == options_.size; }

std::string RankStore::own_name() const { return message("rank ", options_.rank, " (", own_place(), ")"); }

std::string RankStore::other_machine() {
  const std::string own = machine();
  for (int rank = 0; rank < options_.size; ++rank) {
    const std::string text = get(key_of(rank)), name = text.substr(0, text.find(kProcess));
    if (name != own) return name;
  }
  return "";
}

std::string RankStore::name_of(int rank) {
  const std::string text = get(key_of(rank));
  return message("rank ", rank, " (", text.substr(0, text.find('\n')), ")");
}

void RankStore::expect_alike(int rank) {
  const auto signature_of = [this](int of) {
    const std::string text = get(key_of(of));
    return text.substr(text.find('\n') + 1);
  };
  const std::string ours = signature_of(options_.rank), theirs = signature_of(rank);
  CONTRASTIVE_CHECK(theirs == ours, kDistributedError, name_of(rank), " is not like rank ", options_.rank,
                    ": there it is ", difference(ours, theirs));
}

void RankStore::leave(const std::string& reason) {
  patience_ = std::min(patience_.load(), kForFarewells);
  try {
    if (!reason.empty()) {
      set(message("left/", options_.rank), reason);
      add("left", 1);
    }
    set(message("gone/", options_.rank), "");
    if (!options_.serves) return;
    std::vector<int> staying;
    for (int rank = 0; rank < options_.size; ++rank)
      if (has_come(rank) && std::find(silent_.begin(), silent_.end(), rank) == silent_.end()) staying.push_back(rank);
    for (const Clock::time_point end = Clock::now() + kForFarewells; Clock::now() < end;) {
      std::erase_if(staying, [this](int rank) { return has(message("gone/", rank)); });
      if (staying.empty()) return;
      std::this_thread::sleep_for(kBetweenCounts);
      check_();
    }
  } catch (const Error&) {
    // nobody is left to read it, or nobody may wait
  }
}

std::string RankStore::said_by_others() {
  if (!has("left")) return "";
  for (int rank = 0; rank < options_.size; ++rank) {
    const std::string key = message("left/", rank);
    if (rank != options_.rank && has(key)) return message(name_of(rank), " stopped: ", get(key));
  }
  return "";
}

std::string RankStore::beats() { return has(kBeats) ? get(kBeats) : ""; }

std::vector<std::string> RankStore::silent_ranks() {
  const int64_t question = add(kQuestion, 1);
  const auto has_answered = [&](int rank) {
    return has(answer_key(rank)) && std::stoll(get(answer_key(rank))) >= question;
  };
  silent_.clear();
  for (int rank = 0; rank < options_.size; ++rank) silent_.push_back(rank);
  for (const Clock::time_point end = Clock::now() + kForAnswers; Clock::now() < end;) {
    std::erase_if(silent_, has_answered);
    if (silent_.empty()) break;
    std::this_thread::sleep_for(kBetweenCounts);
    check_();
  }
  std::vector<std::string> names;
  for (const int rank : silent_)
    if (rank != options_.rank) names.push_back(name_of(rank));
  return names;
}

std::string RankStore::different_answers() {
  if (!silent_.empty()) return "";
  const auto answer_of = [this](int rank) {
    const std::string answer = get(answer_key(rank));
    return answer.substr(answer.find(' ') + 1);
  };
  const std::string first = answer_of(0);
  for (int rank = 1; rank < options_.size; ++rank) {
    const std::string other = answer_of(rank);
    if (other != first) return message(name_of(0), " is in ", first, ", ", name_of(rank), " in ", other);
  }
  return "";
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

}  // namespace contrastive::distributed
