// One coarse timer for everything that can time out on a worker.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "waybill/base/time.hpp"

namespace waybill::net {

// A hashed timer wheel: arming and disarming cost a list operation each, which
// is what makes a deadline on every single read affordable.  Deadlines are kept
// to a tick (50 ms) and never fire early.
//
// Sans-I/O: the owner calls advance() with the time.
// Thread safety: none; one wheel belongs to one worker.
class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{50};

  // Something that can time out.  Unlinks itself when destroyed.
  class Entry {
   public:
    Entry() noexcept = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual ~Entry() { unlink(); }

    [[nodiscard]] bool armed() const noexcept { return next_ != nullptr; }

    // Unlinks from whatever wheel it is in; nothing if it is in none.
    void unlink() noexcept;

   private:
    friend class TimerWheel;
    // Called by advance(), already unlinked; may re-arm itself or others.
    virtual void on_deadline() = 0;

    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    TimePoint deadline_{};
  };

  explicit TimerWheel(TimePoint now) noexcept;

  // Fires `entry` at the first advance() at or after `deadline`; re-arms if armed.
  // TimePoint::max() never fires and costs nothing.
  void arm(Entry& entry, TimePoint deadline) noexcept;

  // Fires everything that is due.
  void advance(TimePoint now);

  // A time at which advance() should be called next: never after the earliest
  // deadline's tick.  Nothing if no entry is armed.
  [[nodiscard]] std::optional<TimePoint> next_tick() const noexcept;

  // The tick that `deadline` falls due in.
  [[nodiscard]] TimePoint tick_of(TimePoint deadline) const noexcept;

 private:
  static constexpr std::size_t kSlots = 1024;  // 51 s a turn; later entries wait a turn more

  // A list head that is its own neighbour when the slot is empty.
  struct Head final : Entry {
    Head() noexcept;
    ~Head() override;
    void on_deadline() override {}
  };

  [[nodiscard]] std::int64_t tick_number(TimePoint time) const noexcept;
  void fire_slot(Head& head, TimePoint now);

  TimePoint epoch_;
  std::int64_t current_ = 0;  // the last tick that advance() has handled
  std::array<Head, kSlots> slots_;
};

}  // namespace waybill::net
