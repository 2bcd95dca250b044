#include "front_door.hpp"

#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/gateway/error_reply.hpp"
#include "waybill/management/bodies.hpp"
#include "waybill/net/offload.hpp"

namespace waybill::app {
namespace {

using net::Task;

// As OpenRouter sends it, with a max age so that browsers ask once.
constexpr std::string_view kPreflightFields =
    "Access-Control-Allow-Methods: GET,OPTIONS,PATCH,DELETE,POST,PUT\r\n"
    "Access-Control-Allow-Headers: "
    "Authorization,User-Agent,X-Api-Key,Api-Key,X-Goog-Api-Key,Content-Type,"
    "HTTP-Referer,X-OpenRouter-Title,X-Title,X-OpenRouter-Categories,X-OpenRouter-Metadata,X-"
    "Session-Id,"
    "X-Stainless-Lang,X-Stainless-Package-Version,X-Stainless-OS,X-Stainless-Arch,X-Stainless-"
    "Runtime,"
    "X-Stainless-Runtime-Version,X-Stainless-Retry-Count,X-Stainless-Timeout,X-Stainless-Async,"
    "X-Stainless-Helper-Method,Idempotency-Key,anthropic-version,anthropic-beta,traceparent,"
    "tracestate,b3\r\n"
    "Access-Control-Max-Age: 86400\r\n";

constexpr std::string_view kJson = "Content-Type: application/json\r\n";

std::string_view query_value(std::string_view query, std::string_view name) noexcept {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return pair.substr(equals + 1);
    }
    query.remove_prefix(pair.size() == query.size() ? query.size() : pair.size() + 1);
  }
  return {};
}

}  // namespace

Task<> FrontDoor::handle(http::ServerExchange& exchange) {
  const Route route = find_route(exchange.head().path);
  const http::Verb method = exchange.head().method;
  if (method == http::Verb::options) {
    co_await preflight(exchange);
    co_return;
  }
  if (route.target == Target::Unknown || !allows(route, method)) {
    co_await refuse_path(exchange, route);
    co_return;
  }
  switch (route.target) {
    case Target::ChatCompletions:
      co_await gateway_.serve(exchange, {gateway::Api::ChatCompletions});
      break;
    case Target::Completions: co_await gateway_.serve(exchange, {gateway::Api::Completions}); break;
    case Target::Embeddings: co_await gateway_.serve(exchange, {gateway::Api::Embeddings}); break;
    case Target::Messages: co_await gateway_.serve(exchange, {gateway::Api::Messages}); break;
    case Target::Responses: co_await gateway_.serve(exchange, {gateway::Api::Responses}); break;
    case Target::GeminiContent:
      co_await gateway_.serve(exchange, {gateway::Api::GeminiContent, route.id, route.stream});
      break;
    case Target::OllamaChat: co_await gateway_.serve(exchange, {gateway::Api::OllamaChat}); break;
    case Target::OllamaGenerate:
      co_await gateway_.serve(exchange, {gateway::Api::OllamaGenerate});
      break;
    case Target::CountTokens:
    case Target::GeminiCount: co_await count_tokens(exchange, route); break;
    case Target::GeminiModels:
    case Target::GeminiModel:
    case Target::OllamaTags:
    case Target::OllamaShow:
    case Target::OllamaVersion: co_await foreign_models(exchange, route); break;
    case Target::Models:
    case Target::Model:
    case Target::ModelEndpoints: co_await models(exchange, route); break;
    case Target::Generation: co_await generation(exchange); break;
    case Target::Key: co_await key(exchange); break;
    case Target::HealthLive: co_await live(exchange); break;
    case Target::HealthReady: co_await ready(exchange); break;
    case Target::Metrics: co_await metrics(exchange); break;
    case Target::Unknown: break;
  }
}

std::string FrontDoor::rejection_body(const http::Rejection& rejection) {
  gateway_.metrics().connections.http_rejections.increment(rejection.error.code());
  return gateway::error_body(rejection.status, rejection.error);
}

std::string FrontDoor::rejection_fields(const http::RequestHead& head) {
  return gateway_.common_fields(head);
}

Task<> FrontDoor::preflight(http::ServerExchange& exchange) {
  std::string fields = gateway_.common_fields(exchange.head());
  fields += kPreflightFields;
  gateway_.metrics().count_request(telemetry::Route::Other, 204);
  const bool sent = co_await exchange.respond(204, fields, {});
  static_cast<void>(sent);
}

Task<> FrontDoor::refuse_path(http::ServerExchange& exchange, const Route& route) {
  const std::string path = printable(exchange.head().path);
  if (route.target == Target::Unknown) {
    Error error(ErrorKind::NotFound, "not_found",
                "There is no " + path + " here; did you mean " +
                    nearest_endpoint(exchange.head().path) + "?");
    co_await gateway_.refuse(exchange, telemetry::Route::Other, 404, std::move(error));
    co_return;
  }
  const Error error(ErrorKind::InvalidRequest, "method_not_allowed",
                    path + " takes " + std::string(route.allow) + " only.");
  gateway_.metrics().count_request(telemetry::Route::Other, 405);
  std::string fields = gateway_.common_fields(exchange.head());
  fields += kJson;
  http::append_field(fields, "Allow", route.allow);
  const std::string body = gateway::error_body(405, error);
  const bool sent = co_await exchange.respond(405, fields, body);
  static_cast<void>(sent);
}

Task<> FrontDoor::answer(http::ServerExchange& exchange,
                         telemetry::Route counted,
                         std::string extra_fields,
                         std::string body) {
  gateway_.metrics().count_request(counted, 200);
  std::string fields = gateway_.common_fields(exchange.head());
  fields += extra_fields;
  const bool sent = co_await exchange.respond(200, fields, body);
  static_cast<void>(sent);
}

Task<> FrontDoor::models(http::ServerExchange& exchange, const Route& route) {
  // The list is public, as OpenRouter's; a key that is sent must be a good one.
  const auto presented = gateway::presented_key(exchange.head());
  if (!presented || !presented->empty()) {
    const auto caller = gateway_.identify(exchange);
    if (!caller) {
      co_await gateway_.refuse(exchange, telemetry::Route::Models,
                               gateway::status_of(caller.error()), caller.error());
      co_return;
    }
  }
  const catalog::Catalog& catalog = gateway_.live().catalog();
  std::string fields(kJson);
  fields += "Cache-Control: public, max-age=120\r\n";
  if (route.target == Target::Models) {
    const auto page = management::parse_page(query_value(exchange.head().query, "offset"),
                                             query_value(exchange.head().query, "limit"));
    if (!page) {
      co_await gateway_.refuse(exchange, telemetry::Route::Models, 400, page.error());
      co_return;
    }
    if (listed_.get() != &gateway_.live()) {
      listed_ = gateway_.live_snapshot();
      models_.emplace(listed_->catalog());
    }
    co_await answer(exchange, telemetry::Route::Models, std::move(fields), models_->page(*page));
    co_return;
  }
  const catalog::Model* const model = catalog.resolve(route.id);
  if (model == nullptr) {
    Error error(ErrorKind::NotFound, "model_not_found",
                "There is no model '" + printable(route.id) +
                    "' here; GET /v1/models lists what there is.");
    co_await gateway_.refuse(exchange, telemetry::Route::Models, 404, std::move(error));
    co_return;
  }
  std::string body = route.target == Target::Model
                         ? management::model_body(catalog, *model)
                         : management::model_endpoints_body(catalog, *model);
  co_await answer(exchange, telemetry::Route::Models, std::move(fields), std::move(body));
}

Task<> FrontDoor::generation(http::ServerExchange& exchange) {
  const auto caller = gateway_.identify(exchange);
  if (!caller) {
    co_await gateway_.refuse(exchange, telemetry::Route::Generation,
                             gateway::status_of(caller.error()), caller.error());
    co_return;
  }
  const std::string_view id_text = query_value(exchange.head().query, "id");
  const auto id = GenerationId::parse(id_text);
  std::optional<ledger::GenerationRecord> found;
  if (id) {
    auto lookup = [this, wanted = *id] {
      return services_.ledger.reader().find_generation(wanted);
    };
    auto result = co_await net::offload(services_.blocking, exchange.worker(), std::move(lookup));
    if (!result) {
      co_await gateway_.refuse(exchange, telemetry::Route::Generation, 503, result.error());
      co_return;
    }
    found = std::move(*result);
  }
  // Another key's generation is as unknown as one that never was.
  if (!found || found->settlement.key != caller->key->id) {
    Error error(ErrorKind::NotFound, "generation_not_found",
                "Generation " + printable(id_text, 40) + " not found.");
    co_await gateway_.refuse(exchange, telemetry::Route::Generation, 404, std::move(error));
    co_return;
  }
  std::string body = management::generation_body(*found, gateway_.live().catalog());
  co_await answer(exchange, telemetry::Route::Generation,
                  std::string(kJson) + "Cache-Control: private, no-store\r\n", std::move(body));
}

Task<> FrontDoor::key(http::ServerExchange& exchange) {
  const auto caller = gateway_.identify(exchange);
  if (!caller) {
    co_await gateway_.refuse(exchange, telemetry::Route::Key, gateway::status_of(caller.error()),
                             caller.error());
    co_return;
  }
  auto lookup = [this, id = caller->key->id] {
    return services_.ledger.reader().key_usage(id, wall_now());
  };
  auto usage = co_await net::offload(services_.blocking, exchange.worker(), std::move(lookup));
  if (!usage) {
    co_await gateway_.refuse(exchange, telemetry::Route::Key, 503, usage.error());
    co_return;
  }
  std::string body = management::key_body(*caller->key, *usage);
  co_await answer(exchange, telemetry::Route::Key,
                  std::string(kJson) + "Cache-Control: private, no-store\r\n", std::move(body));
}

Task<> FrontDoor::live(http::ServerExchange& exchange) {
  co_await answer(exchange, telemetry::Route::Health, std::string(kJson), "{\"status\":\"live\"}");
}

bool FrontDoor::may_see_admin(const http::ServerExchange& exchange) const {
  return exchange.listener_tag() == kAdminTag;
}

Task<> FrontDoor::ready(http::ServerExchange& exchange) {
  const bool draining = services_.draining.load(std::memory_order_relaxed);
  const auto failure = services_.ledger.failure();
  const bool is_ready = !draining && !failure && services_.ledger.has_room();
  const unsigned status = is_ready ? 200 : 503;
  const ReloadState::View reloads = services_.reloads.view();
  const std::string body = management::health_ready_body(
      {.ready = is_ready,
       .draining = draining,
       .snapshot = reloads.version,
       .ledger_fault = failure ? std::string_view(failure->detail()) : std::string_view{},
       .reload_faults = reloads.last_faults},
      may_see_admin(exchange) ? management::ReadyDetail::Full
                              : management::ReadyDetail::StatusOnly);
  gateway_.metrics().count_request(telemetry::Route::Health, status);
  std::string fields = gateway_.common_fields(exchange.head());
  fields += kJson;
  const bool sent = co_await exchange.respond(status, fields, body);
  static_cast<void>(sent);
}

Task<> FrontDoor::metrics(http::ServerExchange& exchange) {
  if (!may_see_admin(exchange) && !gateway_.live().settings().public_metrics) {
    co_await refuse_path(exchange, Route{});
    co_return;
  }
  auto page = co_await services_.metrics.render(exchange.worker());
  if (!page) {
    co_await gateway_.refuse(exchange, telemetry::Route::Metrics, 503, page.error());
    co_return;
  }
  std::string fields = "Content-Type: ";
  fields.append(telemetry::kPrometheusContentType).append("\r\n");
  co_await answer(exchange, telemetry::Route::Metrics, std::move(fields), std::move(*page));
}

}  // namespace waybill::app
