#include "log_options.hpp"

namespace waybill::app {

telemetry::LogOptions log_options(const config::LogSettings& settings) {
  telemetry::LogOptions options;
  switch (settings.level) {
    case config::LogLevel::Trace:
    case config::LogLevel::Debug: options.level = telemetry::LogLevel::Debug; break;
    case config::LogLevel::Info: options.level = telemetry::LogLevel::Info; break;
    case config::LogLevel::Warn: options.level = telemetry::LogLevel::Warning; break;
    case config::LogLevel::Error: options.level = telemetry::LogLevel::Error; break;
  }
  options.format = settings.format == config::LogFormat::Json ? telemetry::LogFormat::Json
                                                              : telemetry::LogFormat::Human;
  options.file = settings.file;
  return options;
}

}  // namespace waybill::app
