#include "ledger_check.hpp"

#include <system_error>
#include <utility>

namespace waybill::app {

LedgerCheck::LedgerCheck(const std::string& path, ledger::Ledger& ledger, telemetry::Log& log) {
  auto reader = ledger::LedgerReader::open(path);
  if (!reader) {
    log.failure(telemetry::LogLevel::Warning, "ledger_unchecked", reader.error());
    return;
  }
  reader_ = std::move(*reader);
  const auto check = [this, &ledger, &log] {
    const auto sound = reader_->quick_check();
    if (sound || sound.error().kind() == ErrorKind::Cancelled) {
      return;
    }
    if (sound.error().code() == "ledger_corrupt") {
      ledger.refuse_new(sound.error());
      log.failure(telemetry::LogLevel::Error, "ledger_damaged", sound.error());
    } else {
      log.failure(telemetry::LogLevel::Warning, "ledger_unchecked", sound.error());
    }
  };
  try {
    thread_ = std::thread(check);
  } catch (const std::system_error& none) {
    log.failure(telemetry::LogLevel::Warning, "ledger_unchecked",
                Error(ErrorKind::Unavailable, "no_thread", none.code().message()));
  }
}

LedgerCheck::~LedgerCheck() {
  if (thread_.joinable()) {
    reader_->stop_quick_check();
    thread_.join();
  }
}

}  // namespace waybill::app
