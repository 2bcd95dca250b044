#include "command_support.hpp"

#include <cstdio>

#include "waybill/catalog/presets.hpp"
#include "waybill/http/client.hpp"
#include "waybill/net/worker.hpp"

#include "system_inputs.hpp"

namespace waybill::app {
namespace {

constexpr std::chrono::seconds kPatience{2};
constexpr std::size_t kMaxAnswer = 4UL * 1024UL * 1024UL;

net::Task<Result<HttpAnswer>> fetch(net::Worker& worker, http::ClientPool& pool, std::string head) {
  static_cast<void>(worker);
  const TimePoint deadline = Clock::now() + kPatience;
  http::ClientExchange exchange(pool);
  auto connected = co_await exchange.connect(http::ConnectionUse::Fresh, deadline);
  if (!connected) {
    co_return connected.error();
  }
  auto sent = co_await exchange.send(head, {}, deadline, kPatience);
  if (!sent) {
    co_return sent.error();
  }
  auto answered = co_await exchange.read_head(deadline);
  if (!answered) {
    co_return answered.error();
  }
  HttpAnswer answer;
  answer.status = answered->status;
  for (;;) {
    const http::PumpState state =
        exchange.pump([&](std::string_view piece) { answer.body += piece; });
    if (state == http::PumpState::End) {
      co_return answer;
    }
    if (state == http::PumpState::Failed || answer.body.size() > kMaxAnswer) {
      co_return Error(ErrorKind::UpstreamFailed, "http_failed", "The answer was cut off.");
    }
    if (state == http::PumpState::WouldBlock) {
      const net::Wake wake = co_await exchange.readable(deadline);
      if (wake != net::Wake::Ready) {
        co_return Error(ErrorKind::Timeout, "http_failed", "The answer did not come in time.");
      }
    }
  }
}

net::Task<> fetch_and_stop(net::Worker& worker,
                           http::ClientPool& pool,
                           std::string head,
                           Result<HttpAnswer>& out) {
  out = co_await fetch(worker, pool, std::move(head));
  worker.stop();
}

}  // namespace

catalog::SnapshotPtr load_settings(const std::string& config) {
  SystemFiles files;
  const ProcessEnvironment environment;
  const catalog::Presets presets;
  const config::Inputs inputs{files, environment, presets};
  const catalog::LoadedSnapshot loaded = catalog::load_snapshot(config, inputs, 1);
  if (!loaded.snapshot) {
    std::fputs(config::render(loaded.faults).c_str(), stderr);
    std::fputs(config::closing_line(loaded.faults.size()).c_str(), stderr);
  }
  return loaded.snapshot;
}

std::optional<WallTime> parse_rfc3339(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &end) != 3) {
    return std::nullopt;
  }
  if (static_cast<std::size_t>(end) != text.size()) {
    int rest = 0;
    if (std::sscanf(text.c_str() + end, "T%2d:%2d:%2dZ%n", &hour, &minute, &second, &rest) != 3 ||
        static_cast<std::size_t>(end) + static_cast<std::size_t>(rest) != text.size()) {
      return std::nullopt;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

Result<HttpAnswer> http_get(const std::string& host, std::uint16_t port, const std::string& path) {
  net::Worker worker(0);
  net::Resolver resolver(worker, {});
  http::OriginOptions options;
  options.origin.scheme = UrlScheme::Http;
  options.origin.host = host;
  options.origin.port = port;
  http::ClientPool pool(worker, resolver, std::move(options));
  std::string head = "GET " + path + " HTTP/1.1\r\nHost: " + host + ":" + std::to_string(port) +
                     "\r\nAccept: application/json\r\nConnection: close\r\n\r\n";
  Result<HttpAnswer> answer(Error(ErrorKind::Internal, "http_failed", "No answer."));
  worker.spawn(fetch_and_stop(worker, pool, std::move(head), answer));
  worker.run();
  return answer;
}

int fail(const Error& error) {
  std::fprintf(stderr, "waybill: %s\n", error.detail().c_str());
  return error.kind() == ErrorKind::InvalidRequest ? 2 : 1;
}

}  // namespace waybill::app
