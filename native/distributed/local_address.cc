#include "distributed/local_address.h"

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace contrastive::distributed {
namespace {

#ifdef _WIN32
void close_socket(SOCKET socket) { closesocket(socket); }
#else
void close_socket(int socket) { close(socket); }
#endif

// A datagram socket that is connected has a local address, by the machine's routes.
std::string local_address_of(const addrinfo& target) {
  const auto socket = ::socket(target.ai_family, SOCK_DGRAM, 0);
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  char text[NI_MAXHOST] = "";
  if (connect(socket, target.ai_addr, static_cast<socklen_t>(target.ai_addrlen)) == 0 &&
      getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) == 0)
    getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  close_socket(socket);
  return text;
}

}  // namespace

std::string local_address_towards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* targets = nullptr;
  if (getaddrinfo(host.c_str(), "1", &hints, &targets) != 0) return "";
  std::string address;
  for (const addrinfo* target = targets; target && address.empty(); target = target->ai_next)
    address = local_address_of(*target);
  freeaddrinfo(targets);
  return address;
}

}  // namespace contrastive::distributed
