// Settlements that the database could not take: a full disk, a foreign lock.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"

#include "file.hpp"
#include "frames.hpp"
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

  // What it holds, up to the first frame that is no whole posting.
  struct Content {
    std::vector<Posting> postings;
    FrameEnd end = FrameEnd::Clean;  // damaged by a torn last write as well, which nobody was told
  };
  [[nodiscard]] const Content& left_over() const noexcept { return left_over_; }
  // What is left is for the generations that are under way.
  [[nodiscard]] bool is_half_full() const noexcept { return used_ > size_ / 2; }

  // Durable when it returns.  Fails with "ledger_spill_full" (nothing was written) and
  // "ledger_unwritable" (assume nothing).
  Result<void> append(const std::vector<const Posting*>& postings);

  // Everything in it; for replay without keeping it in memory.
  Result<Content> read() const;

  // Durable when it returns.
  Result<void> clear();
  // Begins anew, and keeps the file as `<path>.<name>` for whoever looks into it.  Returns
  // where.  Durable when it returns.
  Result<std::string> set_aside(const std::string& name);

 private:
  SpillFile(File file, std::string path, std::size_t size) noexcept;
  static Result<SpillFile> make(std::string path, std::size_t size);

  File file_;
  std::string path_;
  std::size_t size_;
  std::size_t used_ = 0;
  std::string buffer_;
  Content left_over_;
};

}  // namespace waybill::ledger
