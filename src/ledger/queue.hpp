// A bounded queue of many producers and one consumer.

#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace waybill::ledger {

// D. Vyukov's bounded queue with one consumer: a producer claims a cell by one
// compare-and-swap and publishes it by one store.  No producer waits for another.
//
// Every operation that the sleeping protocol (see Actor::wait) relies on is
// sequentially consistent, so that it needs no fences, which ThreadSanitizer does not
// model.
template <class T>
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the ends stand on lines of their own
class BoundedQueue {
 public:
  // Requires: capacity is a power of two.
  explicit BoundedQueue(std::size_t capacity) : cells_(capacity), mask_(capacity - 1) {
    assert(capacity > 1 && (capacity & mask_) == 0);
    for (std::size_t i = 0; i < capacity; ++i) {
      cells_[i].turn.store(i, std::memory_order_relaxed);
    }
  }

  // False, and `item` untouched, when full.
  bool push(std::unique_ptr<T>& item) noexcept {
    std::size_t place = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[place & mask_];
      const std::size_t turn = cell.turn.load(std::memory_order_acquire);
      if (turn == place) {
        if (tail_.compare_exchange_weak(place, place + 1, std::memory_order_relaxed)) {
          cell.item = std::move(item);
          cell.turn.store(place + 1, std::memory_order_seq_cst);
          return true;
        }
      } else if (turn < place) {
        return false;
      } else {
        place = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  // The consumer's only.  Null when empty.
  std::unique_ptr<T> pop() noexcept {
    Cell& cell = cells_[head_ & mask_];
    if (cell.turn.load(std::memory_order_seq_cst) != head_ + 1) {
      return nullptr;
    }
    auto item = std::move(cell.item);
    cell.turn.store(head_ + mask_ + 1, std::memory_order_release);
    ++head_;
    taken_.store(head_, std::memory_order_relaxed);
    return item;
  }

  // The consumer's only.
  [[nodiscard]] bool empty() const noexcept {
    return cells_[head_ & mask_].turn.load(std::memory_order_seq_cst) != head_ + 1;
  }

  // About how many wait, from any thread.
  [[nodiscard]] std::size_t depth() const noexcept {
    const std::size_t taken = taken_.load(std::memory_order_relaxed);
    const std::size_t given = tail_.load(std::memory_order_relaxed);
    return given > taken ? given - taken : 0;
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return cells_.size(); }

 private:
  struct Cell {
    std::atomic<std::size_t> turn{0};
    std::unique_ptr<T> item;
  };

  std::vector<Cell> cells_;
  std::size_t mask_;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::size_t head_ = 0;
  std::atomic<std::size_t> taken_{0};
};

}  // namespace waybill::ledger
