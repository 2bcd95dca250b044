#include "sqlite.hpp"

#include <cstring>
#include <utility>

namespace waybill::ledger {

Error store_error(sqlite3* db, int code, std::string_view doing) {
  const int extended = db != nullptr ? sqlite3_extended_errcode(db) : code;
  const std::string what =
      std::string(doing) + ": " + sqlite3_errstr(extended) + " (" + std::to_string(extended) + ")";
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return {ErrorKind::Unavailable, "store_full", what + ". Free space on the ledger's disk."};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorKind::Unavailable, "store_busy",
              what + ". Close the program that holds the ledger's file."};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorKind::Internal, "ledger_corrupt",
              what + ". Run `waybill ledger verify`; restore the last backup if it fails."};
    default:
      return {ErrorKind::Internal, "store_failed", what + ". Check the disk, then start again."};
  }
}

// ------------------------------------------------------------------ Statement

Statement::Statement(sqlite3* db, sqlite3_stmt* statement)
    : db_(db),
      statement_(statement),
      bound_(static_cast<std::size_t>(sqlite3_bind_parameter_count(statement)) + 1) {}

void Statement::check_bind(int code) noexcept {
  if (code != SQLITE_OK && bind_fault_ == SQLITE_OK) {
    bind_fault_ = code;
  }
}

void Statement::bind(int index, std::int64_t value) noexcept {
  std::optional<std::int64_t>& bound = bound_[static_cast<std::size_t>(index)];
  if (bound == value) {
    return;
  }
  const int code = sqlite3_bind_int64(statement_.get(), index, value);
  check_bind(code);
  bound = code == SQLITE_OK ? std::optional(value) : std::nullopt;
}

void Statement::bind(int index, std::string_view text) noexcept {
  // A null pointer would bind NULL; an empty text is a text.
  const char* const data = text.data() != nullptr ? text.data() : "";
  bound_[static_cast<std::size_t>(index)].reset();
  check_bind(sqlite3_bind_text(statement_.get(), index, data, static_cast<int>(text.size()),
                               SQLITE_STATIC));
}

void Statement::bind(int index, std::span<const std::uint8_t> blob) noexcept {
  bound_[static_cast<std::size_t>(index)].reset();
  check_bind(sqlite3_bind_blob(statement_.get(), index, blob.data(), static_cast<int>(blob.size()),
                               SQLITE_STATIC));
}

void Statement::bind_null(int index) noexcept {
  bound_[static_cast<std::size_t>(index)].reset();
  check_bind(sqlite3_bind_null(statement_.get(), index));
}

Result<void> Statement::run() {
  auto row = next();
  reset();
  if (!row) {
    return row.error();
  }
  return {};
}

Result<bool> Statement::next() {
  if (bind_fault_ != SQLITE_OK) {
    const int fault = std::exchange(bind_fault_, SQLITE_OK);
    reset();
    return store_error(nullptr, fault, "The ledger could not pass a value to SQLite");
  }
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = store_error(db_, code, "The ledger's database refused a statement");
  reset();
  return error;
}

void Statement::reset() noexcept {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const noexcept {
  return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::is_null(int column) const noexcept {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::text(int column) const noexcept {
  const auto* const data =
      reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return data == nullptr
             ? std::string_view{}
             : std::string_view(
                   data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

std::string_view Statement::blob(int column) const noexcept {
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return data == nullptr
             ? std::string_view{}
             : std::string_view(
                   data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

bool Statement::blob_into(int column, std::span<std::uint8_t> out) const noexcept {
  const auto bytes = blob(column);
  if (bytes.size() != out.size()) {
    return false;
  }
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return true;
}

// ------------------------------------------------------------------ Connection

namespace {

// Nobody asks SQLite how much memory it uses, and counting costs two locks an allocation.
void stop_counting_memory() {
  // Fails without harm where something has used SQLite before.
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)once;
}

}  // namespace

Result<Connection> Connection::open(const std::string& path, int flags, const std::string& vfs) {
  stop_counting_memory();
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, vfs.empty() ? nullptr : vfs.c_str());
  Connection connection(db);
  if (code != SQLITE_OK) {
    return store_error(db, code, "The ledger's database cannot be opened");
  }
  sqlite3_extended_result_codes(db, 1);
  return connection;
}

Result<void> Connection::execute(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return store_error(db_.get(), code, "The ledger's database refused a command");
  }
  return {};
}

Result<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    return store_error(db_.get(), code, "The ledger's database does not have the expected tables");
  }
  return Statement(db_.get(), statement);
}

Result<std::int64_t> Connection::integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) {
    return statement.error();
  }
  const auto row = statement->next();
  if (!row) {
    return row.error();
  }
  return *row ? statement->integer(0) : 0;
}

}  // namespace waybill::ledger
