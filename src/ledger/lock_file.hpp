// The file beside the database that keeps a second writer out and remembers how far
// the ledger once was.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "waybill/base/digest.hpp"

#include "chain.hpp"
#include "file.hpp"

namespace waybill::ledger {

// What was once durable: a database that has less is an older copy or lost its log.
struct Anchor {
  LaneId lane{};
  std::int64_t seq = 0;
  Sha256 hash{};

  friend bool operator==(const Anchor&, const Anchor&) = default;
};

// Holds an exclusive flock for its lifetime; the kernel lets go of it when the
// process dies.
class LockFile {
 public:
  // Fails with "ledger_locked" where another process, or another owner in this one,
  // has it.
  static Result<LockFile> acquire(const std::string& database_path);

  // The last anchor; nothing in a new file.
  [[nodiscard]] const std::optional<Anchor>& anchor() const noexcept { return anchor_; }

  // Best effort: an anchor that is not written only makes the next check weaker.
  void write_anchor(const Anchor& anchor) noexcept;

 private:
  explicit LockFile(File file) noexcept : file_(std::move(file)) {}

  File file_;
  std::optional<Anchor> anchor_;
};

}  // namespace waybill::ledger
