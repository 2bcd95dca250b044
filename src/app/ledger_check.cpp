#include "ledger_check.hpp"

#include <utility>

namespace waybill::app {

LedgerCheck::LedgerCheck(const std::string& path, telemetry::Log& log) {
  auto reader = ledger::LedgerReader::open(path);
  if (!reader) {
    log.failure(telemetry::LogLevel::Warning, "ledger_unchecked", reader.error());
    return;
  }
  reader_ = std::move(*reader);
  thread_ = std::thread([this, &log] {
    const auto sound = reader_->quick_check();
    if (sound || sound.error().kind() == ErrorKind::Cancelled) {
      return;
    }
    if (sound.error().code() == "ledger_corrupt") {
      log.failure(telemetry::LogLevel::Error, "ledger_damaged", sound.error());
    } else {
      log.failure(telemetry::LogLevel::Warning, "ledger_unchecked", sound.error());
    }
  });
}

LedgerCheck::~LedgerCheck() {
  if (thread_.joinable()) {
    reader_->stop_quick_check();
    thread_.join();
  }
}

}  // namespace waybill::app
