#include "bench.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>

#include "waybill/http/sse_parser.hpp"

#include "unit/net/run_task.hpp"

namespace waybill::gateway::test {

std::uint16_t listen(http::Server& server, int tag) {
  auto socket = net::ListenSocket::open({"127.0.0.1", 0, ""}, net::PortSharing::Exclusive);
  EXPECT_TRUE(socket) << socket.error().detail();
  const std::uint16_t port = socket->port();
  server.add_listener(std::move(*socket), tag);
  return port;
}

Task<> Provider::handle(http::ServerExchange& exchange) {
  std::string body;
  const auto rejection = co_await exchange.read_body(body);
  EXPECT_FALSE(rejection);
  calls.push_back(body);
  co_await script(exchange, body);
}

void Provider::answer(unsigned status, std::string body, std::string fields) {
  fields += "Content-Type: application/json\r\n";
  script = [status, body = std::move(body), fields = std::move(fields)](
               http::ServerExchange& exchange, std::string_view) -> Task<> {
    const bool sent = co_await exchange.respond(status, fields, body);
    static_cast<void>(sent);
  };
}

void Provider::stream(std::vector<std::string> pieces) {
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

std::vector<std::string> events_of(const std::string& stream) {
  http::SseParser parser;
  parser.feed(stream);
  std::vector<std::string> out;
  while (const auto event = parser.next()) {
    out.emplace_back(event->data);
  }
  return out;
}

std::unique_ptr<telemetry::Log> open_log(const TempFolder& folder) {
  auto log =
      telemetry::Log::open({.format = telemetry::LogFormat::Json, .file = folder.file("log")});
  EXPECT_TRUE(log);
  return std::move(*log);
}

std::string contents(telemetry::Log& log, const TempFolder& folder) {
  log.flush();
  std::ifstream in(folder.file("log"));
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::ptrdiff_t count_lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

std::string Bench::logged() const {
  gateway->flush_logs();
  return contents(*log, folder);
}

Bench::Bench(const std::function<void(config::Settings&)>& change) {
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
  gateway = std::make_unique<Gateway>(worker, WorkerShare{}, *ledger, *log, blocking, live);
  server = std::make_unique<http::Server>(worker, http::ServerLimits{}, *this);
  port = listen(*server);
  tagged_port = listen(*server, 5);
}

Bench::~Bench() {
  net::run_task(worker, close_all());
  blocking.join();
  const auto stopped = ledger->stop();
  static_cast<void>(stopped);
}

Task<> Bench::handle(http::ServerExchange& exchange) {
  const std::string_view path = exchange.head().path;
  const Api api = path.ends_with("/chat/completions") ? Api::ChatCompletions
                  : path.ends_with("/completions")    ? Api::Completions
                  : path.ends_with("/messages")       ? Api::Messages
                                                      : Api::Embeddings;
  co_await gateway->serve(exchange, {.api = api});
}

Answer Bench::post(const Json& body, std::string fields) {
  fields += "Authorization: Bearer " + key + "\r\n";
  return send(port, body.dump(), fields);
}

Answer Bench::send(std::uint16_t to, std::string body, const std::string& fields) {
  return net::run_task(worker, exchange(to, std::move(body), fields));
}

ledger::Settlement Bench::booked(const Answer& answer) const {
  const auto id = GenerationId::parse(answer.head.header("X-Generation-Id"));
  EXPECT_TRUE(id) << answer.head.header("X-Generation-Id");
  const auto found = ledger->reader().find_generation(id.value_or(GenerationId()));
  EXPECT_TRUE(found && *found) << answer.body;
  return found && *found ? (*found)->settlement : ledger::Settlement{};
}

std::size_t Bench::rows() const {
  const auto all = ledger->reader().list_generations({});
  EXPECT_TRUE(all);
  return all ? all->size() : 0;
}

Task<Answer> Bench::exchange(std::uint16_t to, std::string body, std::string fields) {
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
    const auto sent = co_await call.send(head, body, deadline, std::chrono::seconds{20});
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

Task<bool> Bench::close_all() {
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

Json Bench::chat(const std::string& model, const Json& more) {
  Json out{{"model", model}, {"messages", {{{"role", "user"}, {"content", "prompt-canary"}}}}};
  out.update(more);
  return out;
}

std::string reply(const Json& usage) {
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

std::string event(const Json& body) {
  return "data: " + body.dump() + "\n\n";
}

std::string content_event(const std::string& text) {
  return event({{"id", "chatcmpl-1"},
                {"model", "m"},
                {"choices", {{{"index", 0}, {"delta", {{"content", text}}}}}}});
}

std::string finish_event() {
  return event(
      {{"id", "chatcmpl-1"},
       {"model", "m"},
       {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
}

std::string usage_event(const Json& usage) {
  return event(
      {{"id", "chatcmpl-1"}, {"model", "m"}, {"choices", Json::array()}, {"usage", usage}});
}

}  // namespace waybill::gateway::test
