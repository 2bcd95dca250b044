#include "sqlite_store.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.hpp"
#include "file.hpp"
#include "schema.hpp"

namespace waybill::ledger {
namespace {

// Creates the file for its owner only; SQLite gives its companions the same mode.  One
// that exists is not opened here: closing it again would drop every POSIX lock that
// this process has on it.
Result<struct stat> prepare_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
  }
  struct stat info{};
  if ((fd < 0 && errno != EEXIST) || ::stat(path.c_str(), &info) != 0) {
    return file_error("Opening", path, errno);
  }
  return info;
}

int note_wal_pages(void* pages, sqlite3* /*db*/, const char* /*name*/, int count) {
  *static_cast<std::uint64_t*>(pages) = static_cast<std::uint64_t>(count);
  return SQLITE_OK;
}

}  // namespace

SqliteStore::SqliteStore(Connection connection, const Options& options)
    : path_(options.path),
      busy_timeout_(options.busy_timeout),
      connection_(std::move(connection)) {
  sqlite3_wal_hook(connection_.handle(), note_wal_pages, &wal_pages_);
}

SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const Options& options) {
  const auto info = prepare_file(options.path);
  if (!info) {
    return info.error();
  }
  auto connection = Connection::open(
      options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
      options.vfs);
  if (!connection) {
    return connection.error();
  }
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(*connection), options));
  store->device_ = info->st_dev;
  store->inode_ = info->st_ino;
  if (auto done = store->configure(options.durability); !done) {
    return done.error();
  }
  if (auto done = migrate(store->connection_); !done) {
    return done.error();
  }
  if (auto done = store->prepare_statements(); !done) {
    return done.error();
  }
  return store;
}

Result<void> SqliteStore::configure(Durability durability) {
  sqlite3* const db = connection_.handle();
  sqlite3_busy_timeout(db, static_cast<int>(busy_timeout_.count()));
  // Defensive: a tampered schema or file must not reach beyond reading.
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // A checkpoint on closing would flush again after a flush that failed.
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // Auto-checkpoint off means its own hook is gone; ours was set before and stays.
  const std::string pragmas =
      std::string("PRAGMA journal_mode = WAL; PRAGMA synchronous = ") +
      (durability == Durability::Strict ? "FULL" : "NORMAL") +
      "; PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
      " PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;";
  if (auto done = connection_.execute(pragmas.c_str()); !done) {
    return done;
  }
  auto mode = connection_.prepare("PRAGMA journal_mode");
  if (!mode) {
    return mode.error();
  }
  const auto row = mode->next();
  if (!row || !*row || mode->text(0) != "wal") {
    return Error(
        ErrorKind::Unavailable, "ledger_unwritable",
        "SQLite cannot use its write-ahead log here; the ledger needs a local file system.");
  }
  return {};
}

Result<void> SqliteStore::prepare_statements() {
  const std::string find = select_generation_sql() + "WHERE gen_id = ?";
  const std::array<std::pair<Statement*, std::string_view>, 10> wanted{{
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&insert_, insert_generation_sql()},
      {&insert_attempt_, kInsertAttempt},
      {&find_, find},
      {&attempts_, kSelectAttempts},
      {&put_account_, "UPDATE account SET debits = ?, credits = ? WHERE id = ?"},
      {&day_usage_, "SELECT amount, generations FROM key_day WHERE key_id = ? AND day = ?"},
      {&put_day_usage_,
       "INSERT INTO key_day VALUES (?, ?, ?, ?)"
       " ON CONFLICT (key_id, day) DO UPDATE SET amount = excluded.amount, generations = "
       "excluded.generations"},
      {&put_idempotency_,
       "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)"
       " ON CONFLICT (key_id, key_hash) DO UPDATE SET body_hash = excluded.body_hash,"
       " gen_id = excluded.gen_id, expires = excluded.expires WHERE excluded.expires > expires"},
  }};
  for (const auto& [statement, sql] : wanted) {
    auto prepared = connection_.prepare(sql);
    if (!prepared) {
      return prepared.error();
    }
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> SqliteStore::begin() {
  return begin_.run();
}

Result<void> SqliteStore::commit() {
  return commit_.run();
}

void SqliteStore::rollback() noexcept {
  // SQLite may have rolled back by itself (full disk); then there is nothing to do.
  if (sqlite3_get_autocommit(connection_.handle()) == 0) {
    sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

Result<Inserted> SqliteStore::insert(const Position& position,
                                     const Settlement& settlement,
                                     const Sha256& hash) {
  bind_generation(insert_, position, settlement, hash);
  if (auto done = insert_.run(); !done) {
    return done.error();
  }
  if (sqlite3_changes(connection_.handle()) == 0) {
    return Inserted::Exists;
  }
  std::int64_t place = 0;
  for (const FailedAttempt& attempt : settlement.failed_attempts) {
    bind_attempt(insert_attempt_, position.seq, place++, attempt);
    if (auto done = insert_attempt_.run(); !done) {
      return done.error();
    }
  }
  return Inserted::Yes;
}

Result<std::optional<StoredGeneration>> SqliteStore::find(const GenerationId& id) {
  find_.bind(1, std::span<const std::uint8_t>(id.bytes()));
  const auto row = find_.next();
  if (!row) {
    return row.error();
  }
  if (!*row) {
    return std::optional<StoredGeneration>{};
  }
  auto whole = read_whole(find_, attempts_);
  find_.reset();
  if (!whole) {
    return whole.error();
  }
  return std::optional(std::move(*whole));
}

Result<void> SqliteStore::visit_rows(std::int64_t after, const VisitRow& visit) {
  return visit_journal(connection_, attempts_, after, visit);
}

Result<void> SqliteStore::put_account(const Account& account) {
  const BalanceBytes debits = to_bytes(account.debits);
  const BalanceBytes credits = to_bytes(account.credits);
  put_account_.bind(1, std::span<const std::uint8_t>(debits));
  put_account_.bind(2, std::span<const std::uint8_t>(credits));
  put_account_.bind(3, account.id);
  return put_account_.run();
}

Result<DayUsage> SqliteStore::day_usage(KeyId key, Day day) {
  day_usage_.bind(1, key);
  day_usage_.bind(2, day);
  const auto row = day_usage_.next();
  if (!row) {
    return row.error();
  }
  DayUsage usage;
  if (*row) {
    BalanceBytes amount{};
    const bool sound = day_usage_.blob_into(0, amount);
    usage = {.amount = from_bytes(amount), .generations = day_usage_.integer(1)};
    day_usage_.reset();
    if (!sound) {
      return Error(ErrorKind::Internal, "ledger_corrupt",
                   "The daily sums of key " + std::to_string(key) +
                       " are damaged; run `waybill ledger verify`.");
    }
  }
  return usage;
}

Result<void> SqliteStore::put_day_usage(KeyId key, Day day, const DayUsage& usage) {
  const BalanceBytes amount = to_bytes(usage.amount);
  put_day_usage_.bind(1, key);
  put_day_usage_.bind(2, day);
  put_day_usage_.bind(3, std::span<const std::uint8_t>(amount));
  put_day_usage_.bind(4, usage.generations);
  return put_day_usage_.run();
}

Result<bool> SqliteStore::tidy(Effort effort) {
  sqlite3* const db = connection_.handle();
  const int mode =
      effort == Effort::Truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int in_log = 0;
  int moved = 0;
  // A reader in the way is no reason to keep settlements waiting.
  sqlite3_busy_timeout(db, 0);
  const int code = sqlite3_wal_checkpoint_v2(db, nullptr, mode, &in_log, &moved);
  sqlite3_busy_timeout(db, static_cast<int>(busy_timeout_.count()));
  switch (code & 0xFF) {
    case SQLITE_OK: break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL: return false;
    default: return store_error(db, code, "The ledger's checkpoint failed");
  }
  const bool all = in_log == moved;
  if (all) {
    wal_pages_ = 0;
  }
  return all;
}

Result<void> SqliteStore::still_there() {
  struct stat info{};
  const bool same =
      ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
  // What was committed since the last checkpoint stands in the log alone.
  if (same && ::stat((path_ + "-wal").c_str(), &info) == 0) {
    return {};
  }
  return Error(ErrorKind::Internal, "ledger_replaced",
               "The ledger's file " + path_ +
                   ", or its log beside it, was deleted or replaced while it was in use; put it "
                   "back and restart.");
}

}  // namespace waybill::ledger
