#include "waybill/gateway/gateway.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "waybill/gateway/error_reply.hpp"

#include "generation.hpp"

namespace waybill::gateway {
namespace {

constexpr std::chrono::milliseconds kLogFlush{250};

telemetry::AccessLogOptions access_options(const config::Settings& settings) {
  telemetry::AccessLogOptions options;
  options.format = settings.logging.format == config::LogFormat::Json ? telemetry::LogFormat::Json
                                                                      : telemetry::LogFormat::Human;
  return options;
}

// CORS as OpenRouter sends it, with Retry-After and the rate limit fields exposed
// too, and the usual protections of a JSON API.
std::string fields_with_origin(std::string_view origin) {
  std::string out;
  if (!origin.empty()) {
    http::append_field(out, "Access-Control-Allow-Origin", origin);
    out +=
        "Access-Control-Expose-Headers: "
        "X-Generation-Id,X-Provider-Name,Retry-After,X-RateLimit-Limit,"
        "X-RateLimit-Remaining,X-RateLimit-Reset\r\n";
  }
  out += "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n";
  return out;
}

// Where several origins are allowed, each request is told its own (Fetch §3.2.5).
void fill_common_fields(WorkerView& view, const config::Settings& settings) {
  const std::vector<std::string>& origins = settings.cors.allowed_origins;
  if (origins.size() <= 1 || std::ranges::find(origins, "*") != origins.end()) {
    view.common_fields = fields_with_origin(origins.empty()       ? ""
                                            : origins.size() == 1 ? origins.front()
                                                                  : std::string("*"));
    return;
  }
  constexpr std::string_view kVary = "Vary: Origin\r\n";
  view.common_fields = fields_with_origin({}).append(kVary);
  for (const std::string& origin : origins) {
    view.fields_by_origin.emplace(origin, fields_with_origin(origin).append(kVary));
  }
}

// A limit with a part for every worker is kept by each on its own; a smaller one by
// all together (docs/decisions/0007).
void divide(http::OriginOptions& options,
            const catalog::Provider& provider,
            const ProviderLink& link,
            const WorkerShare& share) {
  if (share.divides(provider.max_connections)) {
    options.max_connections = share.of(provider.max_connections);
  } else {
    options.places = link.places;
  }
  if (share.divides(provider.queue)) {
    options.max_waiting = share.of(provider.queue);
  } else {
    options.max_waiting = provider.queue;
    options.all_waiting = link.queue;
  }
}

bool trusts_as(const http::OriginOptions& options, const ProviderLink& link) noexcept {
  return options.tls == link.tls && (!options.proxy || options.proxy->tls == link.proxy_tls);
}

using PoolsByName = std::map<std::string, std::shared_ptr<http::ClientPool>, std::less<>>;

std::shared_ptr<const WorkerView> make_view(LiveSnapshotPtr live,
                                            net::Worker& worker,
                                            net::Resolver& resolver,
                                            const WorkerShare& share,
                                            const WorkerView* previous) {
  PoolsByName kept;
  if (previous != nullptr) {
    for (std::size_t i = 0; i < previous->pools.size(); ++i) {
      kept.emplace(previous->live->providers[i].pool_name, previous->pools[i]);
    }
  }
  auto view = std::make_shared<WorkerView>();
  fill_common_fields(*view, live->settings());
  const std::vector<catalog::Provider>& providers = live->catalog().providers();
  for (std::size_t i = 0; i < providers.size(); ++i) {
    std::shared_ptr<http::ClientPool>& pool = kept[live->providers[i].pool_name];
    if (!pool || !trusts_as(pool->options(), live->providers[i])) {
      http::OriginOptions options;
      options.origin = providers[i].base_url;
      if (providers[i].proxy) {
        options.proxy = http::ForwardProxy{.url = providers[i].proxy->url,
                                           .tls = live->providers[i].proxy_tls,
                                           .authorization = providers[i].proxy->authorization};
      }
      options.tls = live->providers[i].tls;
      divide(options, providers[i], live->providers[i], share);
      options.connect_timeout = std::chrono::minutes(1);  // each endpoint's own timeout is shorter
      pool = std::make_shared<http::ClientPool>(worker, resolver, std::move(options));
    }
    view->pools.push_back(pool);
  }
  view->live = std::move(live);
  return view;
}

// Providers at the same place share one.
std::set<const http::ClientPool*> pools_of(const WorkerView& view) {
  std::set<const http::ClientPool*> out;
  for (const auto& pool : view.pools) {
    out.insert(pool.get());
  }
  return out;
}

}  // namespace

// Hands the worker's access lines on, four times a second while there are any.
class Gateway::LogFlush final : public net::TimerWheel::Entry {
 public:
  explicit LogFlush(Gateway& owner) noexcept : owner_(owner) {}
  void arm() {
    if (!armed()) {
      owner_.worker_.arm(*this, Clock::now() + kLogFlush);
    }
  }

 private:
  void on_deadline() override { owner_.access_log_.flush(); }
  Gateway& owner_;
};

const std::string& WorkerView::fields_for(const http::RequestHead& head) const {
  if (fields_by_origin.empty()) {
    return common_fields;
  }
  const auto found = fields_by_origin.find(head.header(http::Field::origin));
  return found == fields_by_origin.end() ? common_fields : found->second;
}

Gateway::Gateway(net::Worker& worker,
                 WorkerShare share,
                 ledger::Ledger& ledger,
                 telemetry::Log& log,
                 net::asio::thread_pool& blocking,
                 LiveSnapshotPtr live)
    : worker_(worker),
      share_(std::move(share)),
      ledger_(ledger),
      blocking_(blocking),
      resolver_(worker, {}),
      desk_(worker, ledger),
      intents_(worker, ledger),
      view_(make_view(live, worker, resolver_, share_, nullptr)),
      access_log_(log, access_options(live->settings())),
      trouble_(log),
      log_flush_(std::make_unique<LogFlush>(*this)) {}

Gateway::~Gateway() = default;

Task<> Gateway::serve(http::ServerExchange& exchange, InferenceCall call) {
  ++in_flight_;
  {
    Generation generation(*this, exchange, std::move(call));
    const auto place = generations_.insert(generations_.end(), &generation);
    co_await generation.run();
    generations_.erase(place);
  }
  --in_flight_;
  log_flush_->arm();
}

void Gateway::adopt(LiveSnapshotPtr live) {
  auto next = make_view(std::move(live), worker_, resolver_, share_, view_.get());
  const auto kept = pools_of(*next);
  for (const http::ClientPool* const pool : pools_of(*view_)) {
    if (!kept.contains(pool)) {  // counters never go back
      retired_.opened += pool->counters().opened;
      retired_.reused += pool->counters().reused;
      retired_.stale += pool->counters().stale;
    }
  }
  view_ = std::move(next);
}

std::shared_ptr<const ledger::KeyIndex> Gateway::current_keys() {
  const std::uint64_t version = ledger_.key_version();
  if (!keys_ || version != key_version_) {
    keys_ = ledger_.keys();
    key_version_ = version;
  }
  return keys_;
}

Result<Caller> Gateway::identify(const http::ServerExchange& exchange) {
  const auto presented = presented_key(exchange.head());
  if (!presented) {
    return presented.error();
  }
  auto keys = current_keys();
  if (presented->empty()) {
    for (const DefaultKey& key : default_keys_) {
      const ledger::KeyRecord* const record = key.listener_tag == exchange.listener_tag()
                                                  ? keys->find_named(key.name, wall_now())
                                                  : nullptr;
      if (record != nullptr) {
        return Caller{std::move(keys), record};
      }
    }
  }
  return authenticate(*presented, std::move(keys), wall_now());
}

Task<> Gateway::refuse(http::ServerExchange& exchange,
                       telemetry::Route route,
                       unsigned status,
                       Error error) {
  metrics_.count_request(route, status);
  std::string fields = common_fields(exchange.head());
  fields += "Content-Type: application/json\r\n";
  if (status == 503) {
    fields += "Retry-After: 1\r\n";
  }
  const std::string body = error_body(status, error);
  const bool sent = co_await exchange.respond(status, fields, body);
  static_cast<void>(sent);  // a client that is gone needs no answer
}

void Gateway::collect_counters(const http::ServerCounters& server) {
  metrics_.connections.open = static_cast<std::int64_t>(server.open);
  metrics_.connections.accepted = server.accepted;
  metrics_.connections.rejected = server.turned_away;
  telemetry::UpstreamMetrics& upstream = metrics_.upstream;
  upstream = {};
  upstream.created = retired_.opened;
  upstream.reused = retired_.reused;
  upstream.stale = retired_.stale;
  for (const http::ClientPool* const pool : pools_of(*view_)) {
    upstream.open += static_cast<std::int64_t>(pool->counters().open);
    upstream.idle += static_cast<std::int64_t>(pool->counters().idle);
    upstream.created += pool->counters().opened;
    upstream.reused += pool->counters().reused;
    upstream.stale += pool->counters().stale;
  }
  upstream.dns_lookups = resolver_.counters().lookups;
  upstream.dns_failures = resolver_.counters().failures;
}

void Gateway::cut_off() {
  // A generation may end, and leave the list, while it is being cut off.
  for (auto next = generations_.begin(); next != generations_.end();) {
    Generation* const generation = *next++;
    generation->cut_off();
  }
}

void Gateway::flush_logs() {
  access_log_.flush();
}

}  // namespace waybill::gateway
