#include "routes.hpp"

#include <algorithm>
#include <array>

#include "waybill/base/text.hpp"

namespace waybill::app {
namespace {

constexpr std::string_view kGet = "GET, HEAD, OPTIONS";
constexpr std::string_view kPost = "POST, OPTIONS";

struct Fixed {
  std::string_view path;
  Target target;
  std::string_view allow;
};

// Below the API's prefix.
constexpr std::array kApi{
    Fixed{"/chat/completions", Target::ChatCompletions, kPost},
    Fixed{"/completions", Target::Completions, kPost},
    Fixed{"/embeddings", Target::Embeddings, kPost},
    Fixed{"/messages", Target::Messages, kPost},
    Fixed{"/messages/count_tokens", Target::CountTokens, kPost},
    Fixed{"/responses", Target::Responses, kPost},
    Fixed{"/models", Target::Models, kGet},
    Fixed{"/models/user", Target::Models, kGet},
    Fixed{"/generation", Target::Generation, kGet},
    Fixed{"/key", Target::Key, kGet},
    Fixed{"/auth/key", Target::Key, kGet},
};

constexpr std::array kRoot{
    Fixed{"/health/live", Target::HealthLive, kGet},
    Fixed{"/health/ready", Target::HealthReady, kGet},
    Fixed{"/metrics", Target::Metrics, kGet},
    // Ollama's own API; none of these names is also one below /api of ours.
    Fixed{"/api/chat", Target::OllamaChat, kPost},
    Fixed{"/api/generate", Target::OllamaGenerate, kPost},
    Fixed{"/api/tags", Target::OllamaTags, kGet},
    Fixed{"/api/show", Target::OllamaShow, kPost},
    Fixed{"/api/version", Target::OllamaVersion, kGet},
    Fixed{"/v1beta/models", Target::GeminiModels, kGet},
};

constexpr std::array<std::string_view, 3> kPrefixes{"/api/v1", "/v1", "/api"};

std::string_view without_prefix(std::string_view path) noexcept {
  for (const std::string_view prefix : kPrefixes) {
    if (path.starts_with(prefix) && path.size() > prefix.size() && path[prefix.size()] == '/') {
      return path.substr(prefix.size());
    }
  }
  return path;
}

// An id is "author/slug" or "slug", where "%2F" may stand for the slash.
std::optional<std::string> decode_model_id(std::string_view text) {
  std::string id;
  while (true) {
    const std::size_t slash = text.find('/');
    const auto segment = http::decode_segment(text.substr(0, slash));
    if (!segment || segment->empty() || *segment == "." || *segment == "..") {
      return std::nullopt;
    }
    id += *segment;
    if (slash == std::string_view::npos) {
      return id;
    }
    id += '/';
    text.remove_prefix(slash + 1);
  }
}

std::optional<Route> model_route(std::string_view path) {
  std::string_view rest;
  if (path.starts_with("/models/")) {
    rest = path.substr(std::string_view("/models/").size());
  } else if (path.starts_with("/model/")) {
    rest = path.substr(std::string_view("/model/").size());
  } else {
    return std::nullopt;
  }
  Target target = Target::Model;
  constexpr std::string_view kEndpoints = "/endpoints";
  if (rest.ends_with(kEndpoints)) {
    rest.remove_suffix(kEndpoints.size());
    target = Target::ModelEndpoints;
  }
  auto id = decode_model_id(rest);
  if (!id) {
    return std::nullopt;
  }
  return Route{target, std::move(*id), kGet};
}

// Google's: /v1beta/models/{model}:{method}.  The last colon starts the method; all before it
// is the id.
std::optional<Route> gemini_route(std::string_view path) {
  constexpr std::string_view kModels = "/v1beta/models/";
  constexpr std::string_view kStable = "/v1/models/";  // its methods only: the rest is OpenAI's
  const bool stable = path.starts_with(kStable);
  if (!path.starts_with(kModels) && !stable) {
    return std::nullopt;
  }
  path.remove_prefix(stable ? kStable.size() : kModels.size());
  const std::size_t colon = path.rfind(':');
  const std::string_view method =
      colon == std::string_view::npos ? std::string_view{} : path.substr(colon + 1);
  Route route;
  route.allow = kPost;
  if (method == "generateContent" || method == "streamGenerateContent") {
    route.target = Target::GeminiContent;
    route.stream = method == "streamGenerateContent";
  } else if (method == "countTokens") {
    route.target = Target::GeminiCount;
  } else if (stable) {
    return std::nullopt;
  } else {
    route.target = Target::GeminiModel;
    route.allow = kGet;
  }
  auto id = decode_model_id(route.target == Target::GeminiModel ? path : path.substr(0, colon));
  if (!id) {
    return std::nullopt;
  }
  route.id = *std::move(id);
  return route;
}

}  // namespace

Route find_route(std::string_view path) {
  const std::string_view api_path = without_prefix(path);
  for (const Fixed& fixed : kApi) {
    if (fixed.path == api_path) {
      return {fixed.target, {}, fixed.allow};
    }
  }
  for (const Fixed& fixed : kRoot) {
    if (fixed.path == path) {
      return {fixed.target, {}, fixed.allow};
    }
  }
  if (auto gemini = gemini_route(path)) {
    return *std::move(gemini);
  }
  return model_route(api_path).value_or(Route{});
}

bool allows(const Route& route, http::Verb method) noexcept {
  if (route.allow == kPost) {
    return method == http::Verb::post;
  }
  return method == http::Verb::get || method == http::Verb::head;
}

std::string nearest_endpoint(std::string_view path) {
  std::array<std::string_view, kApi.size()> paths;
  std::transform(kApi.begin(), kApi.end(), paths.begin(),
                 [](const Fixed& fixed) { return fixed.path; });
  const std::string_view api_path = without_prefix(path);
  const auto nearest = closest(api_path, paths);
  std::string_view best = nearest.value_or("/chat/completions");
  if (!nearest) {
    // A known last word says more than the distance: "/openai/chat/completions".
    for (const std::string_view candidate : paths) {
      if (api_path.ends_with(candidate)) {
        best = candidate;
        break;
      }
    }
  }
  const auto* const fixed =
      std::find_if(kApi.begin(), kApi.end(), [&](const Fixed& item) { return item.path == best; });
  return std::string(fixed->allow == kPost ? "POST /v1" : "GET /v1") + std::string(best);
}

}  // namespace waybill::app
