#include "growth.hpp"

namespace waybill::ledger {

void Growth::observe(Time now, std::uint64_t bytes) {
  last_ = bytes;
  if (kept_.empty() || now - kept_.back().at >= std::chrono::minutes(1)) {
    kept_.push_back({.at = now, .bytes = bytes});
  }
  while (kept_.size() > 1 && now - kept_[1].at >= kSpan) {
    kept_.pop_front();
  }
}

std::uint64_t Growth::bytes() const noexcept {
  return kept_.empty() || last_ < kept_.front().bytes ? 0 : last_ - kept_.front().bytes;
}

}  // namespace waybill::ledger
