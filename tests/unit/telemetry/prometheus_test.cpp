#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/telemetry/metrics.hpp"

namespace waybill::telemetry {
namespace {

// A strict reader of the text format 0.0.4: every sample belongs to the family
// announced just before, every family is announced once with HELP and TYPE, no
// series stands twice.
class Exposition {
 public:
  explicit Exposition(std::string_view page) {
    if (page.empty() || page.back() != '\n') {
      fail("the page does not end with a line end");
    }
    while (!page.empty()) {
      const std::size_t end = page.find('\n');
      line(page.substr(0, end));
      page.remove_prefix(end + 1);
    }
    check_histograms();
  }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }
  [[nodiscard]] std::string value(const std::string& series) const {
    const auto found = samples_.find(series);
    return found == samples_.end() ? "" : found->second;
  }
  [[nodiscard]] std::size_t size() const { return samples_.size(); }

 private:
  void fail(std::string_view what) { faults_.emplace_back(what); }

  static bool is_name(std::string_view name) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) {
      return false;
    }
    return name.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:") ==
           std::string_view::npos;
  }

  void line(std::string_view text) {
    if (text.starts_with("# HELP ")) {
      text.remove_prefix(7);
      help_ = text.substr(0, text.find(' '));
      if (text.size() <= help_.size() + 1) {
        fail("no help: " + help_);
      }
    } else if (text.starts_with("# TYPE ")) {
      text.remove_prefix(7);
      family_ = text.substr(0, text.find(' '));
      type_ = text.substr(family_.size() + 1);
      if (family_ != help_ || !families_.insert(family_).second || !is_name(family_)) {
        fail("TYPE without its HELP, or twice: " + family_);
      }
      if (type_ != "counter" && type_ != "gauge" && type_ != "histogram") {
        fail("unknown type: " + type_);
      }
      if ((type_ == "counter") != family_.ends_with("_total")) {
        fail("a counter ends in _total: " + family_);
      }
    } else {
      sample(text);
    }
  }

  void sample(std::string_view text) {
    const std::size_t name_end = text.find_first_of("{ ");
    const std::string name(text.substr(0, name_end));
    std::size_t at = name_end;
    std::string le;
    if (at != std::string_view::npos && text[at] == '{') {
      const auto end = labels(text, at + 1, le);
      if (!end) {
        fail("bad labels: " + std::string(text));
        return;
      }
      at = *end;
    }
    if (at == std::string_view::npos || text[at] != ' ' || !is_number(text.substr(at + 1))) {
      fail("bad sample: " + std::string(text));
      return;
    }
    check_family(name, le);
    const std::string value(text.substr(at + 1));
    if (!samples_.emplace(std::string(text.substr(0, at)), value).second) {
      fail("series twice: " + std::string(text));
    }
    if (name == family_ + "_bucket") {
      buckets_[family_].push_back(std::stoull(value));
    } else if (type_ == "histogram" && name == family_ + "_count") {
      counts_[family_] = std::stoull(value);
    }
  }

  void check_family(const std::string& name, const std::string& le) {
    const bool part =
        type_ == "histogram" &&
        (name == family_ + "_sum" || name == family_ + "_count" || name == family_ + "_bucket");
    if (type_ == "histogram" ? !part : name != family_) {
      fail("sample outside its family: " + name);
    }
    if ((name.ends_with("_bucket") && part) == le.empty()) {
      fail("le belongs to buckets only: " + name);
    }
  }

  // Reads up to the closing quote and moves past it; something must follow.
  static std::optional<std::string> label_value(std::string_view text, std::size_t& at) {
    std::string value;
    for (; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\') {
        ++at;
        if (at >= text.size() ||
            std::string_view("\\\"n").find(text[at]) == std::string_view::npos) {
          return std::nullopt;
        }
      }
      value += text[at];
    }
    ++at;
    return at < text.size() ? std::optional(value) : std::nullopt;
  }

  // Gives the index after '}'.
  static std::optional<std::size_t> labels(std::string_view text, std::size_t at, std::string& le) {
    for (;;) {
      const std::size_t equals = text.find("=\"", at);
      if (equals == std::string_view::npos || !is_name(text.substr(at, equals - at))) {
        return std::nullopt;
      }
      const std::string_view name = text.substr(at, equals - at);
      at = equals + 2;
      const auto value = label_value(text, at);
      if (!value) {
        return std::nullopt;
      }
      if (name == "le") {
        le = *value;
      }
      if (text[at] == '}') {
        return at + 1;
      }
      if (text[at++] != ',') {
        return std::nullopt;
      }
    }
  }

  static bool is_number(std::string_view text) {
    if (text.starts_with('-')) {
      text.remove_prefix(1);
    }
    const std::size_t point = text.find('.');
    const auto digits = [](std::string_view part) {
      return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    return digits(text.substr(0, point)) &&
           (point == std::string_view::npos || digits(text.substr(point + 1)));
  }

  void check_histograms() {
    for (const auto& [family, counts] : buckets_) {
      for (std::size_t i = 1; i < counts.size(); ++i) {
        if (counts[i] < counts[i - 1]) {
          fail("buckets fall: " + family);
        }
      }
      if (samples_.count(family + "_bucket{le=\"+Inf\"}") == 0 ||
          counts.back() != counts_[family]) {
        fail("the last bucket is not the count: " + family);
      }
    }
  }

  std::string help_;
  std::string family_;
  std::string type_;
  std::set<std::string> families_;
  std::map<std::string, std::string> samples_;
  std::map<std::string, std::vector<unsigned long long>> buckets_;
  std::map<std::string, unsigned long long> counts_;
  std::vector<std::string> faults_;
};

TEST(Prometheus, AnEmptyPageIsWellFormed) {
  const Exposition page(render_prometheus({}, {}));
  EXPECT_EQ(page.faults(), std::vector<std::string>{});
  EXPECT_EQ(page.value("waybill_generations_total{outcome=\"failed\"}"), "0");
  EXPECT_EQ(page.value("waybill_overhead_seconds_bucket{le=\"+Inf\"}"), "0");
}

TEST(Prometheus, ShowsWhatWasCounted) {
  EndpointSlots slots;
  const std::size_t slot = slots.slot("openai/gpt-4o-mini", "openai");
  MetricsSnapshot snapshot;
  snapshot.workers.count_request(Route::ChatCompletions, 429);
  snapshot.workers.count_generation(GenerationOutcome::Succeeded);
  snapshot.workers.count_attempt(slot, AttemptResult::ServerError);
  snapshot.workers.count_tokens(slot, TokenKind::CacheRead, 1600);
  snapshot.workers.count_cost(slot, Money::picodollars(8'214'000'001));
  snapshot.workers.ttft_us.observe(610'000);
  snapshot.workers.response_bytes.observe(900);
  snapshot.workers.connections.open = 3;
  snapshot.workers.connections.http_rejections.increment("head_too_large");
  snapshot.workers.upstream.open = 5;
  snapshot.workers.upstream.idle = 4;
  snapshot.service = {.ledger_queue_depth = 2,
                      .ledger_commits = 7,
                      .ledger_log_pages = 11,
                      .ledger_spilled = 3,
                      .reloads_ok = 1,
                      .workers = 2,
                      .version = "0.1.0"};
  snapshot.process = {.resident_bytes = 25'000'000,
                      .cpu_microseconds = 1'250'000,
                      .start_time_unix_ms = 1'700'000'000'123};

  const Exposition page(render_prometheus(snapshot, slots.labels()));
  EXPECT_EQ(page.faults(), std::vector<std::string>{});
  const std::map<std::string, std::string> expected{
      {"waybill_requests_total{route=\"chat_completions\",status=\"4xx\"}", "1"},
      {"waybill_generations_total{outcome=\"succeeded\"}", "1"},
      {"waybill_attempts_total{model=\"openai/"
       "gpt-4o-mini\",provider=\"openai\",outcome=\"server_error\"}",
       "1"},
      {"waybill_tokens_total{model=\"openai/gpt-4o-mini\",provider=\"openai\",kind=\"cache_read\"}",
       "1600"},
      {"waybill_cost_usd_total{model=\"openai/gpt-4o-mini\",provider=\"openai\"}",
       "0.008214000001"},
      {"waybill_time_to_first_token_seconds_bucket{le=\"0.5\"}", "0"},
      {"waybill_time_to_first_token_seconds_bucket{le=\"1\"}", "1"},
      {"waybill_time_to_first_token_seconds_sum", "0.61"},
      {"waybill_time_to_first_token_seconds_count", "1"},
      {"waybill_overhead_seconds_bucket{le=\"0.00001\"}", "0"},
      {"waybill_response_bytes_bucket{le=\"1024\"}", "1"},
      {"waybill_connections_open", "3"},
      {"waybill_http_rejections_total{code=\"head_too_large\"}", "1"},
      {"waybill_upstream_connections{state=\"active\"}", "1"},
      {"waybill_upstream_connections{state=\"idle\"}", "4"},
      {"waybill_ledger_queue_depth", "2"},
      {"waybill_ledger_commits_total", "7"},
      {"waybill_ledger_log_pages", "11"},
      {"waybill_ledger_spilled", "3"},
      {"waybill_reloads_total{result=\"ok\"}", "1"},
      {"waybill_build_info{version=\"0.1.0\"}", "1"},
      {"process_resident_memory_bytes", "25000000"},
      {"process_cpu_seconds_total", "1.25"},
      {"process_start_time_seconds", "1700000000.123"},
  };
  for (const auto& [series, value] : expected) {
    EXPECT_EQ(page.value(series), value) << series;
  }
}

TEST(Prometheus, TheSumOfManyCostsIsExactPastTheRangeOfMoney) {
  EndpointSlots slots;
  MetricsSnapshot snapshot;
  const std::size_t slot = slots.slot("m/m", "p");
  for (int i = 0; i < 20; ++i) {
    snapshot.workers.count_cost(slot, Money::largest_entry());
  }
  snapshot.workers.count_cost(slot, Money::picodollars(1));
  const Exposition page(render_prometheus(snapshot, slots.labels()));
  EXPECT_EQ(page.value("waybill_cost_usd_total{model=\"m/m\",provider=\"p\"}"),
            "20000000.000000000001");
}

TEST(Prometheus, L3ALabelCannotLeaveItsQuotesAndSlotsWithoutOneAreOther) {
  const std::vector<EndpointLabel> labels{{"other", "other"},
                                          {"a\"} 1\nevil_total 7\\", "p\x1b[31m"}};
  MetricsSnapshot snapshot;
  snapshot.workers.count_attempt(1, AttemptResult::Succeeded);
  for (std::size_t slot = 2; slot < 500; ++slot) {
    snapshot.workers.count_attempt(slot, AttemptResult::Succeeded);
  }
  const Exposition page(render_prometheus(snapshot, labels));
  EXPECT_EQ(page.faults(), std::vector<std::string>{});
  EXPECT_EQ(page.value("evil_total"), "");
  EXPECT_EQ(page.value(
                "waybill_attempts_total{model=\"other\",provider=\"other\",outcome=\"succeeded\"}"),
            "498");
  EXPECT_LT(page.size(), 150U);
}

}  // namespace
}  // namespace waybill::telemetry
