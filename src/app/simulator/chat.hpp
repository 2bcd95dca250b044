// Answers of the two generating endpoints, in OpenAI's shapes.
//
// Sources: OpenAI API reference, "Chat Completions", "The chat completion chunk
// object" and "Completions"; reasoning_content as DeepSeek and vLLM send it.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "schema_answer.hpp"
#include "script.hpp"

namespace waybill::app::simulator {

enum class Endpoint : std::uint8_t {
  Chat,
  Completion
};

// One request as the answer needs it.
struct Asked {
  Endpoint endpoint = Endpoint::Chat;
  std::string model{};       // as sent, directives included
  std::string_view voice{};  // the part before the '?'
  std::string id{};          // "chatcmpl-…"
  std::int64_t created = 0;  // unix seconds
  std::string echoed{};      // with Behaviour::echo: the text to answer with
};

// The answer to a request body that is a JSON object, without faults.
[[nodiscard]] Reply answer(const Asked& asked, const Json& body, const Behaviour& behaviour);

}  // namespace waybill::app::simulator
