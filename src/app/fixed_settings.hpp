// Settings that only a restart can change.

#pragma once

#include <string>

#include "waybill/config/settings.hpp"

namespace waybill::app {

// The names of those that differ, "listen, workers"; empty where none does.
[[nodiscard]] std::string fixed_at_start(const config::Settings& before,
                                         const config::Settings& after);

}  // namespace waybill::app
