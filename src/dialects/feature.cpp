#include "waybill/dialects/feature.hpp"

namespace waybill::dialects {

std::string_view name(Feature feature) noexcept {
  switch (feature) {
    case Feature::Tools: return "tools";
    case Feature::ToolResults: return "tool_results";
    case Feature::Images: return "images";
    case Feature::ImageUrls: return "image_urls";
    case Feature::Audio: return "audio";
    case Feature::Video: return "video";
    case Feature::Files: return "files";
    case Feature::FileUrls: return "file_urls";
    case Feature::FileIds: return "file_ids";
    case Feature::JsonSchema: return "json_schema";
    case Feature::AudioOutput: return "audio_output";
    case Feature::ImageOutput: return "image_output";
    case Feature::NativeTools: return "provider_tools";
    case Feature::NativeParts: return "provider_content";
    case Feature::ToolErrors: return "tool_errors";
    case Feature::ToolResultMedia: return "tool_result_media";
    case Feature::StrictTools: return "strict_tools";
    case Feature::ToolChoice: return "tool_choice";
    case Feature::NamedToolChoice: return "named_tool_choice";
    case Feature::AllowedTools: return "allowed_tools";
    case Feature::ParallelToolCalls: return "parallel_tool_calls";
    case Feature::JsonMode: return "json_mode";
    case Feature::Temperature: return "temperature";
    case Feature::TopP: return "top_p";
    case Feature::TopK: return "top_k";
    case Feature::MinP: return "min_p";
    case Feature::TopA: return "top_a";
    case Feature::FrequencyPenalty: return "frequency_penalty";
    case Feature::PresencePenalty: return "presence_penalty";
    case Feature::RepetitionPenalty: return "repetition_penalty";
    case Feature::Seed: return "seed";
    case Feature::Stop: return "stop";
    case Feature::LogitBias: return "logit_bias";
    case Feature::Logprobs: return "logprobs";
    case Feature::TopLogprobs: return "top_logprobs";
    case Feature::Choices: return "n";
    case Feature::Reasoning: return "reasoning";
    case Feature::ReasoningBudget: return "reasoning_budget";
    case Feature::ReasoningReplay: return "reasoning_details";
    case Feature::Verbosity: return "verbosity";
    case Feature::Names: return "name";
    case Feature::ImageDetail: return "image_detail";
    case Feature::CacheControl: return "cache_control";
    case Feature::PromptCacheKey: return "prompt_cache_key";
    case Feature::ServiceTier: return "service_tier";
    case Feature::User: return "user";
    case Feature::SafetyIdentifier: return "safety_identifier";
    case Feature::Metadata: return "metadata";
    case Feature::Prediction: return "prediction";
    case Feature::Unknown: return "unknown_members";
  }
  return "";
}

FeatureSet FeatureSet::essential() const noexcept {
  FeatureSet out;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const auto feature = static_cast<Feature>(i);
    out.add_if(has(feature) && is_essential(feature), feature);
  }
  return out;
}

std::vector<Feature> FeatureSet::list() const {
  std::vector<Feature> out;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (has(static_cast<Feature>(i))) {
      out.push_back(static_cast<Feature>(i));
    }
  }
  return out;
}

}  // namespace waybill::dialects
