#pragma once

#include <string>

namespace contrastive::distributed {

// Of this machine: the address that it has towards `host`, a name or an address, as numbers. Nothing is sent. Empty
// where there is no way to it.
std::string local_address_towards(const std::string& host);

}  // namespace contrastive::distributed
