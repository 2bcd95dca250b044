// How thinking is asked for, and what else depends on which maker's model it is.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

namespace waybill::dialects::bedrock {

// Converse passes what is not its own on to the model (additionalModelRequestFields), and
// that each maker calls otherwise.  Bedrock's ids name the maker:
// "us.anthropic.claude-haiku-4-5-20251001-v1:0".
enum class Maker : std::uint8_t {
  Anthropic,  // also an inference profile's ARN, which names nobody
  Amazon,     // Nova
  OpenAiOss,
  OpenAi,
  Mistral,
  Cohere,
  Other,
};
[[nodiscard]] Maker maker_of(std::string_view model) noexcept;

struct ReasoningPlan {
  enum class Kind : std::uint8_t {
    None,
    Budget,    // Claude: thinking {type: enabled, budget_tokens}
    Adaptive,  // Claude: thinking {type: adaptive}, output_config {effort}
    Refused,   // Claude: thinking {type: disabled}
    Effort,    // a word, in the maker's own member
  };
  Kind kind = Kind::None;
  std::uint64_t budget = 0;
  std::optional<Effort> effort{};
  std::optional<std::uint64_t> limit{};  // of the answer; nothing: the model's own

  [[nodiscard]] bool claude_thinks() const noexcept {
    return kind == Kind::Budget || kind == Kind::Adaptive;
  }
};

[[nodiscard]] ReasoningPlan plan_reasoning(const Conversation& conversation,
                                           const EncodeTarget& target,
                                           Maker maker,
                                           Losses& losses);

// Members of additionalModelRequestFields.
void write_reasoning_fields(JsonWriter& fields,
                            const ReasoningPlan& plan,
                            Maker maker,
                            bool hidden);
void write_top_k(JsonWriter& fields,
                 const std::optional<std::uint64_t>& top_k,
                 const ReasoningPlan& plan,
                 Maker maker,
                 Losses& losses);

}  // namespace waybill::dialects::bedrock
