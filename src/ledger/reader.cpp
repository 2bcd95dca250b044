#include "waybill/ledger/reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "books.hpp"
#include "bytes.hpp"
#include "checkpoint_audit.hpp"
#include "file.hpp"
#include "generation_row.hpp"
#include "read_connection.hpp"
#include "schema.hpp"
#include "sqlite_store.hpp"

namespace waybill::ledger {
namespace {

// Generation ids begin with their second, so that times are ranges of the id's index.
GenerationId::Bytes first_id_of(WallTime time) {
  GenerationId::Bytes bytes{};
  const auto whole = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  constexpr std::int64_t kLatest = std::numeric_limits<std::uint32_t>::max();
  const auto seconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(whole, 0, kLatest));
  for (std::size_t i = 0; i < sizeof(seconds); ++i) {
    bytes[i] = static_cast<std::uint8_t>(seconds >> (8 * (sizeof(seconds) - 1 - i)));
  }
  return bytes;
}

std::string file_uri(const std::string& path) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  std::string uri = "file:";
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos) {
      uri += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      uri += '%';
      uri += to_hex({&byte, 1});
    }
  }
  return uri + "?mode=ro";
}

struct DayRanges {
  Day today;
  Day week;
  Day month;
};

DayRanges ranges_of(WallTime now) {
  using std::chrono::days;
  const auto today = std::chrono::floor<days>(now);
  const std::chrono::weekday weekday(today);
  const std::chrono::year_month_day date(today);
  const std::chrono::sys_days month_start = date.year() / date.month() / 1;
  return {.today = today.time_since_epoch().count(),
          .week = today.time_since_epoch().count() - static_cast<Day>(weekday.iso_encoding() - 1),
          .month = month_start.time_since_epoch().count()};
}

std::string_view group_sql(ReportGroup group) noexcept {
  switch (group) {
    case ReportGroup::Model: return "model";
    case ReportGroup::Key:
      return "coalesce((SELECT label FROM api_key WHERE id = key_id), 'key ' || key_id)";
    case ReportGroup::Day: return "strftime('%Y-%m-%d', created / 1000000, 'unixepoch')";
    case ReportGroup::Provider: return "provider";
  }
  return "model";
}

Error damaged_sums() {
  return {ErrorKind::Internal, "ledger_corrupt",
          "The daily sums are damaged; run `waybill ledger verify`."};
}

}  // namespace

// ------------------------------------------------------------------ connection

Result<std::unique_ptr<ReadConnection>> ReadConnection::open(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    return Error(
        ErrorKind::NotFound, "ledger_missing",
        "There is no ledger at " + path + "; start the daemon once, or name the right path.");
  }
  auto opened = Connection::open(file_uri(path),
                                 SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX);
  if (!opened) {
    return Error(ErrorKind::Unavailable, "ledger_unreadable", opened.error().detail());
  }
  std::unique_ptr<ReadConnection> self(new ReadConnection(std::move(*opened)));
  sqlite3* const db = self->connection_.handle();
  sqlite3_busy_timeout(db, 2000);
  // The writer alone checkpoints, also when this is the last connection to close.
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (auto done = self->connection_.execute(
          "PRAGMA query_only = ON; PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;");
      !done) {
    return done.error();
  }
  if (auto done = check_schema(self->connection_); !done) {
    return done.error();
  }
  auto find = self->connection_.prepare(select_generation_sql() + "WHERE gen_id = ?");
  auto attempts = self->connection_.prepare(kSelectAttempts);
  auto refunds = self->connection_.prepare(kSelectRefunds);
  if (!find || !attempts || !refunds) {
    return (!find ? find : !attempts ? attempts : refunds).error();
  }
  self->find_ = std::move(*find);
  self->attempts_ = std::move(*attempts);
  self->refunds_ = std::move(*refunds);
  return self;
}

LedgerReader::LedgerReader(std::unique_ptr<ReadConnection> connection, std::string path)
    : connection_(std::move(connection)),
      path_(std::move(path)) {}
LedgerReader::~LedgerReader() = default;

Result<std::unique_ptr<LedgerReader>> LedgerReader::open(const std::string& path) {
  auto connection = ReadConnection::open(path);
  if (!connection) {
    return connection.error();
  }
  return std::unique_ptr<LedgerReader>(new LedgerReader(std::move(*connection), path));
}

// ------------------------------------------------------------------ queries

namespace {

// The current row of `select`, with its attempts and what was given back.
Result<GenerationRecord> read_record(const Statement& select, ReadConnection& connection) {
  auto row = read_whole(select, connection.attempts());
  if (!row) {
    return row.error();
  }
  const auto refunded = sum_refunds(connection.refunds(), row->settlement.generation);
  if (!refunded) {
    return refunded.error();
  }
  return GenerationRecord{.seq = row->position.seq,
                          .settled = row->position.settled,
                          .settlement = std::move(row->settlement),
                          .refunded = *refunded};
}

}  // namespace

Result<std::optional<GenerationRecord>> LedgerReader::find_generation(const GenerationId& id) {
  const std::scoped_lock lock(mutex_);
  Statement& find = connection_->find();
  find.bind(1, std::span<const std::uint8_t>(id.bytes()));
  const auto found = find.next();
  if (!found) {
    return found.error();
  }
  if (!*found) {
    return std::optional<GenerationRecord>{};
  }
  auto record = read_record(find, *connection_);
  find.reset();
  if (!record) {
    return record.error();
  }
  return std::optional(std::move(*record));
}

Result<std::vector<GenerationRecord>> LedgerReader::list_generations(
    const GenerationFilter& filter) {
  const std::scoped_lock lock(mutex_);
  auto select = connection_->sqlite().prepare(select_generation_sql() +
                                              "WHERE gen_id >= ?1 AND gen_id < ?2 AND (?3 IS NULL "
                                              "OR key_id = ?3) AND (?4 IS NULL OR model = ?4)"
                                              " ORDER BY gen_id DESC LIMIT ?5");
  if (!select) {
    return select.error();
  }
  const GenerationId::Bytes from = first_id_of(filter.from.value_or(WallTime{}));
  GenerationId::Bytes until{};
  until.fill(0xFF);
  if (filter.until) {
    until = first_id_of(*filter.until);
  }
  select->bind(1, std::span<const std::uint8_t>(from));
  select->bind(2, std::span<const std::uint8_t>(until));
  if (filter.key) {
    select->bind(3, *filter.key);
  }
  if (filter.model) {
    select->bind(4, std::string_view(*filter.model));
  }
  select->bind(5, static_cast<std::int64_t>(filter.limit));
  std::vector<GenerationRecord> out;
  auto done = each_row(*select, [&](const Statement& row) -> Result<void> {
    auto record = read_record(row, *connection_);
    if (!record) {
      return record.error();
    }
    out.push_back(std::move(*record));
    return {};
  });
  if (!done) {
    return done.error();
  }
  return out;
}

Result<std::vector<KeyRecord>> LedgerReader::list_keys() {
  const std::scoped_lock lock(mutex_);
  return read_keys(connection_->sqlite());
}

Result<KeyUsage> LedgerReader::key_usage(KeyId key, WallTime now) {
  const std::scoped_lock lock(mutex_);
  auto select = connection_->sqlite().prepare(
      "SELECT day, amount, generations, 0 FROM key_day WHERE key_id = ?1"
      " UNION ALL SELECT created / 86400000000, zeroblob(16), 1, cost FROM generation"
      " WHERE seq > (" +
      std::string(kSelectBalancesAt) + ") AND key_id = ?1");
  if (!select) {
    return select.error();
  }
  select->bind(1, key);
  const DayRanges ranges = ranges_of(now);
  std::array<Int128, 4> sums{};  // total, today, week, month
  KeyUsage usage;
  auto done = each_row(*select, [&](const Statement& row) -> Result<void> {
    BalanceBytes bytes{};
    if (!row.blob_into(1, bytes)) {
      return damaged_sums();
    }
    const Day day = row.integer(0);
    const Int128 amount = from_bytes(bytes) + row.integer(3);
    if (amount < 0 || amount > Int128{row.integer(2)} * Money::largest_entry().count()) {
      return damaged_sums();
    }
    sums[0] += amount;
    sums[1] += day >= ranges.today ? amount : 0;
    sums[2] += day >= ranges.week ? amount : 0;
    sums[3] += day >= ranges.month ? amount : 0;
    usage.generations += static_cast<std::uint64_t>(row.integer(2));
    return {};
  });
  if (!done) {
    return done.error();
  }
  const std::array targets{&usage.total, &usage.today, &usage.this_week, &usage.this_month};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    *targets[i] = MoneySum::picodollars(sums[i]);
  }
  return usage;
}

Result<std::vector<ReportRow>> LedgerReader::report(ReportGroup group,
                                                    WallTime from,
                                                    WallTime until) {
  const std::scoped_lock lock(mutex_);
  // SQLite's integer sum fails on overflow: amounts are summed in two halves, and token
  // counts, which a free model lets anybody inflate, as floating point.
  const std::string sql =
      "SELECT " + std::string(group_sql(group)) +
      ", count(*), total(prompt_tokens), total(completion_tokens),"
      " sum(cost >> 32), sum(cost & 4294967295),"
      " sum(provider_cost >> 32), sum(provider_cost & 4294967295),"
      " sum(ifnull(refunded, 0) >> 32), sum(ifnull(refunded, 0) & 4294967295)"
      " FROM generation LEFT JOIN"
      " (SELECT gen_id, sum(refund) AS refunded FROM adjustment GROUP BY gen_id)"
      " USING (gen_id) WHERE gen_id >= ? AND gen_id < ?"
      " GROUP BY 1 ORDER BY total(cost) DESC, 1";
  auto select = connection_->sqlite().prepare(sql);
  if (!select) {
    return select.error();
  }
  const GenerationId::Bytes first = first_id_of(from);
  const GenerationId::Bytes end = first_id_of(until);
  select->bind(1, std::span<const std::uint8_t>(first));
  select->bind(2, std::span<const std::uint8_t>(end));
  std::vector<ReportRow> out;
  auto done = each_row(*select, [&](const Statement& row) -> Result<void> {
    const auto halves = [&](int column) {
      return MoneySum::picodollars((Int128{row.integer(column)} << 32) + row.integer(column + 1));
    };
    out.push_back({.group = std::string(row.text(0)),
                   .generations = static_cast<std::uint64_t>(row.integer(1)),
                   .prompt_tokens = static_cast<std::uint64_t>(row.integer(2)),
                   .completion_tokens = static_cast<std::uint64_t>(row.integer(3)),
                   .cost = halves(4),
                   .refunded = halves(8),
                   .provider_cost = halves(6)});
    return {};
  });
  if (!done) {
    return done.error();
  }
  return out;
}

// ------------------------------------------------------------------ upkeep

Result<VerifyReport> LedgerReader::verify(const std::function<void(VerifyProgress)>& progress,
                                          const CheckpointFiles& files) {
  const std::scoped_lock lock(mutex_);
  CheckpointAudit checkpoints;
  checkpoints.gather(files, path_);
  return verify_ledger(*connection_, checkpoints, progress);
}

Result<void> LedgerReader::quick_check() {
  const std::scoped_lock lock(mutex_);
  sqlite3* const db = connection_->sqlite().handle();
  auto check = connection_->sqlite().prepare("PRAGMA quick_check(1)");
  if (!check) {
    return check.error();
  }
  // sqlite3_interrupt() alone says nothing to a statement that has not begun.
  const auto is_stopped = [](void* stopped) {
    return static_cast<std::atomic<bool>*>(stopped)->load() ? 1 : 0;
  };
  sqlite3_progress_handler(db, 1, is_stopped, &check_stopped_);
  const auto row = check->next();
  sqlite3_progress_handler(db, 0, nullptr, nullptr);
  if (!row && check_stopped_.load()) {
    return Error(ErrorKind::Cancelled, "cancelled", "The check of the ledger was called off.");
  }
  if (!row) {
    return row.error();
  }
  if (!*row || check->text(0) != "ok") {
    return Error(ErrorKind::Internal, "ledger_corrupt",
                 "SQLite finds the ledger damaged (" + std::string(check->text(0)) +
                     "); restore the last backup.");
  }
  return {};
}

void LedgerReader::stop_quick_check() noexcept {
  check_stopped_.store(true);
  sqlite3_interrupt(connection_->sqlite().handle());
}

Result<void> LedgerReader::backup(const std::string& path) {
  // As closed to others as the ledger is.
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0) {
    return errno == EEXIST
               ? Error(ErrorKind::InvalidRequest, "backup_exists",
                       "There is a file at " + path + " already; a backup never overwrites one.")
               : file_error("Making", path, errno);
  }
  ::close(made);
  auto done = copy_to(path);
  if (!done) {
    ::unlink(path.c_str());
  }
  return done;
}

Result<void> LedgerReader::copy_to(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  auto target = Connection::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX);
  if (!target) {
    return target.error();
  }
  sqlite3* const to = target->handle();
  sqlite3_backup* const backup =
      sqlite3_backup_init(to, "main", connection_->sqlite().handle(), "main");
  if (backup == nullptr) {
    return store_error(to, sqlite3_errcode(to), "The backup could not begin");
  }
  const int stepped = sqlite3_backup_step(backup, -1);  // all pages: one consistent view
  const int finished = sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE || finished != SQLITE_OK) {
    return store_error(to, finished != SQLITE_OK ? finished : stepped,
                       "The backup could not be written");
  }
  return {};
}

}  // namespace waybill::ledger
