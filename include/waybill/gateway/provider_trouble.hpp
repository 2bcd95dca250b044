// Tells the operator why a provider cannot be used.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "waybill/base/error.hpp"
#include "waybill/base/time.hpp"

namespace waybill::telemetry {
class Log;
}  // namespace waybill::telemetry

namespace waybill::gateway {

// Clients are told that a provider could not be reached; why (an expired certificate, a proxy
// that wants other credentials, a name that does not exist) is for who runs Waybill.
//
// Thread safety: none; one per worker.
class ProviderTrouble {
 public:
  // `log` must outlive this.
  explicit ProviderTrouble(telemetry::Log& log) noexcept : log_(log) {}

  // Logs "provider_trouble" with the error's code and detail; the same code of the same provider
  // once a minute, with the number of times that it was kept back meanwhile.
  void tell(const std::string& provider, const Error& error, TimePoint now);

 private:
  struct Told {
    TimePoint at;
    std::uint64_t kept_back = 0;
  };

  telemetry::Log& log_;
  std::map<std::pair<std::string, std::string>, Told> told_;  // by provider and code
};

}  // namespace waybill::gateway
