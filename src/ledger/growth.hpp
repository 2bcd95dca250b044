// How fast a file grows, so that a disk is found too small before it is full.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace waybill::ledger {

// The growth of the last ten minutes; of less than that, while less is known.
//
// Thread safety: none; the writer thread's.
class Growth {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::minutes kSpan{10};

  // The file had `bytes` at `now`.  Call with rising times; keeps one size a minute.
  void observe(Time now, std::uint64_t bytes);

  // Zero until it was observed twice.
  [[nodiscard]] std::uint64_t bytes() const noexcept;

 private:
  struct Size {
    Time at;
    std::uint64_t bytes = 0;
  };
  std::deque<Size> kept_;  // the first is the youngest that is at least kSpan old
  std::uint64_t last_ = 0;
};

}  // namespace waybill::ledger
