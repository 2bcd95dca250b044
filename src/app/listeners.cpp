#include "listeners.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "waybill/net/listener.hpp"

namespace waybill::app {

Result<void> Listeners::open(const config::Settings& settings,
                             const std::vector<std::unique_ptr<WorkerThread>>& workers) {
  int tag = kPublicTag;
  for (const config::ListenSettings& listen : settings.listen) {
    places_.push_back(place_of(listen));
    if (auto bound = bind(listen, tag++, workers, workers.size()); !bound) {
      return bound;
    }
  }
  if (settings.admin) {
    if (auto bound = bind(*settings.admin, kAdminTag, workers, 1); !bound) {
      return bound;
    }
  }
  for (const auto& worker : workers) {
    worker->gateway().set_default_keys(default_keys(settings));
  }
  return {};
}

std::vector<gateway::Gateway::DefaultKey> Listeners::default_keys(
    const config::Settings& settings) const {
  std::vector<gateway::Gateway::DefaultKey> keys;
  for (std::size_t i = 0; i < settings.listen.size(); ++i) {
    const config::ListenSettings& listen = settings.listen[i];
    const std::string place = place_of(listen);
    const bool same = i < places_.size() && places_[i] == place;
    const auto found = same ? std::next(places_.begin(), static_cast<std::ptrdiff_t>(i))
                            : std::find(places_.begin(), places_.end(), place);
    if (!listen.default_key.empty() && found != places_.end()) {
      keys.push_back({kPublicTag + static_cast<int>(found - places_.begin()), listen.default_key});
    }
  }
  return keys;
}

// On the first `share` of the workers, one socket each where the kernel can share the load;
// Unix sockets and the admin plane are served by what fits in one.
Result<void> Listeners::bind(const config::ListenSettings& listen,
                             int tag,
                             const std::vector<std::unique_ptr<WorkerThread>>& workers,
                             std::size_t share) {
  http::Server::TlsSource tls;
  if (listen.tls) {
    auto source = certificates_.load(listen);
    if (!source) {
      return source.error();
    }
    tls = std::move(*source);
  }
  net::ListenAddress address{listen.address, listen.port, listen.unix_path};
  const bool shared = listen.unix_path.empty() && share > 1;
  for (std::size_t i = 0; i < (shared ? share : 1); ++i) {
    auto socket = net::ListenSocket::open(
        address, shared ? net::PortSharing::Shared : net::PortSharing::Exclusive);
    if (!socket) {
      return socket.error();
    }
    if (i == 0) {
      address.port = socket->port();
      (tag == kAdminTag ? urls_.admin : urls_.open).push_back(url_of(listen, socket->port()));
    }
    workers[i]->server().add_listener(std::move(*socket), tag, tls);
  }
  return {};
}

}  // namespace waybill::app
