#include "request_members.hpp"

#include "waybill/base/ascii.hpp"

#include "key_table.hpp"

namespace waybill::dialects {
namespace {

constexpr auto kMembersByName = make_key_table<RequestMember>({
    {"model", RequestMember::Model},
    {"models", RequestMember::Models},
    {"messages", RequestMember::Messages},
    {"prompt", RequestMember::Prompt},
    {"input", RequestMember::Input},
    {"suffix", RequestMember::Suffix},
    {"stream", RequestMember::Stream},
    {"stream_options", RequestMember::StreamOptions},
    {"max_tokens", RequestMember::MaxTokens},
    {"max_completion_tokens", RequestMember::MaxCompletionTokens},
    {"n", RequestMember::N},
    {"best_of", RequestMember::BestOf},
    {"temperature", RequestMember::Temperature},
    {"top_p", RequestMember::TopP},
    {"frequency_penalty", RequestMember::FrequencyPenalty},
    {"presence_penalty", RequestMember::PresencePenalty},
    {"seed", RequestMember::Seed},
    {"stop", RequestMember::Stop},
    {"logit_bias", RequestMember::LogitBias},
    {"logprobs", RequestMember::Logprobs},
    {"top_logprobs", RequestMember::TopLogprobs},
    {"tools", RequestMember::Tools},
    {"tool_choice", RequestMember::ToolChoice},
    {"parallel_tool_calls", RequestMember::ParallelToolCalls},
    {"functions", RequestMember::Functions},
    {"function_call", RequestMember::FunctionCall},
    {"response_format", RequestMember::ResponseFormat},
    {"prediction", RequestMember::Prediction},
    {"metadata", RequestMember::Metadata},
    {"modalities", RequestMember::Modalities},
    {"audio", RequestMember::Audio},
    {"user", RequestMember::User},
    {"store", RequestMember::Store},
    {"top_k", RequestMember::TopK},
    {"min_p", RequestMember::MinP},
    {"top_a", RequestMember::TopA},
    {"repetition_penalty", RequestMember::RepetitionPenalty},
    {"reasoning", RequestMember::Reasoning},
    {"reasoning_effort", RequestMember::ReasoningEffort},
    {"include_reasoning", RequestMember::IncludeReasoning},
    {"verbosity", RequestMember::Verbosity},
    {"service_tier", RequestMember::ServiceTier},
    {"prompt_cache_key", RequestMember::PromptCacheKey},
    {"cache_control", RequestMember::CacheControl},
    {"web_search_options", RequestMember::WebSearchOptions},
    {"safety_identifier", RequestMember::SafetyIdentifier},
    {"dimensions", RequestMember::Dimensions},
    {"encoding_format", RequestMember::EncodingFormat},
    {"echo", RequestMember::Echo},
    {"timeout", RequestMember::Timeout},
    {"provider", RequestMember::Provider},
    {"route", RequestMember::Route},
    {"plugins", RequestMember::Plugins},
    {"transforms", RequestMember::Transforms},
    {"preset", RequestMember::Preset},
    {"usage", RequestMember::Usage},
    {"session_id", RequestMember::SessionId},
    {"trace", RequestMember::Trace},
    {"debug", RequestMember::Debug},
    {"max_tool_calls", RequestMember::MaxToolCalls},
    {"stop_server_tools_when", RequestMember::StopServerToolsWhen},
    {"api_base", RequestMember::Forbidden},
    {"base_url", RequestMember::Forbidden},
    {"api_key", RequestMember::Forbidden},
    {"api_version", RequestMember::Forbidden},
    {"user_config", RequestMember::Forbidden},
    {"callbacks", RequestMember::Forbidden},
    {"success_callback", RequestMember::Forbidden},
    {"failure_callback", RequestMember::Forbidden},
    {"proxy", RequestMember::Forbidden},
    {"proxies", RequestMember::Forbidden},
    {"extra_headers", RequestMember::Forbidden},
    {"default_headers", RequestMember::Forbidden},
    {"custom_llm_provider", RequestMember::Forbidden},
    {"model_list", RequestMember::Forbidden},
    {"aws_access_key_id", RequestMember::Forbidden},
    {"aws_secret_access_key", RequestMember::Forbidden},
    {"aws_session_token", RequestMember::Forbidden},
    {"azure_ad_token", RequestMember::Forbidden},
    {"vertex_credentials", RequestMember::Forbidden},
});

}  // namespace

std::optional<RequestMember> find_request_member(std::string_view name) noexcept {
  return kMembersByName.find(name);
}

std::optional<std::string_view> find_folded_name(std::string_view name) {
  constexpr std::string_view kLongS = "\xC5\xBF";
  constexpr std::string_view kKelvin = "\xE2\x84\xAA";
  std::string folded;
  for (std::size_t i = 0; i < name.size() && folded.size() <= 32;) {
    if (name.substr(i).starts_with(kLongS)) {
      folded += 's';
      i += kLongS.size();
    } else if (name.substr(i).starts_with(kKelvin)) {
      folded += 'k';
      i += kKelvin.size();
    } else {
      folded += ascii_lower(name[i++]);
    }
  }
  for (const auto& entry : kMembersByName.entries()) {
    if (folded != name && entry.name == folded) {
      return entry.name;
    }
  }
  return std::nullopt;
}

std::string_view name(RequestMember member) noexcept {
  for (const auto& entry : kMembersByName.entries()) {
    if (entry.value == member) {
      return entry.name;
    }
  }
  return "";
}

}  // namespace waybill::dialects
