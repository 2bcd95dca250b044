#include "waybill/net/stream.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "waybill/net/connect.hpp"
#include "waybill/net/listener.hpp"

#include "unit/net/run_task.hpp"

namespace waybill::net {
namespace {

using namespace std::chrono_literals;

TimePoint soon() {
  return Clock::now() + 10s;
}

struct Pair {
  explicit Pair(Worker& worker) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    a = Stream(worker, fds[0]);
    b = Stream(worker, fds[1]);
  }
  Stream a;
  Stream b;
};

Task<std::string> read_until_end(Stream* stream) {
  std::string all;
  std::array<char, 4096> buffer{};
  for (;;) {
    const IoResult got = stream->try_read(buffer);
    if (got.state == IoState::Done) {
      all.append(buffer.data(), got.size);
      continue;
    }
    if (got.state != IoState::WouldBlock) {
      co_return all + (got.state == IoState::End ? "|end" : "|failed");
    }
    const Wake wake = co_await stream->readable(soon());
    if (wake != Wake::Ready) {
      co_return all + "|" + std::to_string(static_cast<int>(wake));
    }
  }
}

Task<> write_then_close(Stream* stream, std::string bytes) {
  const IoOutcome outcome = co_await stream->write_all(bytes, soon());
  EXPECT_EQ(outcome, IoOutcome::Ok);
  stream->close();
}

TEST(StreamTransfer, BytesLargerThanTheSocketBufferArriveWhole) {
  Worker worker(0);
  Pair pair(worker);
  const std::string sent(3'000'000, 'x');
  worker.spawn(write_then_close(&pair.a, sent));
  EXPECT_EQ(run_task(worker, read_until_end(&pair.b)), sent + "|end");
}

Task<Wake> wait_readable(Stream* stream, TimePoint deadline) {
  const Wake wake = co_await stream->readable(deadline);
  co_return wake;
}

TEST(StreamWait, TimesOutWhenNothingComes) {
  Worker worker(0);
  Pair pair(worker);
  EXPECT_EQ(run_task(worker, wait_readable(&pair.a, Clock::now())), Wake::TimedOut);
}

TEST(StreamWait, CancelWakesTheWaiter) {
  Worker worker(0);
  Pair pair(worker);
  // Through the loop again: the wait begins in between.
  worker.post([&] { worker.post([&] { worker.post([&] { pair.a.cancel(); }); }); });
  EXPECT_EQ(run_task(worker, wait_readable(&pair.a, soon())), Wake::Cancelled);
}

TEST(StreamWait, ClosingWakesTheWaiter) {
  Worker worker(0);
  Pair pair(worker);
  // Twice through the loop: the wait begins in between.
  worker.post([&] { worker.post([&] { worker.post([&] { pair.a.close(); }); }); });
  EXPECT_EQ(run_task(worker, wait_readable(&pair.a, soon())), Wake::Cancelled);
}

Task<bool> wait_for_gone(Worker* worker, Stream* watched, Stream* peer) {
  Waiter gone(*worker);
  bool told = false;
  watched->watch_peer([&] {
    told = true;
    gone.wake(Wake::Ready);
  });
  peer->close();
  const Wake wake = co_await gone.wait(soon());
  co_return told&& wake == Wake::Ready;
}

TEST(StreamWatch, TellsThatThePeerIsGone) {
  Worker worker(0);
  Pair pair(worker);
  EXPECT_TRUE(run_task(worker, wait_for_gone(&worker, &pair.a, &pair.b)));
}

Task<bool> silence_ends(Stream* idle, Stream* peer) {
  const bool stale_before = idle->is_stale();
  const IoResult sent = peer->try_write("unsolicited");
  EXPECT_EQ(sent.state, IoState::Done);
  const Wake wake = co_await idle->readable(soon());
  co_return !stale_before && wake == Wake::Ready && idle->is_stale();
}

TEST(StreamIdle, U2UnsolicitedBytesMakeItStale) {
  Worker worker(0);
  Pair pair(worker);
  EXPECT_TRUE(run_task(worker, silence_ends(&pair.a, &pair.b)));
}

// The end came with the bytes, before they were read: no second edge tells of it.
TEST(StreamTransfer, AnEndBehindAShortReadIsSeen) {
  Worker worker(0);
  Pair pair(worker);
  EXPECT_EQ(pair.a.try_write("last words").state, IoState::Done);
  pair.a.close();
  EXPECT_EQ(run_task(worker, read_until_end(&pair.b)), "last words|end");
}

Task<bool> wait_twice(Stream* stream, Stream* peer) {
  std::array<char, 4> few{};
  EXPECT_EQ(peer->try_write("more than fits").state, IoState::Done);
  for (int turn = 0; turn < 3; ++turn) {  // the buffer is filled each time, so more may be there
    const Wake wake = co_await stream->readable(soon());
    EXPECT_EQ(wake, Wake::Ready);
    EXPECT_EQ(stream->try_read(few).size, few.size());
  }
  co_return true;
}

TEST(StreamWait, BytesThatWereLeftUnreadWakeAtOnce) {
  Worker worker(0);
  Pair pair(worker);
  EXPECT_TRUE(run_task(worker, wait_twice(&pair.a, &pair.b)));
}

TEST(StreamWatch, AStreamThatAnothersEventClosedIsToldNothing) {
  Worker worker(0);
  Pair first(worker);
  Pair second(worker);
  int told = 0;
  const auto close_both = [&] {
    ++told;
    first.a.close();
    second.a.close();
  };
  first.a.watch_peer(close_both);
  second.a.watch_peer(close_both);
  first.b.close();
  second.b.close();  // both ends are fetched in one batch
  const auto settle = [](Worker* on, Stream* gone) -> Task<bool> {
    Waiter turn(*on);
    while (gone->is_open()) {
      on->post([&turn] { turn.wake(Wake::Ready); });
      const Wake wake = co_await turn.wait(soon());
      static_cast<void>(wake);
    }
    co_return true;
  };
  EXPECT_TRUE(run_task(worker, settle(&worker, &second.a)));
  EXPECT_EQ(told, 1);
}

Task<std::string> connect_and_read(Worker* worker, std::uint16_t port) {
  Resolver resolver(*worker, {});
  CallOff call_off;
  auto addresses = co_await resolver.resolve("127.0.0.1", port, soon(), call_off);
  if (!addresses) {
    co_return addresses.error().detail();
  }
  auto connected = co_await connect(*worker, *addresses, soon(), call_off);
  if (!connected) {
    co_return connected.error().detail();
  }
  std::string all = co_await read_until_end(&*connected);
  co_return all;
}

TEST(ListenerAccept, ConnectionsReachTheCallback) {
  Worker worker(0);
  auto socket = ListenSocket::open({"127.0.0.1", 0, ""}, PortSharing::Shared);
  ASSERT_TRUE(socket);
  const std::uint16_t port = socket->port();
  ASSERT_NE(port, 0);
  Listener listener(worker, std::move(*socket), [](Stream stream, const Peer& peer) {
    EXPECT_EQ(peer.address, "127.0.0.1");
    EXPECT_EQ(stream.try_write("hello").state, IoState::Done);
  });
  EXPECT_EQ(run_task(worker, connect_and_read(&worker, port)), "hello|end");
}

TEST(ListenerAccept, O10APortInUseIsAClearError) {
  auto first = ListenSocket::open({"127.0.0.1", 0, ""}, PortSharing::Exclusive);
  ASSERT_TRUE(first);
  const auto second = ListenSocket::open({"127.0.0.1", first->port(), ""}, PortSharing::Exclusive);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), "listen_failed");
  EXPECT_NE(second.error().detail().find("another program already does"), std::string::npos);
}

TEST(Connect, U5ARefusedPortIsReported) {
  Worker worker(0);
  std::uint16_t port = 0;
  {
    auto closed = ListenSocket::open({"127.0.0.1", 0, ""}, PortSharing::Exclusive);
    ASSERT_TRUE(closed);
    port = closed->port();
  }
  EXPECT_EQ(run_task(worker, connect_and_read(&worker, port)),
            "No address of the provider accepts connections.");
}

Task<std::string> connect_any(Worker* worker, std::vector<std::string> hosts, std::uint16_t port) {
  Resolver resolver(*worker, {});
  CallOff call_off;
  std::vector<Address> candidates;
  for (const std::string& host : hosts) {
    auto found = co_await resolver.resolve(host, port, soon(), call_off);
    if (found) {
      candidates.insert(candidates.end(), found->begin(), found->end());
    }
  }
  auto connected = co_await connect(*worker, candidates, soon(), call_off);
  if (!connected) {
    co_return std::string(connected.error().code());
  }
  std::string all = co_await read_until_end(&*connected);
  co_return all;
}

TEST(Connect, U4ARefusingAddressYieldsToTheNext) {
  Worker worker(0);
  auto socket = ListenSocket::open({"127.0.0.1", 0, ""}, PortSharing::Exclusive);
  ASSERT_TRUE(socket);
  const std::uint16_t port = socket->port();
  Listener listener(worker, std::move(*socket), [](Stream stream, const Peer&) {
    EXPECT_EQ(stream.try_write("second").state, IoState::Done);
  });
  EXPECT_EQ(run_task(worker, connect_any(&worker, {"::1", "127.0.0.2", "127.0.0.1"}, port)),
            "second|end");
}

// A port whose queue of connections is full: the kernel answers no SYN there.
class HangingPort {
 public:
  explicit HangingPort(const std::string& address, std::uint16_t port = 0) {
    auto socket = ListenSocket::open({address, port, ""}, PortSharing::Exclusive);
    EXPECT_TRUE(socket);
    port = socket->port();
    EXPECT_EQ(::listen(socket->fd(), 0), 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &to.sin_addr), 1);
    for (int i = 0; i < 8; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      if (fd >= 0) {
        const int begun = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
        EXPECT_TRUE(begun == 0 || errno == EINPROGRESS);  // either fills the queue
        crowd_.push_back(fd);
      }
    }
    listener_.emplace(std::move(*socket));
  }
  HangingPort(const HangingPort&) = delete;
  HangingPort& operator=(const HangingPort&) = delete;
  ~HangingPort() {
    for (const int fd : crowd_) {
      ::close(fd);
    }
  }

  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }

 private:
  std::optional<ListenSocket> listener_;
  std::vector<int> crowd_;
};

// RFC 8305 §5: the next address is tried beside the silent one, a quarter of a second later.
TEST(Connect, U4AHangingAddressYieldsToTheNext) {
  Worker worker(0);
  auto socket = ListenSocket::open({"127.0.0.1", 0, ""}, PortSharing::Exclusive);
  ASSERT_TRUE(socket);
  const std::uint16_t port = socket->port();
  const HangingPort hanging("127.0.0.2", port);
  Listener listener(worker, std::move(*socket), [](Stream stream, const Peer&) {
    EXPECT_EQ(stream.try_write("second").state, IoState::Done);
  });
  const TimePoint began = Clock::now();
  EXPECT_EQ(run_task(worker, connect_any(&worker, {"127.0.0.2", "127.0.0.1"}, port)), "second|end");
  const auto took = Clock::now() - began;
  EXPECT_GE(took, 250ms) << "the first address did not hang";
  EXPECT_LT(took, 2s);
}

TEST(Connect, U5OnlyHangingAddressesTimeOut) {
  Worker worker(0);
  const HangingPort hanging("127.0.0.2");
  const auto attempt = [](Worker* on, std::uint16_t port) -> Task<std::string> {
    Resolver resolver(*on, {});
    CallOff call_off;
    auto found = co_await resolver.resolve("127.0.0.2", port, soon(), call_off);
    auto connected = co_await connect(*on, *found, Clock::now() + 300ms, call_off);
    co_return connected ? "connected" : std::string(connected.error().code());
  };
  EXPECT_EQ(run_task(worker, attempt(&worker, hanging.port())), "connect_timeout");
}

TEST(ResolverNames, LocalhostComesFromTheHostsFile) {
  Worker worker(0);
  auto socket = ListenSocket::open({"127.0.0.1", 0, ""}, PortSharing::Exclusive);
  ASSERT_TRUE(socket);
  const std::uint16_t port = socket->port();
  Listener listener(worker, std::move(*socket), [](Stream stream, const Peer&) {
    EXPECT_EQ(stream.try_write("named").state, IoState::Done);
  });
  EXPECT_EQ(run_task(worker, connect_any(&worker, {"localhost"}, port)), "named|end");
}

}  // namespace
}  // namespace waybill::net
