#include "distributed/connections.h"

#include <c10/util/Exception.h>

#include "core/cuda_library.h"
#include "core/error.h"
#include "distributed/aside.h"
#include "distributed/gloo_backend.h"
#include "distributed/local_address.h"
#include "distributed/quiet_log.h"

namespace contrastive::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using BackendPtr = c10::intrusive_ptr<c10d::Backend>;
constexpr std::chrono::milliseconds kBetweenAnswers{100};

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

// What `connect` makes, in a thread of its own. `who` is for messages.
template <typename Connect>
BackendPtr connect_in_time(const GroupOptions& options, const std::string& who, const std::function<void()>& look,
                           Connect connect) {
  const auto cannot = [&](const std::string& why) {
    return Error(kDistributedError, message("rank ", options.rank, who, ": ", why));
  };
  const Aside<BackendPtr> backend = aside([connect = std::move(connect)] {
    const QuietLog quiet;
    return connect();
  });
  const Clock::time_point end = Clock::now() + options.timeout;
  while (!backend.wait_for(kBetweenAnswers)) {
    look();
    if (Clock::now() > end) throw cannot(message("no answer within ", options.timeout.count() / 1000, " s"));
  }
  try {
    return backend.get();
  } catch (const Error&) {
    throw;
  } catch (...) {
    throw cannot(reason_of(std::current_exception()));
  }
}

}  // namespace

std::string reason_in(std::string text) {
  text = text.substr(0, text.find('\n'));
  const size_t place = text.find("] ");
  if (text.starts_with('[') && place != std::string::npos) text = text.substr(place + 2);
  return text.substr(0, text.find(". This is typically"));
}

std::string reason_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const c10::Error& e) {
    return reason_in(e.what_without_backtrace());
  } catch (const std::exception& e) {
    return reason_in(e.what());
  }
}

std::string own_address(const GroupOptions& options, RankStore& store) {
  const std::string own = options.file.empty() ? local_address_towards(options.host) : "127.0.0.1";
  if (!is_loopback(own)) return own;
  const std::string machine = store.other_machine();
  const std::string towards = machine.empty() ? "" : local_address_towards(machine);
  return towards.empty() ? own : towards;
}

BackendPtr connect_by_gloo(const GroupOptions& options, const std::string& own,
                           const c10::intrusive_ptr<c10d::Store>& store, const std::function<void()>& look) {
  const std::string who = message(", which listens at ", own, ", cannot connect to the others ",
                                  "(GLOO_SOCKET_IFNAME names the network interface to use)");
  return connect_in_time(options, who, look, [own, store, options] {
    return make_gloo_backend(store, options.rank, options.size, own, options.timeout);
  });
}

BackendPtr connect_by_nccl(const GroupOptions& options, const c10::intrusive_ptr<c10d::Store>& store,
                           const std::function<void()>& look) {
  const std::string who = message(" cannot connect its ", options.device->str(),
                                  " to the others' devices (NCCL_DEBUG=INFO lets NCCL say more)");
  return connect_in_time(options, who, look, [store, options] {
    store->setTimeout(options.timeout);  // where the others look for what rank 0 has yet to write
    const BackendPtr backend = cuda_library()->make_nccl_backend(store, options.rank, options.size);
    backend->eagerConnectSingleDevice(*options.device);
    return backend;
  });
}

}  // namespace contrastive::distributed
