#include "waybill/telemetry/metrics.hpp"

#include <algorithm>

namespace waybill::telemetry {
namespace {

template <class Counters>
void add_all(Counters& into, const Counters& from) noexcept {
  for (std::size_t i = 0; i < into.size(); ++i) {
    into[i] += from[i];
  }
}

AttemptResult by_status(int status) noexcept {
  if (status == 429) {
    return AttemptResult::RateLimited;
  }
  if (status == 503 || status == 529) {
    return AttemptResult::Overloaded;
  }
  if (status == 408 || status == 504 || status == 524) {
    return AttemptResult::Timeout;
  }
  if (status >= 400 && status < 500) {
    return AttemptResult::Rejected;
  }
  return status >= 500 ? AttemptResult::ServerError : AttemptResult::InvalidReply;
}

}  // namespace

std::string_view name(Route route) noexcept {
  switch (route) {
    case Route::ChatCompletions: return "chat_completions";
    case Route::Completions: return "completions";
    case Route::Embeddings: return "embeddings";
    case Route::Messages: return "messages";
    case Route::Responses: return "responses";
    case Route::Gemini: return "gemini";
    case Route::Ollama: return "ollama";
    case Route::Models: return "models";
    case Route::Generation: return "generation";
    case Route::Key: return "key";
    case Route::Health: return "health";
    case Route::Metrics: return "metrics";
    case Route::Management: return "management";
    case Route::Other: return "other";
  }
  return "other";  // unreachable: -Wswitch keeps the switch exhaustive
}

std::string_view name(GenerationOutcome outcome) noexcept {
  switch (outcome) {
    case GenerationOutcome::Succeeded: return "succeeded";
    case GenerationOutcome::Failed: return "failed";
    case GenerationOutcome::Cancelled: return "cancelled";
  }
  return "failed";  // unreachable
}

std::string_view name(AttemptResult result) noexcept {
  switch (result) {
    case AttemptResult::Succeeded: return "succeeded";
    case AttemptResult::ConnectFailed: return "connect_failed";
    case AttemptResult::TlsFailed: return "tls_failed";
    case AttemptResult::Timeout: return "timeout";
    case AttemptResult::RateLimited: return "rate_limited";
    case AttemptResult::Overloaded: return "overloaded";
    case AttemptResult::Rejected: return "rejected";
    case AttemptResult::ServerError: return "server_error";
    case AttemptResult::InvalidReply: return "invalid_reply";
    case AttemptResult::Interrupted: return "interrupted";
    case AttemptResult::StaleConnection: return "stale_connection";
    case AttemptResult::QueueFull: return "queue_full";
    case AttemptResult::Cancelled: return "cancelled";
  }
  return "invalid_reply";  // unreachable
}

AttemptResult attempt_result(const routing::AttemptOutcome& outcome) noexcept {
  using routing::OutcomeKind;
  switch (outcome.kind) {
    case OutcomeKind::ConnectFailed: return AttemptResult::ConnectFailed;
    case OutcomeKind::TlsFailed: return AttemptResult::TlsFailed;
    case OutcomeKind::StaleConnection: return AttemptResult::StaleConnection;
    case OutcomeKind::Timeout: return AttemptResult::Timeout;
    case OutcomeKind::Busy: return AttemptResult::QueueFull;
    case OutcomeKind::StreamBroken: return AttemptResult::Interrupted;
    case OutcomeKind::ClientGone:
    case OutcomeKind::ShuttingDown:
    case OutcomeKind::Unrecorded:
    case OutcomeKind::Unsayable: return AttemptResult::Cancelled;
    case OutcomeKind::Status:
    case OutcomeKind::ErrorBody: return by_status(outcome.status);
    case OutcomeKind::EmptyBody:
    case OutcomeKind::NotJson:
    case OutcomeKind::NoChoices:
    case OutcomeKind::ProtocolError: return AttemptResult::InvalidReply;
  }
  return AttemptResult::InvalidReply;  // unreachable
}

std::string_view name(TokenKind kind) noexcept {
  switch (kind) {
    case TokenKind::Prompt: return "prompt";
    case TokenKind::Completion: return "completion";
    case TokenKind::CacheRead: return "cache_read";
    case TokenKind::CacheWrite: return "cache_write";
    case TokenKind::Reasoning: return "reasoning";
  }
  return "prompt";  // unreachable
}

void CodeCounters::add(std::string_view code, std::uint64_t count) {
  const auto find = [&](std::string_view wanted) {
    return std::find_if(counters_.begin(), counters_.end(),
                        [&](const auto& counter) { return counter.first == wanted; });
  };
  auto counter = find(code);
  if (counter == counters_.end() && counters_.size() + 1 >= kLimit) {
    code = "other";  // the last place is kept for it
    counter = find(code);
  }
  if (counter == counters_.end()) {
    counters_.emplace_back(code, count);
  } else {
    counter->second += count;
  }
}

void CodeCounters::merge(const CodeCounters& other) {
  for (const auto& [code, count] : other.counters_) {
    add(code, count);
  }
}

void EndpointMetrics::merge(const EndpointMetrics& other) noexcept {
  add_all(attempts, other.attempts);
  add_all(tokens, other.tokens);
  cost_picodollars += other.cost_picodollars;
}

void WorkerMetrics::count_request(Route route, unsigned status) noexcept {
  const unsigned status_class = status >= 100 && status < 600 ? status / 100 : 5;
  ++requests[static_cast<std::size_t>(route)][status_class - 1];
}

void WorkerMetrics::count_generation(GenerationOutcome outcome) noexcept {
  ++generations[static_cast<std::size_t>(outcome)];
}

EndpointMetrics& WorkerMetrics::endpoint(std::size_t slot) {
  if (slot >= endpoints.size()) {
    endpoints.resize(slot + 1);
  }
  return endpoints[slot];
}

void WorkerMetrics::count_attempt(std::size_t slot, AttemptResult result) {
  ++endpoint(slot).attempts[static_cast<std::size_t>(result)];
}

void WorkerMetrics::count_tokens(std::size_t slot, TokenKind kind, std::uint64_t tokens) {
  endpoint(slot).tokens[static_cast<std::size_t>(kind)] += tokens;
}

void WorkerMetrics::count_cost(std::size_t slot, Money cost) {
  if (cost.count() > 0) {
    endpoint(slot).cost_picodollars += cost.count();
  }
}

void WorkerMetrics::merge(const WorkerMetrics& other) {
  for (std::size_t route = 0; route < requests.size(); ++route) {
    add_all(requests[route], other.requests[route]);
  }
  add_all(generations, other.generations);
  endpoints.resize(std::max(endpoints.size(), other.endpoints.size()));
  for (std::size_t slot = 0; slot < other.endpoints.size(); ++slot) {
    endpoints[slot].merge(other.endpoints[slot]);
  }
  streams_open += other.streams_open;

  connections.open += other.connections.open;
  connections.accepted += other.connections.accepted;
  connections.rejected += other.connections.rejected;
  connections.http_rejections.merge(other.connections.http_rejections);

  upstream.open += other.upstream.open;
  upstream.idle += other.upstream.idle;
  upstream.created += other.upstream.created;
  upstream.reused += other.upstream.reused;
  upstream.stale += other.upstream.stale;
  upstream.dns_lookups += other.upstream.dns_lookups;
  upstream.dns_failures += other.upstream.dns_failures;

  settlements.settled += other.settlements.settled;
  settlements.estimated += other.settlements.estimated;
  settlements.anomalies += other.settlements.anomalies;
  settlements.latency_us.merge(other.settlements.latency_us);

  ttft_us.merge(other.ttft_us);
  duration_us.merge(other.duration_us);
  overhead_us.merge(other.overhead_us);
  response_bytes.merge(other.response_bytes);
}

EndpointSlots::EndpointSlots(std::size_t limit) : limit_(std::max<std::size_t>(limit, 1)) {
  labels_.push_back({"other", "other"});
}

std::size_t EndpointSlots::slot(std::string_view model, std::string_view provider) {
  std::string key(model);
  key += '\n';
  key += provider;
  const std::scoped_lock lock(mutex_);
  const auto place =
      std::lower_bound(sorted_.begin(), sorted_.end(), key,
                       [](const auto& entry, const std::string& k) { return entry.first < k; });
  if (place != sorted_.end() && place->first == key) {
    return place->second;
  }
  if (labels_.size() >= limit_) {
    return 0;
  }
  const std::size_t slot = labels_.size();
  labels_.push_back({std::string(model), std::string(provider)});
  sorted_.emplace(place, std::move(key), slot);
  return slot;
}

std::vector<EndpointLabel> EndpointSlots::labels() const {
  const std::scoped_lock lock(mutex_);
  return labels_;
}

}  // namespace waybill::telemetry
