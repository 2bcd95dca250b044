// Which dialect a path speaks.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "script.hpp"

namespace waybill::app::simulator {

// Dialects whose providers say errors alike.
enum class Family : std::uint8_t {
  OpenAi,
  Anthropic,
  Google,
  Ollama,
  Aws,
  Cohere,
};

// How the messages of a stream are put into bytes.
enum class Wire : std::uint8_t {
  Sse,
  Lines,      // one JSON value a line
  JsonArray,  // Gemini without alt=sse
  AwsEvents,
  AwsChunks,  // Anthropic's events, in base64 within AWS's
};

// One way to ask for an answer in a dialect other than OpenAI's chat.
struct DialectRoute {
  std::string_view dialect{};  // "anthropic_messages": as settings call it
  Family family = Family::OpenAi;
  Wire wire = Wire::Sse;
  bool path_says = false;  // the path, not the body, has the model, and says whether to stream
  std::string model{};     // where path_says
  bool streams = false;    // where path_says
};

// Nothing for OpenAI's chat and for what no provider has.
[[nodiscard]] std::optional<DialectRoute> find_route(std::string_view path, std::string_view query);

// An error of that family's providers.
[[nodiscard]] Reply error_reply(Family family, const ApiError& error);
// The error as the last message of a stream, and a message of broken JSON.
[[nodiscard]] std::string error_message(const DialectRoute& route, const ApiError& error);
[[nodiscard]] std::string broken_message(const DialectRoute& route);

}  // namespace waybill::app::simulator
