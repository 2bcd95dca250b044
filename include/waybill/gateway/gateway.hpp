// The pipeline of one worker: from a client's request to a settled generation.

#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "waybill/base/generation_id.hpp"
#include "waybill/base/shared_use.hpp"
#include "waybill/gateway/client_api.hpp"
#include "waybill/gateway/credentials.hpp"
#include "waybill/gateway/intent_desk.hpp"
#include "waybill/gateway/live_snapshot.hpp"
#include "waybill/gateway/provider_trouble.hpp"
#include "waybill/gateway/settlement_desk.hpp"
#include "waybill/http/client.hpp"
#include "waybill/http/server.hpp"
#include "waybill/ledger/ledger.hpp"
#include "waybill/net/resolver.hpp"
#include "waybill/telemetry/access_log.hpp"
#include "waybill/telemetry/log.hpp"
#include "waybill/telemetry/metrics.hpp"

namespace waybill::gateway {

using net::Task;
class Generation;

// What all workers use together of limits that are not divided among them.
struct DaemonUse {
  SharedUse connections;  // of clients
  SharedUse generations;
  SharedUse body_bytes;  // of requests
};

// What one worker may use of a limit that holds for the whole daemon.
struct WorkerShare {
  std::size_t index = 0;  // of this worker
  std::size_t count = 1;  // of workers
  std::shared_ptr<DaemonUse> use = std::make_shared<DaemonUse>();

  // Whether there is a part for each worker.  A smaller limit is kept by counting
  // together: a part of nothing would refuse what another worker has room for.
  [[nodiscard]] bool divides(std::size_t whole) const noexcept { return whole >= count; }
  // The parts of all workers make up the whole.
  [[nodiscard]] std::size_t of(std::size_t whole) const noexcept {
    return whole / count + (index < whole % count ? 1 : 0);
  }
};

// One worker's view of a live snapshot: its own connections to the providers.
// Pinned by every exchange that began with it.
struct WorkerView {
  LiveSnapshotPtr live;
  std::vector<std::shared_ptr<http::ClientPool>> pools;  // by provider index

  // Header lines of every response: CORS and the like, by the request's Origin.
  [[nodiscard]] const std::string& fields_for(const http::RequestHead& head) const;
  std::string common_fields;  // where the origin does not matter, or is not one of those
  std::map<std::string, std::string, std::less<>> fields_by_origin;  // several may be allowed
};

// Serves the inference endpoints on one worker.
//
// Thread safety: none; everything on its worker, except where SettlementDesk
// says otherwise.
class Gateway {
 public:
  Gateway(net::Worker& worker,
          WorkerShare share,
          ledger::Ledger& ledger,
          telemetry::Log& log,               // access lines included
          net::asio::thread_pool& blocking,  // for what reads the ledger from disk
          LiveSnapshotPtr live);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // One inference request, answered whatever happens.
  Task<> serve(http::ServerExchange& exchange, InferenceCall call);

  // Takes a new snapshot: requests that start from now on use it; connections of
  // providers that are still there are kept.
  void adopt(LiveSnapshotPtr live);

  // Whose key the request carries, or its listener's default key.
  Result<Caller> identify(const http::ServerExchange& exchange);

  // Header lines of every response to this request; changes with the snapshot.
  [[nodiscard]] const std::string& common_fields(const http::RequestHead& head) const {
    return view_->fields_for(head);
  }
  [[nodiscard]] const LiveSnapshot& live() const noexcept { return *view_->live; }
  [[nodiscard]] LiveSnapshotPtr live_snapshot() const { return view_->live; }

  // Answers with an error; counts it under `route`.
  Task<> refuse(http::ServerExchange& exchange,
                telemetry::Route route,
                unsigned status,
                Error error);

  [[nodiscard]] telemetry::WorkerMetrics& metrics() noexcept { return metrics_; }
  // What pools, resolver and server count themselves, copied into metrics().
  void collect_counters(const http::ServerCounters& server);

  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
  [[nodiscard]] std::size_t open_settlements() const noexcept { return desk_.pending(); }

  // Ends every generation that is under way, each with an honest error.
  void cut_off();

  // Writes out the access lines; call when the worker stops.
  void flush_logs();

  // Requests without a key on listeners with this tag use the named key.
  struct DefaultKey {
    int listener_tag = 0;
    std::string name;
  };
  void set_default_keys(std::vector<DefaultKey> keys) { default_keys_ = std::move(keys); }

 private:
  friend class Generation;
  class LogFlush;

  [[nodiscard]] std::shared_ptr<const ledger::KeyIndex> current_keys();

  net::Worker& worker_;
  WorkerShare share_;
  ledger::Ledger& ledger_;
  net::asio::thread_pool& blocking_;
  net::Resolver resolver_;
  SettlementDesk desk_;
  IntentDesk intents_;
  std::shared_ptr<const WorkerView> view_;
  GenerationIdSource ids_;
  telemetry::WorkerMetrics metrics_;
  telemetry::AccessLog access_log_;
  ProviderTrouble trouble_;
  std::unique_ptr<LogFlush> log_flush_;
  std::shared_ptr<const ledger::KeyIndex> keys_;
  std::uint64_t key_version_ = 0;
  std::vector<DefaultKey> default_keys_;
  std::list<Generation*> generations_;  // under way
  std::size_t in_flight_ = 0;           // refused ones included
  http::PoolCounters retired_;          // of pools that a reload has replaced
  SharedUse admitted_;                  // by this worker, where each has its share of the limit
  std::uint64_t plans_ = 0;             // seeds of route plans
  std::string chunk_out_;               // outgoing events are put together here, between two awaits
};

}  // namespace waybill::gateway
