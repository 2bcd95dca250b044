#include "generation_row.hpp"

#include <array>
#include <limits>
#include <string_view>
#include <utility>

namespace waybill::ledger {
namespace {

constexpr std::array<std::string_view, 46> kColumns{"seq",
                                                    "gen_id",
                                                    "settled",
                                                    "customer_debit",
                                                    "customer_credit",
                                                    "cost",
                                                    "provider_debit",
                                                    "provider_credit",
                                                    "provider_cost",
                                                    "cost_prompt",
                                                    "cost_completion",
                                                    "price_version",
                                                    "key_id",
                                                    "api",
                                                    "outcome",
                                                    "usage_source",
                                                    "provider_basis",
                                                    "streamed",
                                                    "cancelled",
                                                    "anomaly",
                                                    "model",
                                                    "provider",
                                                    "endpoint",
                                                    "upstream_model",
                                                    "upstream_id",
                                                    "finish_reason",
                                                    "native_finish_reason",
                                                    "error_code",
                                                    "prompt_tokens",
                                                    "cached_read_tokens",
                                                    "cache_write_tokens",
                                                    "audio_prompt_tokens",
                                                    "completion_tokens",
                                                    "reasoning_tokens",
                                                    "audio_completion_tokens",
                                                    "image_completion_tokens",
                                                    "images",
                                                    "requests",
                                                    "status",
                                                    "attempt",
                                                    "failed_attempts",
                                                    "created",
                                                    "first_token",
                                                    "upstream_latency",
                                                    "duration",
                                                    "hash"};

std::string joined_columns() {
  std::string out;
  for (const auto column : kColumns) {
    out.append(out.empty() ? "" : ", ").append(column);
  }
  return out;
}

// Binds in the order of kColumns.
class Binder {
 public:
  explicit Binder(Statement& statement) noexcept : statement_(statement) {}

  template <class Value>
  void add(const Value& value) noexcept {
    ++index_;
    if constexpr (std::is_enum_v<Value> || std::is_integral_v<Value>) {
      statement_.bind(index_, static_cast<std::int64_t>(value));
    } else if constexpr (std::is_same_v<Value, Money>) {
      statement_.bind(index_, value.count());
    } else if constexpr (std::is_same_v<Value, WallTime>) {
      statement_.bind(index_, std::int64_t{value.time_since_epoch().count()});
    } else if constexpr (std::is_same_v<Value, microseconds>) {
      statement_.bind(index_, std::int64_t{value.count()});
    } else if constexpr (std::is_same_v<Value, std::string>) {
      statement_.bind(index_, std::string_view(value));
    } else {
      statement_.bind(index_, std::span<const std::uint8_t>(value));
    }
  }
  void add(const std::optional<microseconds>& value) noexcept {
    if (value) {
      add(*value);
    } else {
      statement_.bind_null(++index_);
    }
  }

 private:
  Statement& statement_;
  int index_ = 0;
};

// Reads in the order of kColumns; what is out of range clears ok().
class Row {
 public:
  explicit Row(const Statement& statement) noexcept : statement_(statement) {}

  std::int64_t integer() noexcept { return statement_.integer(++column_); }
  template <class T>
  T within(std::int64_t largest) noexcept {
    const std::int64_t value = integer();
    const bool good = value >= 0 && value <= largest;
    ok_ = ok_ && good;
    return static_cast<T>(good ? value : 0);
  }
  template <class Enum>
  Enum enumerator(Enum last) noexcept {
    return within<Enum>(static_cast<std::int64_t>(last));
  }
  bool flag() noexcept { return within<std::uint8_t>(1) != 0; }
  // Unsigned counts live in signed columns; the bits are kept.
  std::uint64_t count() noexcept { return static_cast<std::uint64_t>(integer()); }
  Money money() noexcept { return Money::picodollars(integer()); }
  WallTime time() noexcept { return WallTime(microseconds(integer())); }
  std::string text() { return std::string(statement_.text(++column_)); }
  template <std::size_t N>
  void blob(std::array<std::uint8_t, N>& out) noexcept {
    ok_ = statement_.blob_into(++column_, out) && ok_;
  }
  std::optional<microseconds> optional_span() noexcept {
    ++column_;
    return statement_.is_null(column_) ? std::nullopt
                                       : std::optional(microseconds(statement_.integer(column_)));
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  const Statement& statement_;
  int column_ = -1;
  bool ok_ = true;
};

void read_texts(Row& row, Settlement& s) {
  s.model = row.text();
  s.provider = row.text();
  s.endpoint = row.text();
  s.upstream_model = row.text();
  s.upstream_id = row.text();
  s.finish_reason = row.text();
  s.native_finish_reason = row.text();
  s.error_code = row.text();
}

void read_counts(Row& row, catalog::UsageCounts& counts) {
  counts.prompt = row.count();
  counts.cached_read = row.count();
  counts.cache_write = row.count();
  counts.audio_prompt = row.count();
  counts.completion = row.count();
  counts.reasoning = row.count();
  counts.audio_completion = row.count();
  counts.image_completion = row.count();
  counts.images = row.count();
  counts.requests = row.count();
}

}  // namespace

const std::string& insert_generation_sql() {
  static const std::string sql = [] {
    std::string marks = "?";
    for (std::size_t i = 1; i < kColumns.size(); ++i) {
      marks += ",?";
    }
    return "INSERT INTO generation (" + joined_columns() + ") VALUES (" + marks +
           ") ON CONFLICT (gen_id) DO NOTHING";
  }();
  return sql;
}

const std::string& select_generation_sql() {
  static const std::string sql = "SELECT " + joined_columns() + " FROM generation ";
  return sql;
}

void bind_generation(Statement& statement,
                     const Position& position,
                     const Settlement& s,
                     const Sha256& hash) {
  Binder row(statement);
  row.add(position.seq);
  row.add(s.generation.bytes());
  row.add(position.settled);
  row.add(position.legs.customer_debit);
  row.add(position.legs.customer_credit);
  row.add(s.cost.total);
  row.add(position.legs.provider_debit);
  row.add(position.legs.provider_credit);
  row.add(s.provider_cost);
  row.add(s.cost.prompt);
  row.add(s.cost.completion);
  row.add(s.price_version);
  row.add(s.key);
  row.add(s.api);
  row.add(s.outcome);
  row.add(s.usage_source);
  row.add(s.provider_basis);
  row.add(s.streamed);
  row.add(s.cancelled);
  row.add(s.anomaly);
  for (const std::string* text :
       {&s.model, &s.provider, &s.endpoint, &s.upstream_model, &s.upstream_id, &s.finish_reason,
        &s.native_finish_reason, &s.error_code}) {
    row.add(*text);
  }
  const catalog::UsageCounts& counts = s.counts;
  for (const std::uint64_t count :
       {counts.prompt, counts.cached_read, counts.cache_write, counts.audio_prompt,
        counts.completion, counts.reasoning, counts.audio_completion, counts.image_completion,
        counts.images, counts.requests}) {
    row.add(count);
  }
  row.add(s.status);
  row.add(s.attempt);
  row.add(s.failed_attempts.size());
  row.add(s.created);
  row.add(s.first_token);
  row.add(s.upstream_latency);
  row.add(s.duration);
  row.add(hash);
}

bool read_generation(const Statement& statement, StoredGeneration& out, std::size_t& attempts) {
  Row row(statement);
  Settlement& s = out.settlement;
  GenerationId::Bytes id{};
  out.position.seq = row.integer();
  row.blob(id);
  s.generation = GenerationId(id);
  out.position.settled = row.time();
  out.position.legs.customer_debit = row.integer();
  out.position.legs.customer_credit = row.integer();
  s.cost.total = row.money();
  out.position.legs.provider_debit = row.integer();
  out.position.legs.provider_credit = row.integer();
  s.provider_cost = row.money();
  s.cost.prompt = row.money();
  s.cost.completion = row.money();
  s.price_version = row.text();
  s.key = row.integer();
  s.api = row.enumerator(kLastEndpoint);
  s.outcome = row.enumerator(Outcome::Voided);
  s.usage_source = row.enumerator(UsageSource::None);
  s.provider_basis = row.enumerator(ProviderCostBasis::Unknown);
  s.streamed = row.flag();
  s.cancelled = row.flag();
  s.anomaly = row.flag();
  read_texts(row, s);
  read_counts(row, s.counts);
  s.status = row.within<std::uint16_t>(std::numeric_limits<std::uint16_t>::max());
  s.attempt = row.within<std::uint32_t>(std::numeric_limits<std::uint32_t>::max());
  attempts = row.within<std::size_t>(std::numeric_limits<std::uint32_t>::max());
  s.created = row.time();
  s.first_token = row.optional_span();
  s.upstream_latency = microseconds(row.integer());
  s.duration = microseconds(row.integer());
  row.blob(out.hash);
  return row.ok();
}

void bind_attempt(Statement& statement,
                  std::int64_t seq,
                  std::int64_t position,
                  const FailedAttempt& attempt) {
  Binder row(statement);
  row.add(seq);
  row.add(position);
  row.add(attempt.number);
  row.add(attempt.provider);
  row.add(attempt.endpoint);
  row.add(attempt.upstream_model);
  row.add(attempt.status);
  row.add(attempt.error_code);
  row.add(attempt.latency);
  row.add(attempt.provider_cost);
}

Result<std::vector<FailedAttempt>> read_attempts(Statement& select, std::int64_t seq) {
  std::vector<FailedAttempt> out;
  select.bind(1, seq);
  auto done = each_row(select, [&](const Statement& stored) -> Result<void> {
    Row row(stored);
    FailedAttempt attempt;
    attempt.number = row.within<std::uint32_t>(std::numeric_limits<std::uint32_t>::max());
    attempt.provider = row.text();
    attempt.endpoint = row.text();
    attempt.upstream_model = row.text();
    attempt.status = row.within<std::uint16_t>(std::numeric_limits<std::uint16_t>::max());
    attempt.error_code = row.text();
    attempt.latency = microseconds(row.integer());
    attempt.provider_cost = row.money();
    out.push_back(std::move(attempt));
    return {};
  });
  if (!done) {
    return done.error();
  }
  return out;
}

Result<StoredGeneration> read_whole(const Statement& statement, Statement& select_attempts) {
  StoredGeneration row;
  std::size_t attempts = 0;
  if (!read_generation(statement, row, attempts)) {
    return Error(ErrorKind::Internal, "ledger_corrupt",
                 "Row " + std::to_string(row.position.seq) +
                     " of the ledger holds a value out of its range.");
  }
  if (attempts > 0) {
    auto failed = read_attempts(select_attempts, row.position.seq);
    if (!failed) {
      return failed.error();
    }
    row.settlement.failed_attempts = std::move(*failed);
  }
  return row;
}

}  // namespace waybill::ledger
