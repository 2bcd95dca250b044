// Settlements that the database could not take: a full disk, a foreign lock.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"

#include "file.hpp"
#include "posting.hpp"

namespace waybill::ledger {

// A file that owns its blocks in advance, so that a full disk cannot refuse it.
// Frames (frames.hpp) of postings (posting.hpp) from the start, zeros after them.
//
// Replay may repeat after a crash between posting and clear(): posting is idempotent.
//
// Thread safety: none; the writer thread's.
class SpillFile {
 public:
  // Opens or makes `<database>.spill` and reads what a former run left.
  static Result<SpillFile> open(const std::string& database_path, std::size_t size);

  [[nodiscard]] const std::vector<Posting>& left_over() const noexcept { return left_over_; }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  // What is left is for the generations that are under way.
  [[nodiscard]] bool is_half_full() const noexcept { return used_ > size_ / 2; }

  // Durable when it returns.  Fails with "ledger_spill_full" (nothing was written) and
  // "ledger_unwritable" (assume nothing).
  Result<void> append(const std::vector<const Posting*>& postings);

  // Everything in it; for replay without keeping it in memory.
  Result<std::vector<Posting>> read() const;

  // Durable when it returns.
  Result<void> clear();

 private:
  SpillFile(File file, std::string path, std::size_t size) noexcept;

  File file_;
  std::string path_;
  std::size_t size_;
  std::size_t used_ = 0;
  std::string buffer_;
  std::vector<Posting> left_over_;
};

}  // namespace waybill::ledger
