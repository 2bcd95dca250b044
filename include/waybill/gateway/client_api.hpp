// What a client speaks: the inference endpoints that Waybill serves.

#pragma once

#include <optional>
#include <string>

#include "waybill/dialects/codec.hpp"
#include "waybill/ledger/records.hpp"
#include "waybill/telemetry/metrics.hpp"

namespace waybill::gateway {

enum class Api : std::uint8_t {
  ChatCompletions,
  Completions,
  Embeddings,
  Messages,       // Anthropic
  Responses,      // OpenAI
  GeminiContent,  // Google, generateContent and streamGenerateContent
  OllamaChat,
  OllamaGenerate,
};

// One of them.
struct ClientApi {
  Api api = Api::ChatCompletions;
  dialects::RequestKind kind = dialects::RequestKind::Chat;
  const dialects::Dialect* dialect = nullptr;  // never null: errors have a shape too
  ledger::Endpoint endpoint = ledger::Endpoint::Other;
  telemetry::Route route = telemetry::Route::Other;
};

[[nodiscard]] const ClientApi& client_api(Api api) noexcept;

// One inference request as its path tells it.
struct InferenceCall {
  Api api = Api::ChatCompletions;
  std::string model{};           // where the path names it
  std::optional<bool> stream{};  // where the path says it
};

}  // namespace waybill::gateway
