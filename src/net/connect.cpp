#include "waybill/net/connect.hpp"

#include <algorithm>
#include <cerrno>
#include <list>
#include <memory>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace waybill::net {
namespace {

constexpr std::chrono::milliseconds kNextAttemptDelay{250};  // RFC 8305 §8

// One candidate being connected to.
struct Dial {
  Stream stream;
  bool settled = false;
};

enum class DialState : unsigned char {
  Connected,
  Connecting,
  Failed
};

DialState begin(const Address& address, Worker& worker, Stream& out) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return DialState::Failed;
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0;
  if (!connected && errno != EINPROGRESS) {
    ::close(fd);
    return DialState::Failed;
  }
  out = Stream(worker, fd);
  return connected ? DialState::Connected : DialState::Connecting;
}

bool is_connected(const Stream& stream) {
  int failure = 0;
  socklen_t size = sizeof(failure);
  return ::getsockopt(stream.fd(), SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0;
}

// The losers of the race are closed, which also ends the tasks that watch them.
struct Race {
  std::list<std::shared_ptr<Dial>> dials;

  Race() = default;
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;
  ~Race() {
    for (const auto& dial : dials) {
      dial->stream.close();
    }
  }
};

// Waits until one dial is writable and tells the racing coroutine.
Task<> watch(std::shared_ptr<Dial> dial, std::shared_ptr<Waiter> news, TimePoint deadline) {
  const Wake wake = co_await dial->stream.writable(deadline);
  if (wake == Wake::Ready) {
    dial->settled = true;
    news->wake_later(Wake::Ready);
  }
}

}  // namespace

Task<Result<Stream>> connect(Worker& worker,
                             std::vector<Address> candidates,
                             TimePoint deadline,
                             CallOff& call_off) {
  Race race;
  std::list<std::shared_ptr<Dial>>& dials = race.dials;
  const auto news = std::make_shared<Waiter>(worker);
  auto next = candidates.begin();
  for (;;) {
    if (next != candidates.end()) {
      auto dial = std::make_shared<Dial>();
      const DialState state = begin(*next++, worker, dial->stream);
      if (state == DialState::Connected) {
        co_return std::move(dial->stream);
      }
      if (state == DialState::Failed) {
        continue;
      }
      worker.spawn(watch(dial, news, deadline));
      dials.push_back(std::move(dial));
    }
    if (dials.empty() && next == candidates.end()) {
      co_return Error(ErrorKind::UpstreamFailed, "connect_failed",
                      "No address of the provider accepts connections.");
    }
    const TimePoint until =
        next == candidates.end() ? deadline : std::min(deadline, Clock::now() + kNextAttemptDelay);
    Wake wake = Wake::Ready;
    {
      const CallOff::Watch watch(call_off, *news);
      wake = co_await news->wait(until);
    }
    if (call_off.called()) {
      co_return Error(ErrorKind::Cancelled, "cancelled", "The connection was called off.");
    }
    for (auto dial = dials.begin(); dial != dials.end();) {
      if (!(*dial)->settled) {
        ++dial;
        continue;
      }
      if (is_connected((*dial)->stream)) {
        Stream winner = std::move((*dial)->stream);
        co_return winner;
      }
      dial = dials.erase(dial);
    }
    if (wake == Wake::TimedOut && Clock::now() >= deadline) {
      co_return Error(ErrorKind::Timeout, "connect_timeout",
                      "The provider does not accept the connection in time.");
    }
  }
}

}  // namespace waybill::net
