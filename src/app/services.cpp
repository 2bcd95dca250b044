#include "services.hpp"

#include <utility>

namespace waybill::app {

void ReloadState::succeeded(std::uint64_t version) {
  const std::scoped_lock lock(mutex_);
  view_.version = version;
  ++view_.ok;
  view_.last_faults.clear();
}

void ReloadState::failed(std::string faults) {
  const std::scoped_lock lock(mutex_);
  ++view_.failures;
  view_.last_faults = std::move(faults);
}

ReloadState::View ReloadState::view() const {
  const std::scoped_lock lock(mutex_);
  return view_;
}

}  // namespace waybill::app
