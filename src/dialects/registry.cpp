// Every dialect: one line each.

#include <algorithm>
#include <array>

#include "waybill/dialects/codec.hpp"

#include "anthropic_cloud/anthropic_cloud.hpp"
#include "anthropic_messages/anthropic_messages.hpp"
#include "bedrock_converse/bedrock_converse.hpp"
#include "cohere_chat/cohere_chat.hpp"
#include "gemini/gemini.hpp"
#include "ollama/ollama.hpp"
#include "openai_chat/openai_chat.hpp"
#include "openai_responses/openai_responses.hpp"

namespace waybill::dialects {
namespace {

constexpr std::array<const Dialect*, 10> kDialects{
    &kOpenAiChat,      &kOpenAiResponses, &kAnthropicMessages, &kAnthropicBedrock,
    &kAnthropicVertex, &kBedrockConverse, &kCohereChat,        &kGemini,
    &kOllamaChat,      &kOllamaGenerate,
};

}  // namespace

const Dialect* find_dialect(std::string_view name) noexcept {
  const auto* const found = std::ranges::find_if(
      kDialects, [&](const Dialect* dialect) { return dialect->name == name; });
  return found == kDialects.end() ? nullptr : *found;
}

std::span<const Dialect* const> all_dialects() noexcept {
  return kDialects;
}

}  // namespace waybill::dialects
