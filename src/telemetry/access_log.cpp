#include "waybill/telemetry/access_log.hpp"

#include <algorithm>

#include "clean_text.hpp"

namespace waybill::telemetry {
namespace {

constexpr std::size_t kNameLimit = 64;    // keys, providers, codes
constexpr std::size_t kModelLimit = 128;  // the longest real ids have some 70
constexpr std::size_t kMaxAttempts = 8;   // that one line shows
constexpr std::size_t kKeyColumn = 9;
constexpr std::size_t kRouteColumn = 43;
constexpr std::size_t kTokenColumn = 26;

// Fills up to `width` characters since `start`, bytes of one character counted once.
void pad(std::string& out, std::size_t start, std::size_t width) {
  const auto characters = static_cast<std::size_t>(
      std::count_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
                    [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0U) != 0x80U; }));
  out.append(characters < width ? width - characters : 0, ' ');
}

// A client may write blanks into a model's name; the columns are ours.
void append_word(std::string& out, std::string_view text, std::size_t limit) {
  const auto start = static_cast<std::ptrdiff_t>(out.size());
  append_clean(out, text, limit);
  std::replace(out.begin() + start, out.end(), ' ', '_');
}

// 412, 1.9k, 120k, 3.4M: what fits a column.
void append_tokens(std::string& out, std::uint64_t tokens) {
  const auto in_units = [&](std::uint64_t unit, char suffix) {
    const std::uint64_t tenths = (tokens + unit / 20) / (unit / 10);
    if (tenths < 1000) {
      append_number(out, tenths / 10);
      out += '.';
      append_number(out, tenths % 10);
    } else {
      append_number(out, (tokens + unit / 2) / unit);
    }
    out += suffix;
  };
  if (tokens < 1000) {
    append_number(out, tokens);
  } else if (tokens < 999'500) {
    in_units(1000, 'k');
  } else {
    in_units(1'000'000, 'M');
  }
}

// Seconds with `decimals` places, rounded; requires decimals 1 or 2.
void append_seconds(std::string& out, std::chrono::microseconds time, unsigned decimals) {
  const std::uint64_t unit = decimals == 1 ? 100'000 : 10'000;
  const std::uint64_t per_second = 1'000'000 / unit;
  const auto count =
      (static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0)) + unit / 2) / unit;
  append_number(out, count / per_second);
  out += '.';
  append_padded(out, count % per_second, decimals);
  out += " s";
}

// Six decimals, as people read prices; the JSON line has all twelve.
void append_cost(std::string& out, const AccessRecord& record) {
  constexpr std::uint64_t kMicroDollar = 1'000'000;  // in picodollars
  if (record.cost.is_zero()) {
    out += "free";
    return;
  }
  if (record.estimated) {
    out += '~';
  }
  const bool negative = record.cost.count() < 0;
  const auto bits = static_cast<std::uint64_t>(record.cost.count());
  const std::uint64_t pico = negative ? 0 - bits : bits;
  if (pico < kMicroDollar / 2) {
    out += negative ? "-<$0.000001" : "<$0.000001";
    return;
  }
  const std::uint64_t micro =
      pico / kMicroDollar + (pico % kMicroDollar >= kMicroDollar / 2 ? 1 : 0);
  out += negative ? "-$" : "$";
  append_number(out, micro / 1'000'000);
  out += '.';
  append_padded(out, micro % 1'000'000, 6);
}

void append_outcome(std::string& out, const AccessAttempt& attempt) {
  if (attempt.status != 0) {
    append_number(out, std::uint64_t{attempt.status});
  } else {
    append_word(out, attempt.outcome, kNameLimit);
  }
}

void append_route(std::string& out, const AccessRecord& record) {
  append_word(out, record.model_served.empty() ? record.model_requested : record.model_served,
              kModelLimit);
  for (const AccessAttempt& attempt :
       record.attempts.first(std::min(record.attempts.size(), kMaxAttempts))) {
    out += " → ";
    append_word(out, attempt.provider, kNameLimit);
    if (!attempt.outcome.empty()) {
      out += " ✗";
      append_outcome(out, attempt);
    }
  }
  if (record.attempts.size() > kMaxAttempts) {
    out += " → …";
  }
  if (record.attempts.empty() && !record.provider.empty()) {
    out += " → ";
    append_word(out, record.provider, kNameLimit);
  }
}

void append_usage(std::string& out, const AccessRecord& record) {
  append_tokens(out, record.prompt_tokens);
  out += "→";
  append_tokens(out, record.completion_tokens);
  out += " tok";
  if (record.cached_tokens > 0) {
    out += " (";
    append_tokens(out, record.cached_tokens);
    out += " cached)";
  }
}

void append_member(std::string& out, std::string_view name, std::uint64_t number) {
  out += ",\"";
  out += name;
  out += "\":";
  append_number(out, number);
}

void append_member(std::string& out,
                   std::string_view name,
                   std::string_view text,
                   std::size_t limit) {
  out += ",\"";
  out += name;
  out += "\":";
  append_clean_json(out, text, limit);
}

void append_flag(std::string& out, std::string_view name, bool flag) {
  out += ",\"";
  out += name;
  out += flag ? "\":true" : "\":false";
}

void append_attempts(std::string& out, std::span<const AccessAttempt> attempts) {
  out += ",\"attempts\":[";
  for (std::size_t i = 0; i < std::min(attempts.size(), kMaxAttempts); ++i) {
    out += i == 0 ? "{\"provider\":" : ",{\"provider\":";
    append_clean_json(out, attempts[i].provider, kNameLimit);
    out += ",\"outcome\":";
    if (attempts[i].status != 0) {
      out += '"';
      append_number(out, std::uint64_t{attempts[i].status});
      out += '"';
    } else {
      append_clean_json(out, attempts[i].outcome.empty() ? "succeeded" : attempts[i].outcome,
                        kNameLimit);
    }
    out += '}';
  }
  out += ']';
  append_member(out, "attempt_count", attempts.size());
}

}  // namespace

void append_human_line(std::string& out,
                       const AccessRecord& record,
                       std::chrono::seconds utc_offset) {
  append_time_of_day(out, record.time + utc_offset);
  out += "  ";
  const std::size_t key = out.size();
  append_word(out, record.key.empty() ? "-" : record.key, kNameLimit);
  pad(out, key, kKeyColumn);
  out += "  ";
  const std::size_t route = out.size();
  append_route(out, record);
  pad(out, route, kRouteColumn);
  out += "   ";
  const std::size_t usage = out.size();
  append_usage(out, record);
  pad(out, usage, kTokenColumn);
  out += "   ttft ";
  if (record.ttft) {
    append_seconds(out, *record.ttft, 2);
  } else {
    out += "–     ";
  }
  out += "   ";
  append_seconds(out, record.duration, 1);
  out += "   ";
  append_cost(out, record);
  if (record.cancelled) {
    out += "   cancelled";
  }
  if (!record.error_code.empty() || record.status >= 400) {
    out += "   ";
    append_number(out, std::uint64_t{record.status});
    if (!record.error_code.empty()) {
      out += ' ';
      append_word(out, record.error_code, kNameLimit);
    }
  }
  out += '\n';
}

void append_json_line(std::string& out, const AccessRecord& record) {
  const auto micros = [](std::chrono::microseconds time) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  };
  out += "{\"time\":\"";
  append_date(out, record.time);
  out += 'T';
  append_time_of_day_ms(out, record.time);
  out += "Z\",\"event\":\"generation\"";
  append_member(out, "id", record.generation_id, kNameLimit);
  append_member(out, "key", record.key, kNameLimit);
  append_member(out, "model_requested", record.model_requested, kModelLimit);
  append_member(out, "model", record.model_served, kModelLimit);
  append_member(out, "provider", record.provider, kNameLimit);
  append_attempts(out, record.attempts);
  append_member(out, "prompt_tokens", record.prompt_tokens);
  append_member(out, "completion_tokens", record.completion_tokens);
  append_member(out, "cached_tokens", record.cached_tokens);
  append_member(out, "cost", to_decimal(record.cost), kNameLimit);
  append_flag(out, "estimated", record.estimated);
  if (record.ttft) {
    append_member(out, "ttft_us", micros(*record.ttft));
  } else {
    out += ",\"ttft_us\":null";
  }
  append_member(out, "duration_us", micros(record.duration));
  append_member(out, "status", record.status);
  append_flag(out, "streamed", record.streamed);
  append_flag(out, "cancelled", record.cancelled);
  if (record.error_code.empty()) {
    out += ",\"error\":null}\n";
  } else {
    append_member(out, "error", record.error_code, kNameLimit);
    out += "}\n";
  }
}

AccessLog::AccessLog(LineSink& sink, AccessLogOptions options) : sink_(sink), options_(options) {}

AccessLog::~AccessLog() {
  flush();
}

void AccessLog::append(const AccessRecord& record, TimePoint now) {
  if (buffer_.empty()) {
    oldest_ = now;
  }
  if (options_.format == LogFormat::Human) {
    append_human_line(buffer_, record, options_.utc_offset);
  } else {
    append_json_line(buffer_, record);
  }
  if (buffer_.size() >= options_.flush_bytes) {
    flush();
  } else {
    flush_if_due(now);
  }
}

void AccessLog::flush_if_due(TimePoint now) {
  if (!buffer_.empty() && now - oldest_ >= options_.flush_after) {
    flush();
  }
}

void AccessLog::flush() {
  if (!buffer_.empty()) {
    sink_.write_lines(buffer_);
    buffer_.clear();  // keeps its memory for the next lines
  }
}

}  // namespace waybill::telemetry
