#include "control_socket.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace waybill::app {
namespace {

constexpr std::size_t kMaxLine = 64UL * 1024UL;
constexpr std::chrono::seconds kClientPatience{10};
constexpr int kAnswerMilliseconds = 30'000;

}  // namespace

std::string control_socket_path(const std::string& ledger_path) {
  return ledger_path + ".sock";
}

ControlServer::ControlServer(net::Worker& worker, std::string path, Handle handle)
    : worker_(worker),
      path_(std::move(path)),
      handle_(std::move(handle)) {}

ControlServer::~ControlServer() {
  ::unlink(path_.c_str());
}

Result<std::unique_ptr<ControlServer>> ControlServer::open(net::Worker& worker,
                                                           const std::string& path,
                                                           Handle handle) {
  const mode_t before = ::umask(0177);  // the socket is ours alone from its first moment
  auto socket = net::ListenSocket::open({"", 0, path}, net::PortSharing::Exclusive);
  ::umask(before);
  if (!socket) {
    return socket.error();
  }
  std::unique_ptr<ControlServer> server(new ControlServer(worker, path, std::move(handle)));
  auto on_accept = [self = server.get()](net::Stream stream, const net::Peer&) {
    self->worker_.spawn(self->serve(std::move(stream)));
  };
  server->listener_ =
      std::make_unique<net::Listener>(worker, std::move(*socket), std::move(on_accept));
  return server;
}

net::Task<> ControlServer::serve(net::Stream stream) {
  const TimePoint deadline = Clock::now() + kClientPatience;
  std::string line;
  while (line.find('\n') == std::string::npos) {
    const net::IoResult got = stream.try_read(worker_.read_buffer());
    if (got.state == net::IoState::Done) {
      line.append(worker_.read_buffer().data(), got.size);
      if (line.size() > kMaxLine) {
        co_return;
      }
      continue;
    }
    if (got.state != net::IoState::WouldBlock) {
      co_return;
    }
    const net::Wake wake = co_await stream.readable(deadline);
    if (wake != net::Wake::Ready) {
      co_return;
    }
  }
  const std::string response = handle_(std::string_view(line).substr(0, line.find('\n'))) + "\n";
  const net::IoOutcome sent = co_await stream.write_all(response, deadline + kClientPatience);
  static_cast<void>(sent);  // a command that is gone needs no answer
}

Result<std::string> ask_daemon(const std::string& socket_path, std::string_view request) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) {
    return Error(ErrorKind::InvalidRequest, "path_too_long",
                 "The ledger's path is too long for a socket beside it.");
  }
  std::copy(socket_path.begin(), socket_path.end(), address.sun_path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    if (fd >= 0) {
      ::close(fd);
    }
    return Error(ErrorKind::NotFound, "no_daemon", "No daemon answers on " + socket_path + ".");
  }
  const std::string line = std::string(request) + "\n";
  std::string response;
  bool sent =
      ::send(fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  std::array<char, 4096> buffer{};
  while (sent && !response.ends_with('\n')) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, kAnswerMilliseconds) <= 0) {
      break;
    }
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      break;
    }
    response.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  if (!response.ends_with('\n')) {
    return Error(ErrorKind::Unavailable, "daemon_silent",
                 "The daemon did not answer on " + socket_path + ".");
  }
  response.pop_back();
  return response;
}

}  // namespace waybill::app
