#include "waybill/dialects/conversation.hpp"

#include <algorithm>
#include <array>

namespace waybill::dialects {
namespace {

struct EffortRow {
  Effort effort;
  std::string_view name;
  std::uint64_t percent;  // of the output limit
};

// OpenRouter, "Reasoning tokens": effort levels and their share of max_tokens.
constexpr std::array<EffortRow, 7> kEfforts{{{Effort::None, "none", 0},
                                             {Effort::Minimal, "minimal", 10},
                                             {Effort::Low, "low", 20},
                                             {Effort::Medium, "medium", 50},
                                             {Effort::High, "high", 80},
                                             {Effort::XHigh, "xhigh", 95},
                                             {Effort::Max, "max", 95}}};

constexpr std::uint64_t kLeastBudget = 1'024;
constexpr std::uint64_t kMostBudget = 128'000;

const EffortRow& row_of(Effort effort) noexcept {
  return kEfforts[static_cast<std::size_t>(effort)];
}

void note_media(const MediaPart& media, FeatureSet& used) {
  using Source = MediaPart::Source;
  if (media.source == Source::Id) {
    used.add(Feature::FileIds);
    return;
  }
  const bool by_url = media.source == Source::Url;
  switch (media.kind) {
    case MediaPart::Kind::Image: used.add(by_url ? Feature::ImageUrls : Feature::Images); break;
    case MediaPart::Kind::Audio: used.add(Feature::Audio); break;
    case MediaPart::Kind::Video: used.add(Feature::Video); break;
    case MediaPart::Kind::File: used.add(by_url ? Feature::FileUrls : Feature::Files); break;
  }
  const bool detailed = !media.detail.empty() && media.detail != "auto";
  used.add_if(detailed, Feature::ImageDetail);
}

void note_part(const Part& part, Role role, FeatureSet& used) {
  used.add_if(part.cache != CacheMark::None, Feature::CacheControl);
  if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
    used.add(Feature::ToolResults);
    used.add_if(result->is_error, Feature::ToolErrors);
    for (const Part& inner : result->content) {
      used.add_if(std::holds_alternative<MediaPart>(inner.value), Feature::ToolResultMedia);
      used.add_if(inner.cache != CacheMark::None, Feature::CacheControl);
    }
  } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
    // What an assistant said aloud before is a matter of its words, not of an input.
    if (role != Role::Assistant) {
      note_media(*media, used);
    }
  } else if (std::holds_alternative<ReasoningPart>(part.value)) {
    used.add(Feature::ReasoningReplay);
  } else if (std::holds_alternative<NativePart>(part.value)) {
    used.add(Feature::NativeParts);
  }
}

void note_sampling(const Sampling& sampling, FeatureSet& used) {
  used.add_if(sampling.temperature.has_value(), Feature::Temperature);
  used.add_if(sampling.top_p.has_value(), Feature::TopP);
  used.add_if(sampling.top_k.has_value(), Feature::TopK);
  used.add_if(sampling.min_p.has_value(), Feature::MinP);
  used.add_if(sampling.top_a.has_value(), Feature::TopA);
  used.add_if(sampling.frequency_penalty.value_or(0) != 0, Feature::FrequencyPenalty);
  used.add_if(sampling.presence_penalty.value_or(0) != 0, Feature::PresencePenalty);
  used.add_if(sampling.repetition_penalty.value_or(1) != 1, Feature::RepetitionPenalty);
  used.add_if(sampling.seed.has_value(), Feature::Seed);
  used.add_if(!sampling.stop.empty(), Feature::Stop);
  used.add_if(!sampling.logit_bias_json.empty(), Feature::LogitBias);
  used.add_if(sampling.logprobs.value_or(false), Feature::Logprobs);
  used.add_if(sampling.top_logprobs.value_or(0) > 0, Feature::TopLogprobs);
  used.add_if(sampling.choices.value_or(1) > 1, Feature::Choices);
}

void note_tools(const Conversation& conversation, FeatureSet& used) {
  for (const Tool& tool : conversation.tools) {
    used.add(tool.native_json.empty() ? Feature::Tools : Feature::NativeTools);
    used.add_if(tool.strict.value_or(false), Feature::StrictTools);
    used.add_if(tool.cache != CacheMark::None, Feature::CacheControl);
  }
  const ToolChoice& choice = conversation.tool_choice;
  using Mode = ToolChoice::Mode;
  used.add_if(choice.mode == Mode::Named, Feature::NamedToolChoice);
  used.add_if(choice.mode == Mode::None || choice.mode == Mode::Required, Feature::ToolChoice);
  used.add_if(!choice.allowed.empty(), Feature::AllowedTools);
  used.add_if(conversation.parallel_tool_calls.has_value(), Feature::ParallelToolCalls);
}

}  // namespace

std::string_view name(Effort effort) noexcept {
  return row_of(effort).name;
}

std::optional<Effort> parse_effort(std::string_view text) noexcept {
  const auto* const row = std::ranges::find(kEfforts, text, &EffortRow::name);
  return row == kEfforts.end() ? std::nullopt : std::optional(row->effort);
}

std::uint64_t budget_of(Effort effort, std::uint64_t output_limit) noexcept {
  if (effort == Effort::None) {
    return 0;
  }
  const std::uint64_t share = output_limit / 100 * row_of(effort).percent +
                              output_limit % 100 * row_of(effort).percent / 100;
  return std::clamp(share, kLeastBudget, kMostBudget);
}

Effort effort_of(std::uint64_t budget, std::uint64_t output_limit) noexcept {
  Effort best = Effort::None;
  std::uint64_t least = UINT64_MAX;
  for (const EffortRow& row : kEfforts) {
    const std::uint64_t each = budget_of(row.effort, output_limit);
    const std::uint64_t distance = each > budget ? each - budget : budget - each;
    const bool known = row.effort != Effort::None && row.effort != Effort::Max;
    if (known && distance < least) {
      best = row.effort;
      least = distance;
    }
  }
  return budget == 0 ? Effort::None : best;
}

bool ReasoningWish::refused() const noexcept {
  return effort == Effort::None || (enabled && !*enabled) || (budget && *budget == 0);
}

bool ReasoningWish::wanted() const noexcept {
  return !refused() && (effort || budget || enabled.value_or(false));
}

FeatureSet features_of(const Conversation& conversation) {
  FeatureSet used;
  for (const Message& message : conversation.messages) {
    used.add_if(!message.name.empty(), Feature::Names);
    for (const Part& part : message.parts) {
      note_part(part, message.role, used);
    }
  }
  note_tools(conversation, used);
  note_sampling(conversation.sampling, used);
  used.add_if(conversation.format.kind == ResponseFormat::Kind::JsonObject, Feature::JsonMode);
  used.add_if(conversation.format.kind == ResponseFormat::Kind::JsonSchema, Feature::JsonSchema);
  used.add_if(conversation.reasoning.effort || conversation.reasoning.enabled, Feature::Reasoning);
  used.add_if(conversation.reasoning.budget.has_value(), Feature::ReasoningBudget);
  used.add_if(!conversation.verbosity.empty(), Feature::Verbosity);
  used.add_if(conversation.cache != CacheMark::None, Feature::CacheControl);
  used.add_if(!conversation.prompt_cache_key.empty(), Feature::PromptCacheKey);
  used.add_if(!conversation.service_tier.empty(), Feature::ServiceTier);
  used.add_if(!conversation.user.empty(), Feature::User);
  used.add_if(!conversation.safety_identifier.empty(), Feature::SafetyIdentifier);
  used.add_if(!conversation.metadata.empty(), Feature::Metadata);
  used.add_if(!conversation.prediction_json.empty(), Feature::Prediction);
  used.add_if(!conversation.unknown.empty(), Feature::Unknown);
  for (const std::string& modality : conversation.output_modalities) {
    used.add_if(modality == "audio", Feature::AudioOutput);
    used.add_if(modality == "image", Feature::ImageOutput);
  }
  return used;
}

}  // namespace waybill::dialects
