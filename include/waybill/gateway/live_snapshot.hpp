// A snapshot made ready for serving: what workers share and never change.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/base/secret.hpp"
#include "waybill/base/shared_use.hpp"
#include "waybill/catalog/snapshot.hpp"
#include "waybill/dialects/codec.hpp"
#include "waybill/http/places.hpp"
#include "waybill/net/tls.hpp"
#include "waybill/routing/route_plan.hpp"
#include "waybill/telemetry/metrics.hpp"

namespace waybill::gateway {

// What of a provider is the same for every request.
struct ProviderLink {
  const dialects::Dialect* dialect = nullptr;  // never null
  // The target of requests up to the dialect's path, and the header fields up to, not
  // including, Accept and Content-Length.  The fields hold the key.
  std::string target;
  Secret fields;
  std::shared_ptr<const net::TlsClientContext> tls;        // null for plain http
  std::shared_ptr<const net::TlsClientContext> proxy_tls;  // null unless by an https:// proxy
  std::string pool_name;  // equal for providers that may share connections
  // For limits that are too small to be divided among the workers.
  std::shared_ptr<http::Places> places;
  std::shared_ptr<SharedUse> queue;
};

// Built once per (re)load and shared by all workers; immutable but for the health
// and the counts of places and queues.
struct LiveSnapshot {
  catalog::SnapshotPtr snapshot;
  std::vector<ProviderLink> providers;                        // by provider index
  std::vector<std::vector<routing::EndpointView>> endpoints;  // by model index
  std::vector<std::size_t> metric_slots;                      // by endpoint index
  std::shared_ptr<routing::EndpointHealth> health;            // of all workers

  [[nodiscard]] const catalog::Catalog& catalog() const noexcept { return snapshot->catalog; }
  [[nodiscard]] const config::Settings& settings() const noexcept { return snapshot->settings; }
};

using LiveSnapshotPtr = std::shared_ptr<const LiveSnapshot>;

// What of a provider's address a request names: the dialect's path, or the one that belongs
// to `kind` where the dialect has several.
[[nodiscard]] std::string request_path(const dialects::Dialect& dialect,
                                       dialects::RequestKind kind,
                                       std::string_view upstream_model,
                                       bool stream);

// Loads trust stores and prepares heads.  Fails with "tls_ca_file".  What `previous`,
// the snapshot in use until now (null at the start), knows of the health of endpoints
// that are still there is kept, and so are the places of their providers and trust
// stores that have not changed.
// Thread: the one that owns `slots` (start-up and reload).
Result<LiveSnapshotPtr> make_live(catalog::SnapshotPtr snapshot,
                                  telemetry::EndpointSlots& slots,
                                  const LiveSnapshot* previous);

}  // namespace waybill::gateway
