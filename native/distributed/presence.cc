#include "distributed/presence.h"

#include <chrono>
#include <exception>
#include <utility>

#include "core/error.h"
#include "distributed/quiet_log.h"

namespace contrastive::distributed {
namespace {

constexpr std::chrono::milliseconds kBetweenWords{1000};
constexpr std::chrono::milliseconds kForLastWord{1000};  // to a call of the store that is under way

}  // namespace

std::string answer_key(int rank) { return message("alive/", rank); }

Presence::Presence(c10::intrusive_ptr<c10d::Store> store, int rank)
    : thread_(aside([state = state_, store = std::move(store), rank]() mutable {
        const auto held = std::move(store);  // and let go before this has ended
        speak(*state, *held, rank);
      })) {}

Presence::~Presence() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->has_ended = true;
    state_->changed.notify_all();
  }
  thread_.wait_for(kForLastWord);
}

void Presence::answer_with(std::string text) {
  const std::lock_guard lock(state_->mutex);
  state_->answer = std::move(text);
}

void Presence::beat() {
  const std::lock_guard lock(state_->mutex);
  ++state_->beats;
}

void Presence::speak(State& state, c10d::Store& store, int rank) {
  int64_t passed_on = 0;
  std::unique_lock lock(state.mutex);
  while (!wait_a_while(state.changed, lock, kBetweenWords, [&] { return state.has_ended; })) {
    const std::string answer = state.answer;
    const int64_t beats = state.beats;
    lock.unlock();
    try {
      const QuietLog quiet;
      if (store.check({kQuestion})) store.set(answer_key(rank), message(store.add(kQuestion, 0), " ", answer));
      if (std::exchange(passed_on, beats) != beats) store.add(kBeats, 1);
    } catch (const std::exception&) {
      return;
    }
    lock.lock();
  }
}

}  // namespace contrastive::distributed
