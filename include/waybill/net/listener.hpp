// Listening sockets.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "waybill/base/result.hpp"
#include "waybill/net/stream.hpp"

namespace waybill::net {

struct ListenAddress {
  std::string address;     // IPv4 or IPv6 literal; empty if `unix_path` is set
  std::uint16_t port = 0;  // 0: the system picks one
  std::string unix_path;   // path of a Unix socket

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// Whether several sockets of this process share the port (one a worker).
enum class PortSharing : unsigned char {
  Exclusive,
  Shared
};

// A bound and listening socket, before it belongs to a worker.
//
// Thread safety: a value; owns its descriptor.
class ListenSocket {
 public:
  // Fails with code "listen_failed" and a sentence that names the address.
  static Result<ListenSocket> open(const ListenAddress& address, PortSharing sharing);
  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&& other) noexcept;
  ~ListenSocket();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  // Another descriptor of the same socket.
  [[nodiscard]] Result<ListenSocket> duplicate() const;

 private:
  ListenSocket(int fd, std::uint16_t port) noexcept : fd_(fd), port_(port) {}
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

// Who is at the other end of an accepted connection.
struct Peer {
  std::string address;  // IP literal; empty for Unix sockets
};

// Accepts connections on one worker.
//
// When the process runs out of descriptors it answers with a pause (50 ms to
// 1 s, doubling) instead of spinning, and gives up one reserved descriptor to
// turn the waiting client away (attacks.md O1).
//
// Thread safety: none; lives on its worker.
class Listener {
 public:
  using OnAccept = std::function<void(Stream, Peer)>;

  Listener(Worker& worker, ListenSocket socket, OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace waybill::net
