// The second place of signed checkpoints: a file that only grows, best on another disk.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/ledger/reader.hpp"

namespace waybill::ledger {

// The files as set, else their places beside the ledger.
[[nodiscard]] std::string checkpoint_lines_path(const CheckpointFiles& files,
                                                const std::string& ledger_path);
[[nodiscard]] std::string signing_key_path(const CheckpointFiles& files,
                                           const std::string& ledger_path);
// Where the public half stands, whatever holds the secret one.
[[nodiscard]] std::string public_key_path(const std::string& ledger_path);

// Opened for each use and closed again, so that it may be rotated, and that its disk may
// come and go.  Not flushed: what power loss takes of it is one line, which start-up
// writes again.
//
// Thread safety: none; the writer thread's.
class CheckpointFile {
 public:
  explicit CheckpointFile(std::string path) : path_(std::move(path)) {}

  // Appends the lines, after those that could not be written before.  On failure, code
  // "checkpoints_unwritable", all are kept for the next call, the oldest dropped above
  // kMostWaiting.
  Result<void> append(const std::vector<std::string>& lines);

  // The last line that is whole; empty where there is none.
  [[nodiscard]] std::string last_line() const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  static constexpr std::size_t kMostWaiting = 4096;  // lines; some days of a busy ledger

 private:
  std::string path_;
  std::vector<std::string> waiting_;
};

}  // namespace waybill::ledger
