// A gateway between a client and two scripted providers, all on one worker.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "waybill/gateway/error_reply.hpp"
#include "waybill/gateway/gateway.hpp"
#include "waybill/http/client.hpp"
#include "waybill/http/server.hpp"
#include "waybill/http/sse_parser.hpp"

#include "sample.hpp"
#include "unit/net/run_task.hpp"

namespace waybill::gateway::test {

using Json = nlohmann::json;
using net::Task;

inline std::uint16_t listen(http::Server& server, int tag = 0) {
  auto socket = net::ListenSocket::open({"127.0.0.1", 0, ""}, net::PortSharing::Exclusive);
  EXPECT_TRUE(socket) << socket.error().detail();
  const std::uint16_t port = socket->port();
  server.add_listener(std::move(*socket), tag);
  return port;
}

// Answers by a script, which must not be replaced while a call is under way.
class Provider final : public http::Handler {
 public:
  using Script = std::function<Task<>(http::ServerExchange&, std::string_view body)>;

  explicit Provider(net::Worker& worker) : server_(worker, {}, *this), port_(listen(server_)) {}

  Task<> handle(http::ServerExchange& exchange) override {
    std::string body;
    const auto rejection = co_await exchange.read_body(body);
    EXPECT_FALSE(rejection);
    calls.push_back(body);
    co_await script(exchange, body);
  }
  std::string rejection_body(const http::Rejection& /*rejection*/) override { return "{}"; }
  std::string rejection_fields(const http::RequestHead& /*head*/) override { return {}; }

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/v1";
  }
  [[nodiscard]] http::Server& server() noexcept { return server_; }

  // Answers with a whole body.
  void answer(unsigned status, std::string body, std::string fields = "") {
    fields += "Content-Type: application/json\r\n";
    script = [status, body = std::move(body), fields = std::move(fields)](
                 http::ServerExchange& exchange, std::string_view) -> Task<> {
      const bool sent = co_await exchange.respond(status, fields, body);
      static_cast<void>(sent);
    };
  }
  // Answers with a stream, each piece in a chunk of its own.
  void stream(std::vector<std::string> pieces) {
    script = [pieces = std::move(pieces)](http::ServerExchange& exchange,
                                          std::string_view) -> Task<> {
      exchange.begin_stream(200, "Content-Type: text/event-stream\r\n");
      for (const std::string& piece : pieces) {
        if (!piece.empty()) {
          const bool sent = co_await exchange.send(piece);
          static_cast<void>(sent);
        }
      }
      const bool ended = co_await exchange.end_stream({});
      static_cast<void>(ended);
    };
  }

  Script script;
  std::vector<std::string> calls;  // bodies of the requests

 private:
  http::Server server_;
  std::uint16_t port_;
};

struct Answer {
  http::ResponseHead head;
  std::string body;
  bool whole = false;  // the body came to its proper end

  [[nodiscard]] unsigned status() const noexcept { return head.status; }
  [[nodiscard]] Json json() const { return Json::parse(body); }
};

// The data of every event of a stream.
inline std::vector<std::string> events_of(const std::string& stream) {
  http::SseParser parser;
  parser.feed(stream);
  std::vector<std::string> out;
  while (const auto event = parser.next()) {
    out.emplace_back(event->data);
  }
  return out;
}

class Lines final : public telemetry::LineSink {
 public:
  void write_lines(std::string_view lines) noexcept override { text += lines; }
  std::string text;
};

class Bench : public http::Handler {
 public:
  explicit Bench(const std::function<void(config::Settings&)>& change = {}) {
    settings = two_providers(one.url(), two.url());
    settings.defaults.timeouts.total = std::chrono::seconds(20);
    settings.logging.format = config::LogFormat::Json;
    if (change) {
      change(settings);
    }
    const LiveSnapshotPtr live = live_of(settings, slots);
    register_prices(*ledger, *live);
    auto created = ledger->create_key({.name = "laptop", .expires = {}, .allowed_models = {}});
    EXPECT_TRUE(created);
    key = std::string(created->text.reveal());
    gateway = std::make_unique<Gateway>(worker, WorkerShare{}, *ledger, lines, blocking, live);
    server = std::make_unique<http::Server>(worker, http::ServerLimits{}, *this);
    port = listen(*server);
    tagged_port = listen(*server, 5);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() override {
    net::run_task(worker, close_all());
    blocking.join();
    const auto stopped = ledger->stop();
    static_cast<void>(stopped);
  }

  Task<> handle(http::ServerExchange& exchange) override {
    const std::string_view path = exchange.head().path;
    const auto kind = path.ends_with("/chat/completions") ? dialects::RequestKind::Chat
                      : path.ends_with("/completions")    ? dialects::RequestKind::Completion
                                                          : dialects::RequestKind::Embedding;
    co_await gateway->serve(exchange, kind);
  }
  std::string rejection_body(const http::Rejection& rejection) override {
    return error_body(rejection.status, rejection.error);
  }
  std::string rejection_fields(const http::RequestHead& head) override {
    return gateway->common_fields(head);
  }

  // One request of a client, to its end.
  Answer post(const Json& body, std::string fields = "") {
    fields += "Authorization: Bearer " + key + "\r\n";
    return send(port, body.dump(), fields);
  }
  Answer send(std::uint16_t to, std::string body, const std::string& fields) {
    return net::run_task(worker, exchange(to, std::move(body), fields));
  }
  static Json chat(const std::string& model, const Json& more = Json::object()) {
    Json out{{"model", model}, {"messages", {{{"role", "user"}, {"content", "prompt-canary"}}}}};
    out.update(more);
    return out;
  }

  // The booked generation of an answer.
  ledger::Settlement booked(const Answer& answer) {
    const auto id = GenerationId::parse(answer.head.header("X-Generation-Id"));
    EXPECT_TRUE(id) << answer.head.header("X-Generation-Id");
    const auto found = ledger->reader().find_generation(id.value_or(GenerationId()));
    EXPECT_TRUE(found && *found) << answer.body;
    return found && *found ? (*found)->settlement : ledger::Settlement{};
  }
  // Whether the client has read something of the answer under way.
  [[nodiscard]] bool relayed() const { return stream_bytes > 0; }

  std::size_t rows() {
    const auto all = ledger->reader().list_generations({});
    EXPECT_TRUE(all);
    return all ? all->size() : 0;
  }

  net::Worker worker{0};
  net::asio::thread_pool blocking{1};
  Provider one{worker};
  Provider two{worker};
  TempFolder folder;
  config::Settings settings;
  telemetry::EndpointSlots slots;
  Lines lines;
  std::unique_ptr<ledger::Ledger> ledger = open_ledger(folder);
  std::string key;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<http::Server> server;
  std::uint16_t port = 0;
  std::size_t stream_bytes = 0;   // that the client has read of the answer under way
  std::uint16_t tagged_port = 0;  // its listener has the tag 5

 private:
  Task<Answer> exchange(std::uint16_t to, std::string body, std::string fields) {
    const TimePoint deadline = Clock::now() + std::chrono::seconds(30);
    net::Resolver resolver(worker, {});
    http::OriginOptions options;
    options.origin.scheme = UrlScheme::Http;
    options.origin.host = "127.0.0.1";
    options.origin.port = to;
    http::ClientPool pool(worker, resolver, std::move(options));
    Answer answer;
    stream_bytes = 0;
    {
      http::ClientExchange call(pool);
      const auto connected = co_await call.connect(http::ConnectionUse::Fresh, deadline);
      EXPECT_TRUE(connected);
      const std::string head =
          "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" +
          fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
      const auto sent = co_await call.send(head, body, deadline);
      EXPECT_TRUE(sent);
      auto got = co_await call.read_head(deadline);
      EXPECT_TRUE(got) << got.error().detail();
      if (!got) {
        co_return answer;
      }
      answer.head = std::move(*got);
      for (;;) {
        const auto state = call.pump([&](std::string_view piece) { answer.body += piece; });
        stream_bytes = answer.body.size();
        answer.whole = state == http::PumpState::End;
        if (state == http::PumpState::End || state == http::PumpState::Failed) {
          break;
        }
        if (state == http::PumpState::WouldBlock) {
          const net::Wake wake = co_await call.readable(deadline);
          EXPECT_EQ(wake, net::Wake::Ready);
          if (wake != net::Wake::Ready) {
            break;
          }
        }
      }
    }
    co_return answer;
  }

  Task<bool> close_all() {
    const TimePoint deadline = Clock::now() + std::chrono::seconds(20);
    bool idle = true;
    for (http::Server* const each : {server.get(), &one.server(), &two.server()}) {
      each->drain();
      each->abort();
      const bool closed = co_await each->wait_idle(deadline);
      idle = idle && closed;
    }
    EXPECT_TRUE(idle);
    EXPECT_EQ(gateway->in_flight(), 0U);
    EXPECT_EQ(gateway->open_settlements(), 0U);
    co_return idle;
  }
};

// ------------------------------------------------------------- what providers say

inline std::string reply(const Json& usage) {
  Json body{{"id", "chatcmpl-1"},
            {"object", "chat.completion"},
            {"created", 1'787'300'000},
            {"model", "m"},
            {"choices",
             {{{"index", 0},
               {"message", {{"role", "assistant"}, {"content", "answer-canary"}}},
               {"finish_reason", "stop"}}}}};
  if (!usage.is_null()) {
    body["usage"] = usage;
  }
  return body.dump();
}

inline std::string event(const Json& body) {
  return "data: " + body.dump() + "\n\n";
}
inline std::string content_event(const std::string& text) {
  return event({{"id", "chatcmpl-1"},
                {"model", "m"},
                {"choices", {{{"index", 0}, {"delta", {{"content", text}}}}}}});
}
inline std::string finish_event() {
  return event(
      {{"id", "chatcmpl-1"},
       {"model", "m"},
       {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
}
inline std::string usage_event(const Json& usage) {
  return event(
      {{"id", "chatcmpl-1"}, {"model", "m"}, {"choices", Json::array()}, {"usage", usage}});
}
inline constexpr std::string_view kDone = "data: [DONE]\n\n";

}  // namespace waybill::gateway::test
