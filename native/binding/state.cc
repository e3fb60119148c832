#include "binding/state.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "binding/errors.h"
#include "distributed/process_group.h"

namespace contrastive::binding {
namespace {

// One thread a core, or what OMP_NUM_THREADS says, as PyTorch does.
int default_threads() {
  const char* asked = std::getenv("OMP_NUM_THREADS");  // NOLINT(concurrency-mt-unsafe): only JavaScript writes it
  const int64_t threads = asked ? std::strtol(asked, nullptr, 10) : int64_t{std::thread::hardware_concurrency()};
  return static_cast<int>(std::clamp<int64_t>(threads, 1, 4096));
}

// exit() destroys the thread_local objects of the thread that calls it before anything static, libtorch's among it: the
// last place where our threads can be stopped, whatever JavaScript does (an 'exit' listener that throws,
// process.reallyExit()). On Windows the system has ended all other threads by then, locks that they held included.
#ifndef _WIN32
struct AtExit {
  ~AtExit() {
    if (state) state->close();
  }
  State* state = nullptr;
};
thread_local AtExit at_exit;  // NOLINT(cert-err58-cpp): its constructor does not throw
#endif

Napi::Int32Array make_progress(Napi::Env env) {
  Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, 2 * sizeof(Progress));
  std::uninitialized_default_construct_n(static_cast<Progress*>(memory.Data()), 2);
  return Napi::Int32Array::New(env, 4, memory, 0);
}

}  // namespace

// An interactive job takes all cores where no bulk job computes or waits; beside one, it shares a core with its team.
State::State(Napi::Env env)
    : env_(env),
      progress_(Napi::Persistent(make_progress(env))),
      bulk_("contrastive", default_threads(), progress_of(0)),
      interactive_(
          "contrastive-i", 1, progress_of(1), [this] { return bulk_.depth() == 0 ? bulk_.threads() : 1; },
          /*is_urgent=*/true),
      views_("contrastive-v", 1, views_progress_) {
  Napi::Function nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  completions_ = Napi::ThreadSafeFunction::New(env, nothing, "contrastive", 0, 1);
  completions_.Unref(env);
}

Progress& State::progress_of(size_t stream) {
  return static_cast<Progress*>(progress_.Value().ArrayBuffer().Data())[stream];
}

void State::create(Napi::Env env) {
  auto* state = new State(env);
  env.SetInstanceData(state);
  // Runs before the environment's handles go: on worker.terminate() and an ordinary end. process.exit() on the main
  // thread skips these hooks and runs static destructors while our threads compute: JavaScript calls close() before it,
  // and what keeps it from that meets `at_exit`.
  env.AddCleanupHook([](State* s) { s->close(); }, state);
#ifndef _WIN32
  at_exit.state = state;
#endif
}

State::~State() {
#ifndef _WIN32
  at_exit.state = nullptr;
#endif
}

State& State::of(Napi::Env env) { return *env.GetInstanceData<State>(); }

void State::close() {
  // All are told before one is waited for.
  *closing_ = true;
  views_.stop();
  interactive_.stop();
  bulk_.stop();
  pool_.reset();  // before the joins: a stream's job may wait for a batch
  views_.join();
  interactive_.join();
  bulk_.join();
  arrivals_.stop();  // after those who may still call it
  arrivals_.join();
  const auto group = joined_.lock();
  if (group && group == distributed::group_or_null()) distributed::set_group(nullptr);
}

Pool& State::pool() {
  CONTRASTIVE_CHECK(!*closing_, kAbortedError, "the runtime is closed: the process is exiting");
  if (!pool_) pool_ = std::make_unique<Pool>(default_threads());
  return *pool_;
}

void State::set_pool_threads(int threads) { pool_ = std::make_unique<Pool>(threads); }

void State::post(std::function<void(Napi::Env)> callback) {
  if (*closing_) return;
  auto* boxed = new std::function<void(Napi::Env)>(std::move(callback));
  const napi_status status =
      completions_.NonBlockingCall(boxed, [](Napi::Env env, Napi::Function, std::function<void(Napi::Env)>* run) {
        const std::unique_ptr<std::function<void(Napi::Env)>> owned(run);
        if (env == nullptr) return;
        (*owned)(env);
      });
  if (status != napi_ok) delete boxed;
}

void State::note_effect_failure(uint32_t flags, uint64_t job) {
  FailurePtr& first = effect_failure(flags);
  if (!first) first = std::make_shared<Failure>(describe(std::current_exception(), job));
}

void State::hear_of_ranks(uint32_t flags) const {
  if (is_interactive(flags)) return;
  if (const auto group = joined_.lock()) group->wait_for_joined();
}

void State::throw_effect_failure(uint32_t flags) {
  if (FailurePtr& first = effect_failure(flags)) throw FailureException(std::exchange(first, nullptr));
}

std::pair<Napi::Promise, State::Settler> State::promise() {
  Napi::Promise::Deferred deferred(env_);
  if (open_++ == 0) completions_.Ref(env_);
  return {deferred.Promise(), Settler(this, deferred)};
}

void State::Settler::resolve(Make make) const {
  State* state = state_;
  state_->post([state, deferred = deferred_, make = std::move(make)](Napi::Env env) {
    Napi::HandleScope scope(env);
    if (--state->open_ == 0) state->completions_.Unref(env);
    try {
      deferred.Resolve(make(env));
    } catch (const Napi::Error& error) {
      deferred.Reject(error.Value());
    } catch (...) {
      deferred.Reject(to_js(env, describe(std::current_exception())).Value());
    }
  });
}

void State::Settler::reject(Failure failure) const {
  State* state = state_;
  state_->post([state, deferred = deferred_, failure = std::move(failure)](Napi::Env env) {
    Napi::HandleScope scope(env);
    if (--state->open_ == 0) state->completions_.Unref(env);
    deferred.Reject(to_js(env, failure).Value());
  });
}

}  // namespace contrastive::binding
