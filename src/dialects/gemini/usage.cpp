// Token counts, and the words that stand beside them.

#include <algorithm>
#include <array>

#include "../charge_write.hpp"
#include "../count_reader.hpp"
#include "gemini.hpp"

namespace waybill::dialects::gemini {
namespace {

struct FinishRow {
  std::string_view word;
  FinishReason finish;
};
// FinishReason and BlockReason, Gemini API and Vertex AI references.
constexpr std::array<FinishRow, 15> kFinishes{{
    {"STOP", FinishReason::Stop},
    {"MAX_TOKENS", FinishReason::Length},
    {"SAFETY", FinishReason::ContentFilter},
    {"RECITATION", FinishReason::ContentFilter},
    {"LANGUAGE", FinishReason::ContentFilter},
    {"BLOCKLIST", FinishReason::ContentFilter},
    {"PROHIBITED_CONTENT", FinishReason::ContentFilter},
    {"SPII", FinishReason::ContentFilter},
    {"IMAGE_SAFETY", FinishReason::ContentFilter},
    {"IMAGE_PROHIBITED_CONTENT", FinishReason::ContentFilter},
    {"IMAGE_RECITATION", FinishReason::ContentFilter},
    {"MODEL_ARMOR", FinishReason::ContentFilter},
    {"MALFORMED_FUNCTION_CALL", FinishReason::Error},
    {"UNEXPECTED_TOOL_CALL", FinishReason::Error},
    {"OTHER", FinishReason::Error},
}};

// Tokens of one modality.
void read_modality(CountReader& counts,
                   const JsonRef& details,
                   std::string_view modality,
                   std::uint64_t& count) {
  for (const JsonRef detail : details) {
    if (detail["modality"].equals(modality)) {
      std::uint64_t of_this = 0;
      counts.read(detail["tokenCount"], of_this);
      count = std::min(count + of_this, kLargestCount);
    }
  }
}

void write_modality(JsonWriter& json, std::string_view modality, std::uint64_t count) {
  if (count > 0) {
    json.begin_object();
    json.text("modality", modality);
    json.number("tokenCount", count);
    json.end_object();
  }
}

}  // namespace

FinishReason finish_of(std::string_view word) noexcept {
  const auto* const row = std::ranges::find(kFinishes, word, &FinishRow::word);
  return row == kFinishes.end() ? FinishReason::Error : row->finish;
}

std::string_view word_of(FinishReason finish, std::string_view native) noexcept {
  if (finish == FinishReason::None || finish == FinishReason::ToolCalls) {
    finish = FinishReason::Stop;
  }
  for (const FinishRow& row : kFinishes) {
    if (row.word == native && row.finish == finish) {
      return row.word;
    }
  }
  switch (finish) {
    case FinishReason::Length: return "MAX_TOKENS";
    case FinishReason::ContentFilter: return "SAFETY";
    case FinishReason::Error: return "OTHER";
    default: return "STOP";
  }
}

// "promptTokenCount ... includes the number of tokens in the cached content"; results of
// Google's own tools and thoughts stand beside the two main counts (UsageMetadata).
ReadUsage read_usage(const JsonRef& metadata) {
  CountReader counts;
  Usage usage;
  std::uint64_t of_tools = 0;
  std::uint64_t candidates = 0;
  counts.read(metadata["promptTokenCount"], usage.prompt);
  counts.read(metadata["toolUsePromptTokenCount"], of_tools);
  counts.read(metadata["candidatesTokenCount"], candidates);
  counts.read(metadata["thoughtsTokenCount"], usage.reasoning);
  counts.read(metadata["cachedContentTokenCount"], usage.cached_read);
  read_modality(counts, metadata["promptTokensDetails"], "AUDIO", usage.audio_prompt);
  read_modality(counts, metadata["candidatesTokensDetails"], "AUDIO", usage.audio_completion);
  read_modality(counts, metadata["candidatesTokensDetails"], "IMAGE", usage.image_completion);
  usage.prompt = std::min(usage.prompt + of_tools, kLargestCount);
  usage.completion = std::min(candidates + usage.reasoning, kLargestCount);
  counts.within(usage.cached_read, usage.prompt);
  counts.within(usage.audio_prompt, usage.prompt);
  counts.within(usage.audio_completion, usage.completion);
  counts.within(usage.image_completion, usage.completion);
  return {usage, counts.fault()};
}

std::string_view service_tier_of(const JsonRef& metadata) noexcept {
  const JsonRef tier = metadata["serviceTier"];
  const JsonRef traffic = metadata["trafficType"];  // Vertex AI
  const std::string_view word = tier.is_string() ? tier.escaped() : traffic.escaped();
  if (word == "standard" || word == "ON_DEMAND") {
    return "default";
  }
  if (word == "flex" || word == "ON_DEMAND_FLEX") {
    return "flex";
  }
  return word == "priority" || word == "ON_DEMAND_PRIORITY" ? "priority" : "";
}

void write_usage(JsonWriter& json, const ReplyBill& bill, std::string_view service_tier) {
  const Usage& usage = bill.usage;
  const std::uint64_t thoughts = std::min(usage.reasoning, usage.completion);
  json.begin_object("usageMetadata");
  json.number("promptTokenCount", usage.prompt);
  json.number("candidatesTokenCount", usage.completion - thoughts);
  json.number("totalTokenCount", usage.prompt + usage.completion);
  if (usage.cached_read > 0) {
    json.number("cachedContentTokenCount", usage.cached_read);
  }
  if (thoughts > 0) {
    json.number("thoughtsTokenCount", thoughts);
  }
  json.begin_array("promptTokensDetails");
  write_modality(json, "TEXT", usage.prompt - std::min(usage.audio_prompt, usage.prompt));
  write_modality(json, "AUDIO", usage.audio_prompt);
  json.end_array();
  if (usage.audio_completion > 0 || usage.image_completion > 0) {
    json.begin_array("candidatesTokensDetails");
    write_modality(json, "AUDIO", usage.audio_completion);
    write_modality(json, "IMAGE", usage.image_completion);
    json.end_array();
  }
  json.text_if_any("serviceTier", service_tier == "default" ? "standard" : service_tier);
  json.end_object();
  json.begin_object("usage");
  write_charge(json, bill.charge);
  json.end_object();
}

}  // namespace waybill::dialects::gemini
