#include "distributed/gloo_connections.h"

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

}  // namespace

std::string gloo_reason(std::string text) {
  text = text.substr(0, text.find('\n'));
  const size_t place = text.find("] ");
  if (text.starts_with('[') && place != std::string::npos) text = text.substr(place + 2);
  return text.substr(0, text.find(". This is typically"));
}

std::string own_address(const GroupOptions& options, RankStore& store) {
  const std::string own = options.file.empty() ? local_address_towards(options.host) : "127.0.0.1";
  if (!is_loopback(own)) return own;
  const std::string machine = store.other_machine();
  const std::string towards = machine.empty() ? "" : local_address_towards(machine);
  return towards.empty() ? own : towards;
}

BackendPtr connect_all(const GroupOptions& options, const std::string& own,
                       const c10::intrusive_ptr<c10d::Store>& store, const std::function<void()>& look) {
  const auto cannot = [&](const std::string& why) {
    return Error(kDistributedError,
                 message("rank ", options.rank, ", which listens at ", own, ", cannot connect to the ",
                         "others (GLOO_SOCKET_IFNAME names the network interface to use): ", why));
  };
  Aside<BackendPtr> backend = aside([own, store, options] {
    const QuietLog quiet;
    return make_gloo_backend(store, options.rank, options.size, own, options.timeout);
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
  } catch (const std::exception& e) {
    throw cannot(gloo_reason(e.what()));
  }
}

}  // namespace contrastive::distributed
