// A histogram with buckets fixed at compile time.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace waybill::telemetry {

// Upper bounds, inclusive, rising.  Times are whole microseconds and sizes whole
// bytes, so that a sum over workers is exact.
inline constexpr std::array<std::uint64_t, 14> kLatencyBoundsUs{
    5'000,     10'000,    25'000,    50'000,     100'000,    250'000,    500'000,
    1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000, 300'000'000};
inline constexpr std::array<std::uint64_t, 14> kOverheadBoundsUs{
    10, 25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 1'000'000};
inline constexpr std::array<std::uint64_t, 10> kSizeBoundsBytes{
    256, 1'024, 4'096, 16'384, 65'536, 262'144, 1'048'576, 4'194'304, 16'777'216, 67'108'864};

// Thread safety: none; owned by one worker.
template <const auto& kBounds>
class Histogram {
 public:
  static constexpr std::size_t kBuckets = kBounds.size() + 1;  // the last one is +Inf

  void observe(std::uint64_t value) noexcept {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && value > kBounds[bucket]) {
      ++bucket;
    }
    ++counts_[bucket];
    sum_ += value;
  }

  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      counts_[i] += other.counts_[i];
    }
    sum_ += other.sum_;
  }

  [[nodiscard]] static constexpr const auto& bounds() noexcept { return kBounds; }
  // Values per bucket, not cumulative.
  [[nodiscard]] const std::array<std::uint64_t, kBuckets>& counts() const noexcept {
    return counts_;
  }
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t sum_ = 0;
};

}  // namespace waybill::telemetry
