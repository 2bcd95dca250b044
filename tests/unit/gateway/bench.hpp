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

#include "sample.hpp"

namespace waybill::gateway::test {

using Json = nlohmann::json;
using net::Task;

// A new listener of the server; its port.
std::uint16_t listen(http::Server& server, int tag = 0);

// Answers by a script, which must not be replaced while a call is under way.
class Provider final : public http::Handler {
 public:
  using Script = std::function<Task<>(http::ServerExchange&, std::string_view body)>;

  explicit Provider(net::Worker& worker) : server_(worker, {}, *this), port_(listen(server_)) {}

  Task<> handle(http::ServerExchange& exchange) override;
  std::string rejection_body(const http::Rejection& /*rejection*/) override { return "{}"; }
  std::string rejection_fields(const http::RequestHead& /*head*/) override { return {}; }

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/v1";
  }
  [[nodiscard]] http::Server& server() noexcept { return server_; }

  // Answers with a whole body.
  void answer(unsigned status, std::string body, std::string fields = "");
  // Answers with a stream, each piece in a chunk of its own.
  void stream(std::vector<std::string> pieces);

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
std::vector<std::string> events_of(const std::string& stream);

std::unique_ptr<telemetry::Log> open_log(const TempFolder& folder);
// What it has written until now.
std::string contents(telemetry::Log& log, const TempFolder& folder);
std::ptrdiff_t count_lines(const std::string& text);

class Bench : public http::Handler {
 public:
  explicit Bench(const std::function<void(config::Settings&)>& change = {});
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() override;

  Task<> handle(http::ServerExchange& exchange) override;
  std::string rejection_body(const http::Rejection& rejection) override {
    return error_body(rejection.status, rejection.error);
  }
  std::string rejection_fields(const http::RequestHead& head) override {
    return gateway->common_fields(head);
  }

  // One request of a client, to its end.
  Answer post(const Json& body, std::string fields = "");
  Answer send(std::uint16_t to, std::string body, const std::string& fields);
  static Json chat(const std::string& model, const Json& more = Json::object());

  // The booked generation of an answer.
  [[nodiscard]] ledger::Settlement booked(const Answer& answer) const;
  // Whether the client has read something of the answer under way.
  [[nodiscard]] bool relayed() const { return stream_bytes > 0; }

  [[nodiscard]] std::size_t rows() const;
  // Everything that was logged, access lines included.
  [[nodiscard]] std::string logged() const;

  net::Worker worker{0};
  net::asio::thread_pool blocking{1};
  Provider one{worker};
  Provider two{worker};
  TempFolder folder;
  config::Settings settings;
  telemetry::EndpointSlots slots;
  std::unique_ptr<telemetry::Log> log = open_log(folder);
  std::unique_ptr<ledger::Ledger> ledger = open_ledger(folder);
  std::string key;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<http::Server> server;
  std::uint16_t port = 0;
  std::size_t stream_bytes = 0;   // that the client has read of the answer under way
  std::uint16_t tagged_port = 0;  // its listener has the tag 5

 private:
  Task<Answer> exchange(std::uint16_t to, std::string body, std::string fields);

  Task<bool> close_all();
};

// ------------------------------------------------------------- what providers say

std::string reply(const Json& usage);

std::string event(const Json& body);
std::string content_event(const std::string& text);
std::string finish_event();
std::string usage_event(const Json& usage);
inline constexpr std::string_view kDone = "data: [DONE]\n\n";

}  // namespace waybill::gateway::test
