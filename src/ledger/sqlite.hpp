// SQLite's C interface with owners and Results.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "waybill/base/result.hpp"

namespace waybill::ledger {

// The kind says what the writer does about it:
//   Unavailable  "store_full", "store_busy": nothing was written; spill, try again later
//   Internal     "store_failed", "ledger_corrupt": stop, a restart reads from disk
[[nodiscard]] Error store_error(sqlite3* db, int code, std::string_view doing);

// A prepared statement.  bind_*() keep no copy: what they are given must live until
// run() or the last next().  Parameters and columns count from 1 and 0, as in SQLite.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, sqlite3_stmt* statement);

  // What is bound stays bound, so that an integer which is as in the row before costs a
  // comparison.
  void bind(int index, std::int64_t value) noexcept;
  void bind(int index, std::string_view text) noexcept;
  void bind(int index, std::span<const std::uint8_t> blob) noexcept;
  void bind_null(int index) noexcept;

  // For statements without rows.  Resets the statement, whatever came of it.
  Result<void> run();
  // True: a row is there to be read.  False: no more; the statement is reset.
  Result<bool> next();
  void reset() noexcept;

  [[nodiscard]] std::int64_t integer(int column) const noexcept;
  [[nodiscard]] bool is_null(int column) const noexcept;
  // Valid until the next call of next() or reset().
  [[nodiscard]] std::string_view text(int column) const noexcept;
  [[nodiscard]] std::string_view blob(int column) const noexcept;
  // The blob if it has exactly that size, else false and `out` is unchanged.
  [[nodiscard]] bool blob_into(int column, std::span<std::uint8_t> out) const noexcept;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };

  void check_bind(int code) noexcept;

  sqlite3* db_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::vector<std::optional<std::int64_t>> bound_;  // integers, by parameter; 0 is unused
  int bind_fault_ = SQLITE_OK;                      // the first, reported by run() or next()
};

// Calls `visit` with each row that is left, until it returns an error.
template <class Visit>
Result<void> each_row(Statement& select, Visit visit) {
  for (;;) {
    const auto more = select.next();
    if (!more) {
      return more.error();
    }
    if (!*more) {
      return {};
    }
    if (Result<void> done = visit(std::as_const(select)); !done) {
      select.reset();
      return done;
    }
  }
}

class Connection {
 public:
  // `flags` as for sqlite3_open_v2; `vfs` empty for the system's.
  static Result<Connection> open(const std::string& path, int flags, const std::string& vfs = {});

  Result<void> execute(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  // The one integer a query yields.
  Result<std::int64_t> integer(std::string_view sql);

  [[nodiscard]] sqlite3* handle() const noexcept { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
  };
  explicit Connection(sqlite3* db) noexcept : db_(db) {}

  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace waybill::ledger
