#include "certificates.hpp"

#include <algorithm>
#include <utility>

namespace waybill::app {

std::string place_of(const config::ListenSettings& listen) {
  return listen.unix_path.empty() ? listen.address + " " + std::to_string(listen.port)
                                  : listen.unix_path;
}

Result<http::Server::TlsSource> Certificates::load(const config::ListenSettings& listen) {
  auto loaded = net::TlsServerContext::load(listen.tls->certificate, listen.tls->key);
  if (!loaded) {
    return loaded.error();
  }
  holders_.push_back(std::make_unique<Holder>());
  Holder* const holder = holders_.back().get();
  holder->place = place_of(listen);
  holder->context = std::move(*loaded);
  return http::Server::TlsSource([holder] {
    const std::scoped_lock lock(holder->mutex);
    return holder->context;
  });
}

Result<std::vector<Certificates::Renewal>> Certificates::read_again(
    const config::Settings& settings) const {
  std::vector<const config::ListenSettings*> listeners;
  listeners.reserve(settings.listen.size() + 1);
  for (const config::ListenSettings& listen : settings.listen) {
    listeners.push_back(&listen);
  }
  if (settings.admin) {
    listeners.push_back(&*settings.admin);
  }
  std::vector<Renewal> out;
  for (const config::ListenSettings* const listen : listeners) {
    const auto holder = std::ranges::find(holders_, place_of(*listen),
                                          [](const auto& held) { return held->place; });
    if (!listen->tls || holder == holders_.end()) {
      continue;  // a new listener needs a restart
    }
    auto context = net::TlsServerContext::load(listen->tls->certificate, listen->tls->key);
    if (!context) {
      return context.error();
    }
    out.push_back({holder->get(), std::move(*context)});
  }
  return out;
}

void Certificates::replace(std::vector<Renewal> renewals) {
  for (Renewal& renewal : renewals) {
    const std::scoped_lock lock(renewal.holder->mutex);
    renewal.holder->context = std::move(renewal.context);
  }
}

}  // namespace waybill::app
