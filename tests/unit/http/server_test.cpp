// What the server does with clients that do not play along.

#include "waybill/http/server.hpp"

#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "unit/net/run_task.hpp"

namespace waybill::http {
namespace {

using namespace std::chrono_literals;
using net::Worker;

// Answers with more than any socket's buffers hold.
class LargeAnswer final : public Handler {
 public:
  explicit LargeAnswer(Worker& worker) : done(worker) {}

  Task<> handle(ServerExchange& exchange) override {
    if (deadline) {
      exchange.limit_writes(*deadline);
    }
    const TimePoint began = Clock::now();
    if (streamed) {
      exchange.begin_stream(200, "Content-Type: text/plain\r\n");
      sent = co_await exchange.send(body_);
    } else {
      sent = co_await exchange.respond(200, "Content-Type: text/plain\r\n", body_);
    }
    took = Clock::now() - began;
    gone = exchange.client_gone();
    answered = true;
    done.wake_later(net::Wake::Ready);
  }
  std::string rejection_body(const Rejection& /*rejection*/) override { return "{}"; }
  std::string rejection_fields(const RequestHead& /*head*/) override { return {}; }

  bool streamed = false;
  std::optional<TimePoint> deadline;
  net::Waiter done;
  bool answered = false;
  bool sent = true;
  bool gone = false;
  Clock::duration took{};

 private:
  std::string body_ = std::string(std::size_t{32} << 20U, 'x');
};

// A client that sends its request and never reads.
class DeafClient {
 public:
  explicit DeafClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(::send(fd_, kRequest.data(), kRequest.size(), 0),
              static_cast<ssize_t>(kRequest.size()));
  }
  DeafClient(const DeafClient&) = delete;
  DeafClient& operator=(const DeafClient&) = delete;
  ~DeafClient() { ::close(fd_); }

 private:
  int fd_;
};

Task<bool> until_answered_and_closed(LargeAnswer* handler, Server* server) {
  const TimePoint deadline = Clock::now() + 20s;
  if (!handler->answered) {
    const net::Wake wake = co_await handler->done.wait(deadline);
    EXPECT_EQ(wake, net::Wake::Ready);
  }
  co_return co_await server->wait_idle(deadline);
}

class WriteDeadline : public testing::TestWithParam<bool> {
 protected:
  void serve(ServerLimits limits) {
    handler.streamed = GetParam();
    Server server(worker, limits, handler);
    auto socket = net::ListenSocket::open({"127.0.0.1", 0, ""}, net::PortSharing::Exclusive);
    ASSERT_TRUE(socket);
    const std::uint16_t port = socket->port();
    server.add_listener(std::move(*socket), 0);
    const DeafClient client(port);
    EXPECT_TRUE(net::run_task(worker, until_answered_and_closed(&handler, &server)));
    EXPECT_FALSE(handler.sent);
    EXPECT_TRUE(handler.gone);
  }

  Worker worker{0};
  LargeAnswer handler{worker};
};

TEST_P(WriteDeadline, AClientThatTakesNothingIsGivenUp) {
  ServerLimits limits;
  limits.write_timeout = 300ms;
  serve(limits);
  EXPECT_GE(handler.took, 300ms);
  EXPECT_LT(handler.took, 5s);
}

TEST_P(WriteDeadline, NoWriteWaitsBeyondTheExchangesOwnLimit) {
  handler.deadline = Clock::now() + 300ms;
  serve({});  // its write_timeout is a minute
  EXPECT_LT(handler.took, 5s);
}

INSTANTIATE_TEST_SUITE_P(Answers, WriteDeadline, testing::Bool(), [](const auto& info) {
  return info.param ? "streamed" : "whole";
});

}  // namespace
}  // namespace waybill::http
