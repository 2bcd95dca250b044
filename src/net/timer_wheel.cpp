#include "waybill/net/timer_wheel.hpp"

#include <algorithm>

namespace waybill::net {

void TimerWheel::Entry::unlink() noexcept {
  if (next_ == nullptr) {
    return;
  }
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = nullptr;
  next_ = nullptr;
}

TimerWheel::Head::Head() noexcept {
  previous_ = this;
  next_ = this;
}

TimerWheel::Head::~Head() {
  // Entries may outlive the wheel at shutdown: leave none pointing here.
  while (next_ != this) {
    next_->unlink();
  }
  next_ = nullptr;
}

TimerWheel::TimerWheel(TimePoint now) noexcept : epoch_(now) {}

std::int64_t TimerWheel::tick_number(TimePoint time) const noexcept {
  return (time - epoch_) / kTick;
}

void TimerWheel::arm(Entry& entry, TimePoint deadline) noexcept {
  entry.unlink();
  if (deadline == TimePoint::max()) {
    return;
  }
  entry.deadline_ = deadline;
  // The tick after the one the deadline lies in, so that none fires early.
  const std::int64_t tick = std::max(tick_number(deadline), current_) + 1;
  Head& head = slots_[static_cast<std::size_t>(tick) % kSlots];
  entry.previous_ = head.previous_;
  entry.next_ = &head;
  head.previous_->next_ = &entry;
  head.previous_ = &entry;
}

void TimerWheel::fire_slot(Head& head, TimePoint now) {
  // The due ones move to a list of their own first: on_deadline() may arm and
  // unlink anything.
  Head due;
  for (Entry* entry = head.next_; entry != &head;) {
    Entry* const next = entry->next_;
    if (entry->deadline_ <= now) {
      entry->unlink();
      entry->previous_ = due.previous_;
      entry->next_ = &due;
      due.previous_->next_ = entry;
      due.previous_ = entry;
    }
    entry = next;
  }
  while (due.next_ != &due) {
    Entry* const entry = due.next_;
    entry->unlink();
    entry->on_deadline();
  }
}

void TimerWheel::advance(TimePoint now) {
  const std::int64_t target = tick_number(now);
  // After a long pause one turn visits every slot once.
  if (target - current_ > static_cast<std::int64_t>(kSlots)) {
    current_ = target - static_cast<std::int64_t>(kSlots);
  }
  while (current_ < target) {
    ++current_;
    fire_slot(slots_[static_cast<std::size_t>(current_) % kSlots], now);
  }
}

std::optional<TimePoint> TimerWheel::next_tick() const noexcept {
  for (std::size_t ahead = 1; ahead <= kSlots; ++ahead) {
    const std::int64_t tick = current_ + static_cast<std::int64_t>(ahead);
    const Head& head = slots_[static_cast<std::size_t>(tick) % kSlots];
    if (head.next_ != &head) {
      return epoch_ + tick * kTick;
    }
  }
  return std::nullopt;
}

TimePoint TimerWheel::tick_of(TimePoint deadline) const noexcept {
  return epoch_ + (std::max(tick_number(deadline), current_) + 1) * kTick;
}

}  // namespace waybill::net
