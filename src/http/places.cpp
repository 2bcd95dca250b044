#include "waybill/http/places.hpp"

#include <algorithm>

namespace waybill::http {

void Places::join(Taker& taker) {
  const std::scoped_lock lock(mutex_);
  takers_.push_back(&taker);
}

void Places::leave(Taker& taker) {
  const std::scoped_lock lock(mutex_);
  std::erase(takers_, &taker);
  drop_from_line(taker);
}

bool Places::take_free() noexcept {
  std::size_t used = used_.load();
  while (used < bound_) {
    if (used_.compare_exchange_weak(used, used + 1)) {
      return true;
    }
  }
  return false;
}

bool Places::take() noexcept {
  return !wanted() && take_free();
}

// Who gets in line says so before it looks for a place once more, and who gives one
// back looks for a line after that: one of them sees the other (both in one total
// order, so nothing here is relaxed).
void Places::give_back() {
  used_.fetch_sub(1);
  if (wanted()) {
    const std::scoped_lock lock(mutex_);
    serve_line();
  }
}

void Places::serve_line() {
  while (!line_.empty() && take_free()) {
    Taker* const first = line_.front();
    drop_from_line(*first);
    first->on_place_given();
  }
}

bool Places::wait_in_line(Taker& taker) {
  const std::scoped_lock lock(mutex_);
  if (std::ranges::find(line_, &taker) != line_.end()) {
    return false;
  }
  line_.push_back(&taker);
  waiting_.store(line_.size());
  if (line_.size() == 1 && take_free()) {
    drop_from_line(taker);
    return true;
  }
  for (Taker* const other : takers_) {
    if (other != &taker) {
      other->on_place_wanted();
    }
  }
  return false;
}

void Places::leave_line(Taker& taker) {
  const std::scoped_lock lock(mutex_);
  drop_from_line(taker);
}

void Places::drop_from_line(Taker& taker) {
  std::erase(line_, &taker);
  waiting_.store(line_.size());
}

bool Places::keep_or_pass(Taker& taker) {
  const std::scoped_lock lock(mutex_);
  if (line_.empty()) {
    return true;
  }
  Taker* const first = line_.front();
  drop_from_line(*first);
  if (first == &taker) {
    return true;
  }
  first->on_place_given();
  return false;
}

}  // namespace waybill::http
