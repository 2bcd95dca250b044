#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "waybill/http/client.hpp"
#include "waybill/net/listener.hpp"

#include "unit/net/run_task.hpp"

namespace waybill::http {
namespace {

using namespace std::chrono_literals;
using net::Task;
using net::Wake;
using net::Worker;

TimePoint soon() {
  return Clock::now() + 20s;
}

// A provider of which only the connections count: it accepts them and says nothing.
class SilentProvider {
 public:
  explicit SilentProvider(Worker& worker) {
    auto socket = net::ListenSocket::open({"127.0.0.1", 0, ""}, net::PortSharing::Exclusive);
    EXPECT_TRUE(socket);
    port = socket->port();
    auto on_accept = [this](net::Stream stream, const net::Peer&) {
      accepted.push_back(std::move(stream));
    };
    listener_ = std::make_unique<net::Listener>(worker, std::move(*socket), on_accept);
  }

  std::uint16_t port = 0;
  std::deque<net::Stream> accepted;

 private:
  std::unique_ptr<net::Listener> listener_;
};

OriginOptions options_for(std::uint16_t port, UrlScheme scheme = UrlScheme::Http) {
  OriginOptions options;
  options.origin.scheme = scheme;
  options.origin.host = "127.0.0.1";
  options.origin.port = port;
  options.max_connections = 1;
  options.connect_timeout = 1min;
  if (scheme == UrlScheme::Https) {
    auto trust = net::TlsClientContext::make("");
    EXPECT_TRUE(trust);
    options.tls = *trust;
  }
  return options;
}

// A request that only wants a connection, and what became of that.
struct Call {
  explicit Call(ClientPool& pool) : exchange(std::make_unique<ClientExchange>(pool)) {}

  void start(Worker& worker) { worker.spawn(connect()); }
  Task<> connect() {
    const auto connected = co_await exchange->connect(ConnectionUse::Reused, soon());
    outcome = connected ? "connected" : std::string(connected.error().code());
  }

  std::unique_ptr<ClientExchange> exchange;
  std::string outcome;
};

// Lets the worker go on until something holds.
template <class Condition>
Task<bool> until(Worker* worker, Condition condition) {
  net::Waiter turn(*worker);
  const TimePoint deadline = soon();
  while (!condition() && Clock::now() < deadline) {
    worker->post([&turn] { turn.wake(Wake::Ready); });
    const Wake wake = co_await turn.wait(deadline);
    static_cast<void>(wake);
  }
  co_return condition();
}
template <class Condition>
bool comes_true(Worker& worker, Condition condition) {
  return net::run_task(worker, until(&worker, std::move(condition)));
}

class ClientPoolTest : public testing::Test {
 protected:
  Worker worker{0};
  net::Resolver resolver{worker, {}};
};

TEST_F(ClientPoolTest, ACallThatIsOffInTheHandshakeGivesItsPlaceBackAtOnce) {
  SilentProvider provider(worker);
  ClientPool pool(worker, resolver, options_for(provider.port, UrlScheme::Https));
  Call call(pool);
  call.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return provider.accepted.size() == 1; }));
  EXPECT_EQ(call.outcome, "");
  EXPECT_EQ(pool.counters().open, 1U);
  call.exchange->cancel();
  ASSERT_TRUE(comes_true(worker, [&] { return !call.outcome.empty(); }));
  EXPECT_EQ(call.outcome, "cancelled");
  call.exchange.reset();
  EXPECT_EQ(pool.counters().open, 0U);
  EXPECT_TRUE(comes_true(worker, [&] { return provider.accepted.front().is_stale(); }))
      << "the provider sees it go";
}

TEST_F(ClientPoolTest, ACallThatIsOffWhileItConnectsGivesItsPlaceBackAtOnce) {
  // The kernel answers no SYN to a listener whose queue is full.
  auto full = net::ListenSocket::open({"127.0.0.1", 0, ""}, net::PortSharing::Exclusive);
  ASSERT_TRUE(full);
  ASSERT_EQ(::listen(full->fd(), 0), 0);
  OriginOptions stuffing = options_for(full->port());
  stuffing.max_connections = 16;
  ClientPool crowd(worker, resolver, stuffing);
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(std::make_unique<Call>(crowd));
    calls.back()->start(worker);
  }
  ClientPool pool(worker, resolver, options_for(full->port()));
  Call call(pool);
  call.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return pool.counters().open == 1; }));
  call.exchange->cancel();
  ASSERT_TRUE(comes_true(worker, [&] { return !call.outcome.empty(); }));
  EXPECT_EQ(call.outcome, "cancelled");
  call.exchange.reset();
  EXPECT_EQ(pool.counters().open, 0U);
  for (const auto& each : calls) {
    each->exchange->cancel();
  }
  EXPECT_TRUE(comes_true(worker, [&] {
    return std::ranges::none_of(calls, [](const auto& each) { return each->outcome.empty(); });
  }));
}

// The place is on its way to a request that is called off before it hears of it.
TEST_F(ClientPoolTest, APlaceForACallThatIsOffGoesToTheNext) {
  SilentProvider provider(worker);
  ClientPool pool(worker, resolver, options_for(provider.port));
  Call holder(pool);
  Call second(pool);
  Call third(pool);
  holder.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return holder.outcome == "connected"; }));
  second.start(worker);
  third.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return true; }));
  worker.post([&] {
    holder.exchange.reset();
    second.exchange->cancel();
  });
  ASSERT_TRUE(comes_true(worker, [&] { return !second.outcome.empty(); }));
  EXPECT_EQ(second.outcome, "cancelled");
  second.exchange.reset();
  EXPECT_TRUE(comes_true(worker, [&] { return third.outcome == "connected"; }));
  EXPECT_EQ(pool.counters().open, 1U);
}

TEST_F(ClientPoolTest, PoolsThatShareAPlacePassItOn) {
  SilentProvider provider(worker);
  OriginOptions options = options_for(provider.port);
  options.places = std::make_shared<Places>(1);
  ClientPool one(worker, resolver, options);
  ClientPool two(worker, resolver, options);
  Call holder(one);
  Call here(one);
  Call there(two);
  holder.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return holder.outcome == "connected"; }));
  there.start(worker);
  here.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return options.places->wanted(); }));
  EXPECT_EQ(one.counters().open + two.counters().open, 1U);
  holder.exchange.reset();
  ASSERT_TRUE(comes_true(worker, [&] { return there.outcome == "connected"; }));
  EXPECT_EQ(here.outcome, "") << "it came later";
  EXPECT_EQ(one.counters().open + two.counters().open, 1U);
  there.exchange.reset();
  EXPECT_TRUE(comes_true(worker, [&] { return here.outcome == "connected"; }));
}

TEST_F(ClientPoolTest, ASharedQueueIsAsLongAsSaid) {
  SilentProvider provider(worker);
  OriginOptions options = options_for(provider.port);
  options.places = std::make_shared<Places>(1);
  options.max_waiting = 1;
  options.all_waiting = std::make_shared<SharedUse>();
  ClientPool one(worker, resolver, options);
  ClientPool two(worker, resolver, options);
  Call holder(one);
  Call waits(one);
  Call too_many(two);
  holder.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return holder.outcome == "connected"; }));
  waits.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return options.all_waiting->used() == 1; }));
  too_many.start(worker);
  ASSERT_TRUE(comes_true(worker, [&] { return !too_many.outcome.empty(); }));
  EXPECT_EQ(too_many.outcome, "pool_exhausted");
  waits.exchange->cancel();
  ASSERT_TRUE(comes_true(worker, [&] { return !waits.outcome.empty(); }));
  EXPECT_EQ(options.all_waiting->used(), 0U);
  EXPECT_FALSE(options.places->wanted());
}

// What a provider's answer becomes: its status and body, or the code of the error.
Task<> read_answer(ClientExchange* exchange, std::string* outcome) {
  const auto connected = co_await exchange->connect(ConnectionUse::Fresh, soon());
  if (!connected) {
    *outcome = connected.error().code();
    co_return;
  }
  const auto head = co_await exchange->read_head(soon());
  if (!head) {
    *outcome = head.error().code();
    co_return;
  }
  std::string body;
  for (PumpState state = PumpState::Data; state != PumpState::End;) {
    state = exchange->pump([&body](std::string_view piece) { body += piece; });
    if (state == PumpState::Failed) {
      *outcome = exchange->error()->code();
      co_return;
    }
    if (state == PumpState::WouldBlock) {
      const Wake wake = co_await exchange->readable(soon());
      if (wake != Wake::Ready) {
        *outcome = "no body";
        co_return;
      }
    }
  }
  *outcome = std::to_string(head->status) + " " + body;
}

Task<> send_much(ClientExchange* exchange, std::string* outcome) {
  const std::string body(std::size_t{64} * 1024 * 1024, 'a');  // more than the kernel keeps
  const auto connected = co_await exchange->connect(ConnectionUse::Fresh, soon());
  if (!connected) {
    *outcome = connected.error().code();
    co_return;
  }
  const auto sent =
      co_await exchange->send("POST / HTTP/1.1\r\n\r\n", body, Clock::now() + 1h, 50ms);
  *outcome = sent ? "sent" : std::string(sent.error().code());
}

TEST_F(ClientPoolTest, AProviderThatStopsReadingIsGivenUpBeforeTheDeadline) {
  SilentProvider provider(worker);
  ClientPool pool(worker, resolver, options_for(provider.port));
  ClientExchange exchange(pool);
  std::string outcome;
  worker.spawn(send_much(&exchange, &outcome));
  ASSERT_TRUE(comes_true(worker, [&] { return !outcome.empty(); }));
  EXPECT_EQ(outcome, "upstream_timeout");
}

struct Answer {
  std::string name;
  std::string bytes;
  std::string outcome;
};

TEST_F(ClientPoolTest, AnAnswerIsTheSameHoweverItsBytesCome) {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  const std::vector<Answer> answers{
      {"plain", good, "200 hello"},
      {"after interim ones", early + early + good, "200 hello"},
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
       "200 hello"},
      {"too many interim ones",
       early + early + early + early + early + early + early + early + early + good,
       "upstream_malformed"},
      {"a control character", "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n", "upstream_malformed"},
      {"TLS", "\x16\x03\x03\x02", "upstream_malformed"},
      {"a line without an end", "HTTP/1.1 200 OK\r\nA: " + std::string(64UL * 1024, 'a'),
       "upstream_malformed"},
      {"lines without an end",
       "HTTP/1.1 200 OK\r\n" +
           [] {
             std::string lines;
             while (lines.size() < 64UL * 1024) {
               lines += "A: a\r\n";
             }
             return lines;
           }(),
       "upstream_malformed"},
  };
  for (const Answer& answer : answers) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, answer.bytes.size()}) {
      if (answer.bytes.size() / step > 4096) {
        continue;
      }
      SilentProvider provider(worker);
      ClientPool pool(worker, resolver, options_for(provider.port));
      ClientExchange exchange(pool);
      std::string outcome;
      worker.spawn(read_answer(&exchange, &outcome));
      ASSERT_TRUE(comes_true(worker, [&] { return provider.accepted.size() == 1; }));
      std::string_view rest = answer.bytes;
      ASSERT_TRUE(comes_true(worker, [&] {
        const auto sent = provider.accepted.front().try_write(rest.substr(0, step));
        rest.remove_prefix(sent.state == net::IoState::Done ? sent.size : 0);
        return rest.empty() || !outcome.empty();
      })) << answer.name;
      ASSERT_TRUE(comes_true(worker, [&] { return !outcome.empty(); })) << answer.name;
      EXPECT_EQ(outcome, answer.outcome) << answer.name << " by " << step;
    }
  }
}

}  // namespace
}  // namespace waybill::http
