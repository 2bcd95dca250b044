// How the settings say to log.

#pragma once

#include "waybill/config/settings.hpp"
#include "waybill/telemetry/log.hpp"

namespace waybill::app {

[[nodiscard]] telemetry::LogOptions log_options(const config::LogSettings& settings);

}  // namespace waybill::app
