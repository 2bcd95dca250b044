// Where the daemon listens: sockets, certificates, and whose key a listener stands in for.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/config/settings.hpp"
#include "waybill/gateway/gateway.hpp"

#include "announcement.hpp"
#include "certificates.hpp"
#include "worker_thread.hpp"

namespace waybill::app {

// Thread safety: none, for the main thread; the sources of certificates may be asked from
// any.  Must outlive the workers that it has given listeners.
class Listeners {
 public:
  // Opens every listener of `settings` on the workers, which have not started, and gives
  // them their default keys.  Fails with the codes of net::ListenSocket and Certificates.
  Result<void> open(const config::Settings& settings,
                    const std::vector<std::unique_ptr<WorkerThread>>& workers);

  // Those of `settings` for the listeners that are open: a listener is known by its
  // place, which a reload may give another number.
  [[nodiscard]] std::vector<gateway::Gateway::DefaultKey> default_keys(
      const config::Settings& settings) const;

  [[nodiscard]] const ListenUrls& urls() const noexcept { return urls_; }
  [[nodiscard]] const Certificates& certificates() const noexcept { return certificates_; }

 private:
  Result<void> bind(const config::ListenSettings& listen,
                    int tag,
                    const std::vector<std::unique_ptr<WorkerThread>>& workers,
                    std::size_t share);

  Certificates certificates_;
  ListenUrls urls_;
  std::vector<std::string> places_;  // of the public listeners, in the order of their tags
};

}  // namespace waybill::app
