#include <array>
#include <span>

#include "waybill/telemetry/metrics.hpp"

#include "clean_text.hpp"

namespace waybill::telemetry {
namespace {

struct Label {
  std::string_view name;
  std::string_view value;
};
using Labels = std::initializer_list<Label>;

// An integer count of 10^-decimals, written without floating point.
struct Fixed {
  Int128 count;
  unsigned decimals;
};

void append_fixed(std::string& out, Fixed number) {
  std::array<char, 48> digits{};
  std::size_t place = digits.size();
  Int128 count = number.count < 0 ? -number.count : number.count;
  for (unsigned written = 0; count > 0 || written <= number.decimals; ++written) {
    if (written == number.decimals && number.decimals > 0) {
      digits[--place] = '.';
    }
    digits[--place] = static_cast<char>('0' + static_cast<int>(count % 10));
    count /= 10;
  }
  if (number.count < 0) {
    out += '-';
  }
  std::string_view text(digits.data() + place, digits.size() - place);
  if (number.decimals > 0) {
    text = text.substr(0, text.find_last_not_of('0') + 1);
    text = text.back() == '.' ? text.substr(0, text.size() - 1) : text;
  }
  out += text;
}

class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP ";
    out_ += name;
    out_ += ' ';
    out_ += help;
    out_ += "\n# TYPE ";
    out_ += name;
    out_ += ' ';
    out_ += type;
    out_ += '\n';
  }

  void sample(Labels labels, Fixed value) { line("", labels, value); }
  void sample(Labels labels, std::uint64_t value) {
    line("", labels, {static_cast<Int128>(value), 0});
  }
  void sample(Labels labels, std::int64_t value) { line("", labels, {Int128{value}, 0}); }

  // A family with one sample and no labels.
  template <class Value>
  void single(std::string_view name, std::string_view type, std::string_view help, Value value) {
    family(name, type, help);
    sample({}, value);
  }

  // `decimals`: 6 writes microseconds as seconds, 0 writes bytes as bytes.
  template <const auto& kBounds>
  void histogram(std::string_view name,
                 std::string_view help,
                 const Histogram<kBounds>& histogram,
                 unsigned decimals) {
    family(name, "histogram", help);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      below += histogram.counts()[i];
      std::string bound;
      append_fixed(bound, {static_cast<Int128>(kBounds[i]), decimals});
      line("_bucket", {{"le", bound}}, {static_cast<Int128>(below), 0});
    }
    below += histogram.counts().back();
    line("_bucket", {{"le", "+Inf"}}, {static_cast<Int128>(below), 0});
    line("_sum", {}, {static_cast<Int128>(histogram.sum()), decimals});
    line("_count", {}, {static_cast<Int128>(below), 0});
  }

  std::string take() { return std::move(out_); }

 private:
  void line(std::string_view suffix, Labels labels, Fixed value) {
    out_ += name_;
    out_ += suffix;
    char before = '{';
    for (const Label& label : labels) {
      out_ += before;
      out_ += label.name;
      out_ += "=\"";
      escape(label.value);
      out_ += '"';
      before = ',';
    }
    out_ += before == ',' ? "} " : " ";
    append_fixed(out_, value);
    out_ += '\n';
  }

  void escape(std::string_view value) {
    std::string clean;
    append_clean(clean, value, 200);
    for (const char c : clean) {
      if (c == '\\' || c == '"') {
        out_ += '\\';
      }
      out_ += c;
    }
  }

  std::string out_;
  std::string_view name_;
};

void write_requests(Page& page, const WorkerMetrics& metrics) {
  constexpr std::array<std::string_view, 5> kClasses{"1xx", "2xx", "3xx", "4xx", "5xx"};
  page.family("waybill_requests_total", "counter",
              "Requests answered, by route and class of status.");
  for (std::size_t route = 0; route < kRouteCount; ++route) {
    for (std::size_t i = 0; i < kClasses.size(); ++i) {
      if (metrics.requests[route][i] > 0) {
        page.sample({{"route", name(static_cast<Route>(route))}, {"status", kClasses[i]}},
                    metrics.requests[route][i]);
      }
    }
  }
  page.family("waybill_generations_total", "counter", "Generations ended, by outcome.");
  for (std::size_t i = 0; i < kGenerationOutcomeCount; ++i) {
    page.sample({{"outcome", name(static_cast<GenerationOutcome>(i))}}, metrics.generations[i]);
  }
  page.single("waybill_streams_open", "gauge", "Streams being relayed now.", metrics.streams_open);
  page.histogram("waybill_time_to_first_token_seconds",
                 "From the request read to the first content event sent.", metrics.ttft_us, 6);
  page.histogram("waybill_request_duration_seconds", "From the request read to the last byte sent.",
                 metrics.duration_us, 6);
  page.histogram("waybill_overhead_seconds", "Time that Waybill itself added to a request.",
                 metrics.overhead_us, 6);
  page.histogram("waybill_response_bytes", "Size of response bodies.", metrics.response_bytes, 0);
}

// Only what happened has a line: a page of many endpoints stays small.
void write_endpoints(Page& page,
                     std::span<const EndpointMetrics> endpoints,
                     std::span<const EndpointLabel> labels) {
  page.family("waybill_attempts_total", "counter",
              "Upstream calls ended, by endpoint and outcome.");
  for (std::size_t slot = 0; slot < endpoints.size(); ++slot) {
    for (std::size_t i = 0; i < kAttemptResultCount; ++i) {
      if (endpoints[slot].attempts[i] > 0) {
        page.sample({{"model", labels[slot].model},
                     {"provider", labels[slot].provider},
                     {"outcome", name(static_cast<AttemptResult>(i))}},
                    endpoints[slot].attempts[i]);
      }
    }
  }
  page.family(
      "waybill_tokens_total", "counter",
      "Tokens billed; cache_read and cache_write are part of prompt, reasoning of completion.");
  for (std::size_t slot = 0; slot < endpoints.size(); ++slot) {
    for (std::size_t i = 0; i < kTokenKindCount; ++i) {
      if (endpoints[slot].tokens[i] > 0) {
        page.sample({{"model", labels[slot].model},
                     {"provider", labels[slot].provider},
                     {"kind", name(static_cast<TokenKind>(i))}},
                    endpoints[slot].tokens[i]);
      }
    }
  }
  page.family("waybill_cost_usd_total", "counter", "Cost of settled generations in US dollars.");
  for (std::size_t slot = 0; slot < endpoints.size(); ++slot) {
    if (endpoints[slot].cost_picodollars > 0) {
      page.sample({{"model", labels[slot].model}, {"provider", labels[slot].provider}},
                  Fixed{endpoints[slot].cost_picodollars, 12});
    }
  }
}

void write_connections(Page& page, const WorkerMetrics& metrics) {
  const ConnectionMetrics& clients = metrics.connections;
  page.single("waybill_connections_open", "gauge", "Client connections open now.", clients.open);
  page.single("waybill_connections_accepted_total", "counter", "Client connections accepted.",
              clients.accepted);
  page.single("waybill_connections_rejected_total", "counter",
              "Client connections closed at a limit or in the TLS handshake.", clients.rejected);
  page.family("waybill_http_rejections_total", "counter",
              "Requests refused before they reached a route, by error code.");
  for (const auto& [code, count] : clients.http_rejections.all()) {
    page.sample({{"code", code}}, count);
  }

  const UpstreamMetrics& upstream = metrics.upstream;
  page.family("waybill_upstream_connections", "gauge", "Upstream connections now, by state.");
  page.sample({{"state", "active"}}, upstream.open - upstream.idle);
  page.sample({{"state", "idle"}}, upstream.idle);
  page.family("waybill_upstream_connections_total", "counter",
              "Upstream connections taken for an attempt: new, reused from the pool, or found "
              "stale there.");
  page.sample({{"event", "new"}}, upstream.created);
  page.sample({{"event", "reused"}}, upstream.reused);
  page.sample({{"event", "stale"}}, upstream.stale);
  page.single("waybill_dns_lookups_total", "counter",
              "Names looked up, cached answers not counted.", upstream.dns_lookups);
  page.single("waybill_dns_failures_total", "counter", "Name lookups that failed.",
              upstream.dns_failures);
}

void write_ledger(Page& page, const WorkerMetrics& metrics, const ServiceMetrics& service) {
  const SettlementMetrics& settlements = metrics.settlements;
  page.single("waybill_settlements_total", "counter", "Generations settled in the ledger.",
              settlements.settled);
  page.single("waybill_settlements_estimated_total", "counter",
              "Settlements metered by estimate, because the upstream reported no usage.",
              settlements.estimated);
  page.single("waybill_usage_anomalies_total", "counter",
              "Usage reports that contradicted themselves or the bytes that passed.",
              settlements.anomalies);
  page.histogram("waybill_settle_seconds", "From a settlement asked for to its commit.",
                 settlements.latency_us, 6);
  page.single("waybill_ledger_queue_depth", "gauge", "Settlements waiting for their commit.",
              service.ledger_queue_depth);
  page.single("waybill_ledger_commits_total", "counter", "Commits of settlements.",
              service.ledger_commits);
  page.single("waybill_ledger_log_pages", "gauge",
              "Pages of SQLite's write-ahead log that are not in the database yet.",
              service.ledger_log_pages);
  page.single("waybill_ledger_spilled", "gauge",
              "Settlements in the spill file, which the database could not take.",
              service.ledger_spilled);
}

void write_process(Page& page, const ServiceMetrics& service, const ProcessStats& process) {
  page.family("waybill_reloads_total", "counter", "Reloads of the settings, by result.");
  page.sample({{"result", "ok"}}, service.reloads_ok);
  page.sample({{"result", "failed"}}, service.reloads_failed);
  page.single("waybill_log_messages_dropped_total", "counter",
              "Log messages dropped or not written (a block of access lines is one message).",
              service.log_messages_dropped);
  page.single("waybill_workers", "gauge", "Worker threads.", service.workers);
  page.family("waybill_build_info", "gauge", "Always 1; the label names the version.");
  page.sample({{"version", service.version}}, std::uint64_t{1});

  page.single("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
              process.resident_bytes);
  page.single("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
              process.virtual_bytes);
  page.single("process_open_fds", "gauge", "Number of open file descriptors.", process.open_fds);
  page.single("process_max_fds", "gauge", "Maximum number of open file descriptors.",
              process.max_fds);
  page.single("process_threads", "gauge", "Number of threads.", process.threads);
  page.single("process_cpu_seconds_total", "counter", "User and system CPU time spent in seconds.",
              Fixed{static_cast<Int128>(process.cpu_microseconds), 6});
  page.single("process_start_time_seconds", "gauge",
              "Start time of the process since the Unix epoch in seconds.",
              Fixed{static_cast<Int128>(process.start_time_unix_ms), 3});
}

}  // namespace

std::string render_prometheus(const MetricsSnapshot& snapshot,
                              const std::vector<EndpointLabel>& labels) {
  std::vector<EndpointLabel> names = labels;
  if (names.empty()) {
    names.push_back({"other", "other"});
  }
  // What has no label goes to slot 0, so that nothing counted is lost.
  std::vector<EndpointMetrics> endpoints = snapshot.workers.endpoints;
  for (; endpoints.size() > names.size(); endpoints.pop_back()) {
    endpoints.front().merge(endpoints.back());
  }

  Page page;
  write_requests(page, snapshot.workers);
  write_endpoints(page, endpoints, names);
  write_connections(page, snapshot.workers);
  write_ledger(page, snapshot.workers, snapshot.service);
  write_process(page, snapshot.service, snapshot.process);
  return page.take();
}

}  // namespace waybill::telemetry
