// What verify() does with signed checkpoints: those of the database, and the lines of
// the second file, which a rewritten database does not take along.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/ledger/reader.hpp"

#include "audit.hpp"
#include "checkpoint.hpp"
#include "sqlite.hpp"

namespace waybill::ledger {

// Call in this order: gather() before the database is read, so that no line is newer
// than what is read; load(); reached() at row 0 and after each row; finish().
class CheckpointAudit {
 public:
  void gather(const CheckpointFiles& files, const std::string& ledger_path);

  // Reads the checkpoint rows.  Fails with "ledger_corrupt" for a damaged one.
  Result<void> load(Connection& connection, const LaneId& lane);

  // Compares what was once signed for the row that the walk stands on.  `settled` is
  // that row's.  Fails with "ledger_corrupt".
  Result<void> reached(const ChainWalk& walk, WallTime settled);

  // Every checkpoint was met, the last is signed by the ledger's key, and no more rows
  // follow it than the writer leaves unsigned.
  Result<void> finish(const ChainWalk& walk);

  // Counts and notes.
  void describe(VerifyReport& report) const;

 private:
  void read_lines();
  void keep_last_branch();
  Result<void> load_row(const Statement& stored);
  [[nodiscard]] Result<void> check_row(const Checkpoint& row, const ChainWalk& walk);
  [[nodiscard]] Result<void> check_line(const Checkpoint& line, const ChainWalk& walk);
  [[nodiscard]] bool is_row(const Checkpoint& line) const;
  [[nodiscard]] Result<void> check_unsigned();
  [[nodiscard]] Result<void> check_end(const ChainWalk& walk) const;
  [[nodiscard]] Result<void> check_tail(const ChainWalk& walk) const;
  void note(std::string sentence) { notes_.push_back(std::move(sentence)); }

  std::string path_;                  // of the second file
  std::optional<PublicKey> trusted_;  // the ledger's key, from outside the database
  bool has_file_ = false;
  std::size_t unreadable_lines_ = 0;
  std::size_t left_behind_ = 0;  // lines of rows that a restored copy replaced
  std::vector<CheckpointLine> gathered_;
  LaneId lane_{};
  std::multimap<std::int64_t, Checkpoint> rows_;  // by seq, in the order they were made
  std::multimap<std::int64_t, Checkpoint> lines_;
  std::optional<Checkpoint> last_signed_;  // of the rows
  WallTime last_signed_settled_;           // of the row it was taken at
  WallTime head_settled_;
  std::size_t rows_checked_ = 0;
  std::size_t signed_rows_ = 0;
  std::size_t lines_checked_ = 0;
  std::size_t rows_without_line_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace waybill::ledger
