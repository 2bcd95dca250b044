// The counters of one worker, and the Prometheus page made of all of them.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waybill/base/money.hpp"
#include "waybill/routing/outcome.hpp"
#include "waybill/telemetry/histogram.hpp"
#include "waybill/telemetry/process_stats.hpp"

namespace waybill::telemetry {

// Label values come from these closed sets, from the catalog (EndpointSlots) or
// from error codes, which are literals: never from a client.

enum class Route : std::uint8_t {
  ChatCompletions,
  Completions,
  Embeddings,
  Messages,   // Anthropic's
  Responses,  // OpenAI's
  Gemini,     // Google's
  Ollama,
  Models,
  Generation,
  Key,
  Health,
  Metrics,
  Management,
  Other,  // unknown paths
};
inline constexpr std::size_t kRouteCount = 14;
[[nodiscard]] std::string_view name(Route route) noexcept;

enum class GenerationOutcome : std::uint8_t {
  Succeeded,
  Failed,
  Cancelled
};
inline constexpr std::size_t kGenerationOutcomeCount = 3;
[[nodiscard]] std::string_view name(GenerationOutcome outcome) noexcept;

// How one upstream call ended.  The names are stable: they stand in the access
// log and in metric labels.
enum class AttemptResult : std::uint8_t {
  Succeeded,
  ConnectFailed,    // DNS, TCP or proxy
  TlsFailed,        // handshake or certificate
  Timeout,          // any deadline of ours
  RateLimited,      // 429
  Overloaded,       // 503, 529
  Rejected,         // another 4xx: the upstream's view of key, model or request
  ServerError,      // another 5xx
  InvalidReply,     // empty, not JSON, broken framing or SSE
  Interrupted,      // the connection ended in the middle of a reply
  StaleConnection,  // a pooled connection was closed before a byte came
  QueueFull,        // no connection to this provider was free in time
  Cancelled,        // the client went away, or we are stopping
};
inline constexpr std::size_t kAttemptResultCount = 13;
[[nodiscard]] std::string_view name(AttemptResult result) noexcept;

// The result to count for what routing was told: fewer kinds of garbage, but the
// status codes told apart.
[[nodiscard]] AttemptResult attempt_result(const routing::AttemptOutcome& outcome) noexcept;

enum class TokenKind : std::uint8_t {
  Prompt,
  Completion,
  CacheRead,
  CacheWrite,
  Reasoning
};
inline constexpr std::size_t kTokenKindCount = 5;
[[nodiscard]] std::string_view name(TokenKind kind) noexcept;

// A counter per error code.  Codes past the limit are counted as "other", so a
// page has a bounded size whatever happens.
//
// Requires: codes refer to static storage (as Error's do).
// Thread safety: none.
class CodeCounters {
 public:
  static constexpr std::size_t kLimit = 64;

  void increment(std::string_view code) { add(code, 1); }
  void merge(const CodeCounters& other);
  [[nodiscard]] const std::vector<std::pair<std::string_view, std::uint64_t>>& all()
      const noexcept {
    return counters_;
  }

 private:
  void add(std::string_view code, std::uint64_t count);

  std::vector<std::pair<std::string_view, std::uint64_t>> counters_;
};

// Of the listener side.
struct ConnectionMetrics {
  std::int64_t open = 0;
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;    // over a limit, or failed TLS
  CodeCounters http_rejections;  // requests refused before they reached a route, by error code
};

// Of the pools and the resolver.
struct UpstreamMetrics {
  std::int64_t open = 0;  // idle ones included
  std::int64_t idle = 0;
  std::uint64_t created = 0;
  std::uint64_t reused = 0;
  std::uint64_t stale = 0;
  std::uint64_t dns_lookups = 0;  // not answered by the cache
  std::uint64_t dns_failures = 0;
};

// As seen by the worker that waits for it.
struct SettlementMetrics {
  std::uint64_t settled = 0;
  std::uint64_t estimated = 0;  // without usage from the upstream
  std::uint64_t anomalies = 0;  // usage that contradicts itself or the bytes that passed
  Histogram<kOverheadBoundsUs> latency_us;  // asked for to durable
};

// One endpoint's part, by its slot.
struct EndpointMetrics {
  std::array<std::uint64_t, kAttemptResultCount> attempts{};
  std::array<std::uint64_t, kTokenKindCount> tokens{};
  Int128 cost_picodollars = 0;

  void merge(const EndpointMetrics& other) noexcept;
};

// Everything one worker counts.
//
// Plain numbers without atomics: only the worker's own thread reads or writes
// them.  A scrape asks each worker for a copy (a task on its executor), merges
// the copies and renders them elsewhere.
struct WorkerMetrics {
  std::array<std::array<std::uint64_t, 5>, kRouteCount> requests{};  // [route][status class - 1]
  std::array<std::uint64_t, kGenerationOutcomeCount> generations{};
  std::vector<EndpointMetrics> endpoints;  // by slot; grows when a reload brings new ones
  std::int64_t streams_open = 0;
  ConnectionMetrics connections;
  UpstreamMetrics upstream;
  SettlementMetrics settlements;

  Histogram<kLatencyBoundsUs> ttft_us;       // request read to first content event sent
  Histogram<kLatencyBoundsUs> duration_us;   // request read to last byte sent
  Histogram<kOverheadBoundsUs> overhead_us;  // what Waybill itself added
  Histogram<kSizeBoundsBytes> response_bytes;

  // A status outside 100-599 counts as 5xx.
  void count_request(Route route, unsigned status) noexcept;
  void count_generation(GenerationOutcome outcome) noexcept;
  void count_attempt(std::size_t slot, AttemptResult result);
  void count_tokens(std::size_t slot, TokenKind kind, std::uint64_t tokens);
  void count_cost(std::size_t slot, Money cost);  // a negative cost is not counted

  void merge(const WorkerMetrics& other);

 private:
  EndpointMetrics& endpoint(std::size_t slot);
};

// What one endpoint is called on the page.
struct EndpointLabel {
  std::string model;
  std::string provider;
};

// Gives each (model, provider) pair of every catalog that was ever loaded a slot
// that never changes, so that a counter keeps its meaning over reloads and for
// exchanges that still use the snapshot before.
//
// Slot 0 is "other"; pairs past the limit get it too.
// Thread safety: any thread; snapshots are built on one while others tell the page.
class EndpointSlots {
 public:
  static constexpr std::size_t kDefaultLimit = 4096;

  explicit EndpointSlots(std::size_t limit = kDefaultLimit);

  // Called for each endpoint when a snapshot is built; the snapshot keeps it.
  std::size_t slot(std::string_view model, std::string_view provider);

  // By slot.
  [[nodiscard]] std::vector<EndpointLabel> labels() const;

 private:
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::vector<EndpointLabel> labels_;
  std::vector<std::pair<std::string, std::size_t>> sorted_;  // "model\nprovider" → slot
};

// What belongs to no worker, read by the application at the scrape.
struct ServiceMetrics {
  std::uint64_t ledger_queue_depth = 0;  // settlements waiting for their commit
  std::uint64_t ledger_commits = 0;
  std::uint64_t ledger_log_pages = 0;  // of SQLite's write-ahead log
  std::uint64_t ledger_spilled = 0;    // settlements in the spill file
  std::uint64_t reloads_ok = 0;
  std::uint64_t reloads_failed = 0;
  std::uint64_t log_messages_dropped = 0;
  std::uint64_t workers = 0;
  std::string version{};
};

struct MetricsSnapshot {
  WorkerMetrics workers;  // merged
  ServiceMetrics service;
  ProcessStats process;
};

// The page in the Prometheus text exposition format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
// `labels` are EndpointSlots::labels(); a slot without a label is added to slot 0.
[[nodiscard]] std::string render_prometheus(const MetricsSnapshot& snapshot,
                                            const std::vector<EndpointLabel>& labels);

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

}  // namespace waybill::telemetry
