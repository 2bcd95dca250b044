#include "waybill/gateway/provider_trouble.hpp"

#include <chrono>

#include "waybill/telemetry/log.hpp"

namespace waybill::gateway {

void ProviderTrouble::tell(const std::string& provider, const Error& error, TimePoint now) {
  const auto [told, is_new] = told_.try_emplace({provider, std::string(error.code())}, Told{now});
  if (!is_new && now - told->second.at < std::chrono::minutes(1)) {
    ++told->second.kept_back;
    return;
  }
  log_.failure(telemetry::LogLevel::Warning, "provider_trouble", error,
               {{"provider", provider}, {"kept_back", told->second.kept_back}});
  told->second = Told{now};
}

}  // namespace waybill::gateway
