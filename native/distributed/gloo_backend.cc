#include "distributed/gloo_backend.h"

#include <cstdlib>

#include "core/error.h"

#if CONTRASTIVE_GLOO
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif

namespace contrastive::distributed {

#if CONTRASTIVE_GLOO
namespace {

constexpr std::chrono::hours kWithoutEnd{24 * 365};

}  // namespace

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                                    const std::string& host, std::chrono::milliseconds timeout) {
  using Gloo = c10d::ProcessGroupGloo;
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  auto options = Gloo::Options::create(timeout);
  options->devices.push_back(interface && *interface ? Gloo::createDeviceForInterface(interface)
                             : host.empty()          ? Gloo::createDefaultDevice()
                                                     : Gloo::createDeviceForHostname(host));
  const auto backend = c10::make_intrusive<Gloo>(store, rank, size, options);
  backend->setTimeout(kWithoutEnd);
  return backend;
}

#else

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>&, int, int,
                                                    const std::string&, std::chrono::milliseconds) {
  throw Error(kOptionError, "several processes: this system's libtorch is used without gloo");
}

#endif

}  // namespace contrastive::distributed
