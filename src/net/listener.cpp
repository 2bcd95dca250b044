#include "waybill/net/listener.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

namespace waybill::net {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 64;

std::string describe(const ListenAddress& address) {
  if (!address.unix_path.empty()) {
    return "unix:" + address.unix_path;
  }
  const bool v6 = address.address.find(':') != std::string::npos;
  return (v6 ? "[" + address.address + "]" : address.address) + ":" + std::to_string(address.port);
}

Error listen_failed(const ListenAddress& address, int reason) {
  std::string detail = "Cannot listen on " + describe(address) + ": ";
  if (reason == EADDRINUSE) {
    detail += "another program already does; stop it or choose another port.";
  } else if (reason == EACCES) {
    detail += address.unix_path.empty()
                  ? "not permitted; choose a port of 1024 or above, or grant the right."
                  : "not permitted; the folder must be one that this user may write.";
  } else {
    std::array<char, 128> text{};
    detail += std::string(strerror_r(reason, text.data(), text.size())) + ".";
  }
  return {ErrorKind::InvalidRequest, "listen_failed", std::move(detail)};
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<SocketAddress> to_socket_address(const ListenAddress& address) {
  SocketAddress out;
  if (!address.unix_path.empty()) {
    auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
    if (address.unix_path.size() >= sizeof(un.sun_path)) {
      return listen_failed(address, ENAMETOOLONG);
    }
    un.sun_family = AF_UNIX;
    std::copy(address.unix_path.begin(), address.unix_path.end(), un.sun_path);
    out.size = sizeof(un);
    return out;
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  if (inet_pton(AF_INET, address.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    out.size = sizeof(v4);
  } else if (inet_pton(AF_INET6, address.address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    out.size = sizeof(v6);
  } else {
    return Error(ErrorKind::InvalidRequest, "listen_failed",
                 "'" + address.address + "' is not an IP address to listen on.");
  }
  return out;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return 0;
  }
  if (storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<sockaddr_in&>(storage).sin_port);
  }
  return storage.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6&>(storage).sin6_port)
                                       : std::uint16_t{0};
}

std::string peer_address(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text.data(),
              text.size());
  } else if (storage.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text.data(),
              text.size());
  }
  return text.data();
}

// A socket file that nobody answers on is left over from a killed process.
void remove_dead_socket_file(const std::string& path, const SocketAddress& where) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) {
    return;
  }
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) {
    return;
  }
  const bool dead =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&where.storage), where.size) != 0 &&
      errno == ECONNREFUSED;
  ::close(probe);
  if (dead) {
    ::unlink(path.c_str());
  }
}

}  // namespace

Result<ListenSocket> ListenSocket::open(const ListenAddress& address, PortSharing sharing) {
  auto where = to_socket_address(address);
  if (!where) {
    return where.error();
  }
  const int fd = ::socket(where->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return listen_failed(address, errno);
  }
  ListenSocket owner(fd, address.port);
  const int on = 1;
  if (address.unix_path.empty()) {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (where->storage.ss_family == AF_INET6) {
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (sharing == PortSharing::Shared) {
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
  } else {
    remove_dead_socket_file(address.unix_path, *where);
  }
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&where->storage), where->size) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    return listen_failed(address, errno);
  }
  owner.port_ = bound_port(fd);
  return owner;
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      port_(other.port_) {}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  return *this;
}

ListenSocket::~ListenSocket() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Result<ListenSocket> ListenSocket::duplicate() const {
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    return Error(ErrorKind::Unavailable, "listen_failed",
                 "No file descriptor is left for a listening socket.");
  }
  return ListenSocket(copy, port_);
}

// Shared by the Listener and the accept event the loop holds, as in Stream.
struct Listener::State : std::enable_shared_from_this<Listener::State> {
  class Pause final : public TimerWheel::Entry {
   public:
    explicit Pause(State& state) noexcept : state_(state) {}

   private:
    void on_deadline() override { state_.arm(); }
    State& state_;
  };

  State(Worker& on_worker, ListenSocket listen_socket, OnAccept callback)
      : worker(on_worker),
        socket(std::move(listen_socket)),
        descriptor(on_worker.executor(), ::fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0)),
        on_accept(std::move(callback)),
        reserve(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
        pause(*this) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (reserve >= 0) {
      ::close(reserve);
    }
  }

  void arm();
  void accept_some();
  void out_of_descriptors();

  Worker& worker;
  ListenSocket socket;
  asio::posix::basic_stream_descriptor<Executor> descriptor;
  OnAccept on_accept;
  int reserve;  // a descriptor to give up when there are no others
  Pause pause;
  std::chrono::milliseconds next_pause{50};
  bool closed = false;
};

void Listener::State::arm() {
  auto on_event = [self = shared_from_this()](const boost::system::error_code& ec) {
    if (!ec && !self->closed) {
      self->accept_some();
    }
  };
  descriptor.async_wait(asio::posix::descriptor_base::wait_read, std::move(on_event));
}

void Listener::State::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn && !closed; ++i) {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    const int fd = ::accept4(socket.fd(), reinterpret_cast<sockaddr*>(&storage), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      next_pause = std::chrono::milliseconds(50);
      if (storage.ss_family != AF_UNIX) {
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      }
      on_accept(Stream(worker, fd), Peer{peer_address(storage)});
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      out_of_descriptors();
      return;
    }
    if (errno != EINTR && errno != ECONNABORTED) {
      break;  // EAGAIN: all taken
    }
  }
  if (!closed) {
    arm();
  }
}

void Listener::State::out_of_descriptors() {
  if (reserve >= 0) {
    ::close(reserve);
    const int turned_away = ::accept4(socket.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (turned_away >= 0) {
      ::close(turned_away);
    }
    reserve = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  worker.arm(pause, Clock::now() + next_pause);
  next_pause = std::min(next_pause * 2, std::chrono::milliseconds(1000));
}

Listener::Listener(Worker& worker, ListenSocket socket, OnAccept on_accept)
    : state_(std::make_shared<State>(worker, std::move(socket), std::move(on_accept))) {
  state_->arm();
}

Listener::~Listener() {
  close();
}

void Listener::close() {
  state_->closed = true;
  state_->pause.unlink();
  boost::system::error_code ignored;
  state_->descriptor.close(ignored);
  const ListenSocket gone = std::move(state_->socket);
}

}  // namespace waybill::net
