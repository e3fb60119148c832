// gloo's collectives over TCP, which libtorch has inside.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <string>

namespace contrastive::distributed {

// Connects to all other ranks, which must do the same. `host`: where this rank listens, a name or address of this
// machine; empty: the interface that GLOO_SOCKET_IFNAME names, else that of the machine's own name. `timeout` is of the
// connections: who waits for a collective decides for how long. Throws kOptionError where this libtorch was built
// without gloo.
c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                                    const std::string& host, std::chrono::milliseconds timeout);

}  // namespace contrastive::distributed
