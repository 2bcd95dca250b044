// Which handler a request path belongs to.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/http/head.hpp"

namespace waybill::app {

enum class Target : unsigned char {
  ChatCompletions,
  Completions,
  Embeddings,
  Messages,       // Anthropic's
  CountTokens,    // likewise
  Responses,      // OpenAI's
  GeminiContent,  // `id`, `stream`
  GeminiCount,    // `id`
  GeminiModels,   // the list
  GeminiModel,    // `id`
  OllamaChat,
  OllamaGenerate,
  OllamaTags,
  OllamaShow,
  OllamaVersion,
  Models,          // the list
  Model,           // one model; `id`
  ModelEndpoints,  // one model's endpoints; `id`
  Generation,
  Key,
  HealthLive,
  HealthReady,
  Metrics,
  Unknown,
};

struct Route {
  Target target = Target::Unknown;
  std::string id;          // decoded model id, where the path names one
  std::string_view allow;  // methods, as the Allow field lists them
  bool stream = false;     // the path asks for a stream
};

// The same handlers answer under /v1, /api/v1, /api and at the root, because
// clients differ in what they append to a base URL.  Exact match, no
// normalisation: dots, doubled slashes and encoded slashes outside a model id
// find nothing.
[[nodiscard]] Route find_route(std::string_view path);

// Whether the route takes this method (HEAD goes with GET).
[[nodiscard]] bool allows(const Route& route, http::Verb method) noexcept;

// "POST /v1/chat/completions": what a person most likely meant by an unknown path.
[[nodiscard]] std::string nearest_endpoint(std::string_view path);

}  // namespace waybill::app
