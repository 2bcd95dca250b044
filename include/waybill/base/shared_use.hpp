// What the threads of a process use together of something that has a bound.

#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace waybill {

// An amount in use, of connections or bytes or whatever its owner counts in it.
// The bound is told with every take(), so that a reload can change it; parts taken
// under an older bound stay until they end.
//
// Requires: outlives its parts.  Thread safety: everything from any thread.
class SharedUse {
 public:
  // What one holder has of it; given back when it ends.  Thread safety: none.
  class Part {
   public:
    Part() noexcept = default;
    Part(Part&& other) noexcept
        : use_(std::exchange(other.use_, nullptr)),
          amount_(std::exchange(other.amount_, 0)) {}
    Part& operator=(Part&& other) noexcept {
      if (this != &other) {
        give_back();
        use_ = std::exchange(other.use_, nullptr);
        amount_ = std::exchange(other.amount_, 0);
      }
      return *this;
    }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part() { give_back(); }

    // Takes `amount` more of `use`, the same one every time.  False, and nothing is
    // taken, where all parts together would come above `bound`.
    [[nodiscard]] bool take(SharedUse& use, std::uint64_t amount, std::uint64_t bound) noexcept {
      std::uint64_t used = use.used_.load(std::memory_order_relaxed);
      do {
        if (amount > bound || used > bound - amount) {
          return false;
        }
      } while (!use.used_.compare_exchange_weak(used, used + amount, std::memory_order_relaxed));
      use_ = &use;
      amount_ += amount;
      return true;
    }

    void give_back() noexcept {
      if (use_ != nullptr) {
        use_->used_.fetch_sub(std::exchange(amount_, 0), std::memory_order_relaxed);
        use_ = nullptr;
      }
    }

   private:
    SharedUse* use_ = nullptr;
    std::uint64_t amount_ = 0;
  };

  SharedUse() noexcept = default;
  SharedUse(const SharedUse&) = delete;
  SharedUse& operator=(const SharedUse&) = delete;
  ~SharedUse() = default;

  [[nodiscard]] std::uint64_t used() const noexcept {
    return used_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace waybill
