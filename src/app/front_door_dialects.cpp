// What clients of other dialects ask beside answers: which models there are, and how long a
// prompt is.

#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/gateway/client_api.hpp"
#include "waybill/gateway/error_reply.hpp"
#include "waybill/management/foreign_models.hpp"

#include "front_door.hpp"

namespace waybill::app {
namespace {

using net::Task;

constexpr std::string_view kJsonType = "Content-Type: application/json\r\n";

const dialects::Dialect& dialect_of(const Route& route) noexcept {
  switch (route.target) {
    case Target::CountTokens: return *gateway::client_api(gateway::Api::Messages).dialect;
    case Target::GeminiCount:
    case Target::GeminiModels:
    case Target::GeminiModel: return *gateway::client_api(gateway::Api::GeminiContent).dialect;
    default: return *gateway::client_api(gateway::Api::OllamaChat).dialect;
  }
}

Error no_such_model(std::string_view id) {
  return {ErrorKind::NotFound, "model_not_found",
          "There is no model '" + printable(id) + "' here; GET /v1/models lists what there is."};
}

}  // namespace

// Answers with an error as the route's clients read it.
Task<> FrontDoor::refuse_as(http::ServerExchange& exchange, const Route& route, Error error) {
  const unsigned status = gateway::status_of(error);
  gateway_.metrics().count_request(telemetry::Route::Models, status);
  std::string fields = gateway_.common_fields(exchange.head());
  fields += kJsonType;
  const std::string body = gateway::error_body(dialect_of(route), status, error, {}, {});
  const bool sent = co_await exchange.respond(status, fields, body);
  static_cast<void>(sent);  // a client that is gone needs no answer
}

// Ollama names models with a tag; ours have none.
const catalog::Model* FrontDoor::named_model(std::string_view id) const {
  const catalog::Catalog& catalog = gateway_.live().catalog();
  constexpr std::string_view kLatest = ":latest";
  const catalog::Model* const model = catalog.resolve(id);
  return model == nullptr && id.ends_with(kLatest)
             ? catalog.resolve(id.substr(0, id.size() - kLatest.size()))
             : model;
}

Task<> FrontDoor::foreign_models(http::ServerExchange& exchange, const Route& route) {
  const auto presented = gateway::presented_key(exchange.head());
  if (!presented || !presented->empty()) {
    const auto caller = gateway_.identify(exchange);
    if (!caller) {
      co_await refuse_as(exchange, route, caller.error());
      co_return;
    }
  }
  const gateway::LiveSnapshotPtr live = gateway_.live_snapshot();
  const catalog::Catalog& catalog = live->catalog();
  std::string id = route.id;
  std::string body;
  switch (route.target) {
    case Target::GeminiModels: body = management::gemini_models_body(catalog); break;
    case Target::OllamaTags: body = management::ollama_tags_body(catalog); break;
    case Target::OllamaVersion: body = management::ollama_version_body(); break;
    case Target::OllamaShow: {
      std::string asked;
      if (const auto rejection = co_await exchange.read_body(asked)) {
        co_await refuse_as(exchange, route, rejection->error);
        co_return;
      }
      id = dialects::text_member(asked, "model");
      id = id.empty() ? dialects::text_member(asked, "name") : id;
      break;
    }
    default: break;
  }
  if (body.empty()) {
    const catalog::Model* const model = named_model(id);
    if (model == nullptr) {
      co_await refuse_as(exchange, route, no_such_model(id));
      co_return;
    }
    body = route.target == Target::OllamaShow ? management::ollama_show_body(catalog, *model)
                                              : management::gemini_model_body(*model);
  }
  co_await answer(exchange, telemetry::Route::Models, std::string(kJsonType), std::move(body));
}

// An estimate: providers count with vocabularies that nobody ships.
Task<> FrontDoor::count_tokens(http::ServerExchange& exchange, const Route& route) {
  const auto caller = gateway_.identify(exchange);
  if (!caller) {
    co_await refuse_as(exchange, route, caller.error());
    co_return;
  }
  std::string asked;
  if (const auto rejection = co_await exchange.read_body(asked)) {
    co_await refuse_as(exchange, route, rejection->error);
    co_return;
  }
  const auto conversation = dialect_of(route).decode_request(asked);
  if (!conversation) {
    co_await refuse_as(exchange, route, conversation.error());
    co_return;
  }
  const std::string& id = route.id.empty() ? conversation->model : route.id;
  if (named_model(id) == nullptr) {
    co_await refuse_as(exchange, route, no_such_model(id));
    co_return;
  }
  const std::uint64_t tokens =
      dialects::estimate_tokens(dialects::facts_of(*conversation).text_bytes);
  co_await answer(exchange, telemetry::Route::Messages, std::string(kJsonType),
                  route.target == Target::CountTokens ? management::anthropic_count_body(tokens)
                                                      : management::gemini_count_body(tokens));
}

}  // namespace waybill::app
