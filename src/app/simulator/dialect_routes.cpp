#include "dialect_routes.hpp"

#include <algorithm>
#include <array>

#include "waybill/http/head.hpp"

namespace waybill::app::simulator {
namespace {

// Routes whose body has the model.
struct BodyRow {
  std::string_view end;
  std::string_view dialect;
  Family family;
  Wire wire;
};
constexpr std::array<BodyRow, 5> kByBody{{
    {"/messages", "anthropic_messages", Family::Anthropic, Wire::Sse},
    {"/responses", "openai_responses", Family::OpenAi, Wire::Sse},
    {"/api/chat", "ollama_chat", Family::Ollama, Wire::Lines},
    {"/api/generate", "ollama_generate", Family::Ollama, Wire::Lines},
    {"/v2/chat", "cohere_chat", Family::Cohere, Wire::Sse},
}};

// Routes whose path has the model, between `before` and `end`.
struct PathRow {
  std::string_view before;
  std::string_view end;
  std::string_view dialect;
  Family family;
  Wire wire;
  bool streams;
};
constexpr std::array<PathRow, 8> kByPath{{
    {"/model/", "/converse", "bedrock_converse", Family::Aws, Wire::AwsEvents, false},
    {"/model/", "/converse-stream", "bedrock_converse", Family::Aws, Wire::AwsEvents, true},
    {"/model/", "/invoke", "anthropic_bedrock", Family::Aws, Wire::AwsChunks, false},
    {"/model/", "/invoke-with-response-stream", "anthropic_bedrock", Family::Aws, Wire::AwsChunks,
     true},
    {"/publishers/anthropic/models/", ":rawPredict", "anthropic_vertex", Family::Google, Wire::Sse,
     false},
    {"/publishers/anthropic/models/", ":streamRawPredict", "anthropic_vertex", Family::Google,
     Wire::Sse, true},
    {"/models/", ":generateContent", "gemini", Family::Google, Wire::Sse, false},
    {"/models/", ":streamGenerateContent", "gemini", Family::Google, Wire::JsonArray, true},
}};

bool asks_for_events(std::string_view query) {
  return ("&" + std::string(query) + "&").find("&alt=sse&") != std::string::npos;
}

}  // namespace

std::optional<DialectRoute> find_route(std::string_view path, std::string_view query) {
  const auto* const by_body =
      std::ranges::find_if(kByBody, [&](const BodyRow& row) { return path.ends_with(row.end); });
  if (by_body != kByBody.end()) {
    return DialectRoute{
        .dialect = by_body->dialect, .family = by_body->family, .wire = by_body->wire};
  }
  for (const PathRow& row : kByPath) {
    const std::size_t before = path.find(row.before);
    if (before == std::string_view::npos || !path.ends_with(row.end)) {
      continue;
    }
    const std::size_t begin = before + row.before.size();
    const std::size_t end = path.size() - row.end.size();
    const auto model = begin < end ? http::decode_segment(path.substr(begin, end - begin))
                                   : std::optional<std::string>();
    if (model && !model->empty()) {
      const bool array = row.wire == Wire::JsonArray && !asks_for_events(query);
      return DialectRoute{.dialect = row.dialect,
                          .family = row.family,
                          .wire = row.wire == Wire::JsonArray && !array ? Wire::Sse : row.wire,
                          .path_says = true,
                          .model = *model,
                          .streams = row.streams};
    }
  }
  return std::nullopt;
}

}  // namespace waybill::app::simulator
