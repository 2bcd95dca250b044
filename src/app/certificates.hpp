// The certificates of the daemon's TLS listeners.

#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/config/settings.hpp"
#include "waybill/http/server.hpp"
#include "waybill/net/tls.hpp"

namespace waybill::app {

// Where a listener listens, which is what makes it the same one after a reload.
[[nodiscard]] std::string place_of(const config::ListenSettings& listen);

// Loads each listener's certificate at the start, and again at a reload.
//
// Thread safety: one thread loads and replaces; the sources may be asked from any.
class Certificates {
 private:
  // What new connections of one listener are shown.
  struct Holder {
    std::string place;
    mutable std::mutex mutex;
    std::shared_ptr<const net::TlsServerContext> context;
  };

 public:
  // Certificates that were read and are not yet in their place.
  struct Renewal {
    Holder* holder;
    std::shared_ptr<const net::TlsServerContext> context;
  };

  // Where the listener's connections get their certificate from, good as long as
  // this lives.  Requires: listen.tls.  Fails with "tls_certificate".
  Result<http::Server::TlsSource> load(const config::ListenSettings& listen);

  // Reads those of all listeners that had one at the start; the first that fails is
  // told, and nothing has changed.
  [[nodiscard]] Result<std::vector<Renewal>> read_again(const config::Settings& settings) const;
  static void replace(std::vector<Renewal> renewals);

 private:
  std::vector<std::unique_ptr<Holder>> holders_;
};

}  // namespace waybill::app
