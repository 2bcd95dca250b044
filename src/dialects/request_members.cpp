#include "request_members.hpp"

#include "waybill/base/text.hpp"

#include "key_table.hpp"

namespace waybill::dialects {
namespace {

using M = RequestMember;

constexpr auto kMembers = make_key_table<M>({
    {"model", M::Model},
    {"models", M::Models},
    {"messages", M::Messages},
    {"prompt", M::Prompt},
    {"input", M::Input},
    {"suffix", M::Suffix},
    {"stream", M::Stream},
    {"stream_options", M::StreamOptions},
    {"max_tokens", M::MaxTokens},
    {"max_completion_tokens", M::MaxCompletionTokens},
    {"n", M::N},
    {"best_of", M::BestOf},
    {"temperature", M::Temperature},
    {"top_p", M::TopP},
    {"frequency_penalty", M::FrequencyPenalty},
    {"presence_penalty", M::PresencePenalty},
    {"seed", M::Seed},
    {"stop", M::Stop},
    {"logit_bias", M::LogitBias},
    {"logprobs", M::Logprobs},
    {"top_logprobs", M::TopLogprobs},
    {"tools", M::Tools},
    {"tool_choice", M::ToolChoice},
    {"parallel_tool_calls", M::ParallelToolCalls},
    {"functions", M::Functions},
    {"function_call", M::FunctionCall},
    {"response_format", M::ResponseFormat},
    {"prediction", M::Prediction},
    {"metadata", M::Metadata},
    {"modalities", M::Modalities},
    {"audio", M::Audio},
    {"user", M::User},
    {"store", M::Store},
    {"top_k", M::TopK},
    {"min_p", M::MinP},
    {"top_a", M::TopA},
    {"repetition_penalty", M::RepetitionPenalty},
    {"reasoning", M::Reasoning},
    {"reasoning_effort", M::ReasoningEffort},
    {"include_reasoning", M::IncludeReasoning},
    {"verbosity", M::Verbosity},
    {"service_tier", M::ServiceTier},
    {"prompt_cache_key", M::PromptCacheKey},
    {"cache_control", M::CacheControl},
    {"web_search_options", M::WebSearchOptions},
    {"safety_identifier", M::SafetyIdentifier},
    {"dimensions", M::Dimensions},
    {"encoding_format", M::EncodingFormat},
    {"echo", M::Echo},
    {"timeout", M::Timeout},
    {"provider", M::Provider},
    {"route", M::Route},
    {"plugins", M::Plugins},
    {"transforms", M::Transforms},
    {"preset", M::Preset},
    {"usage", M::Usage},
    {"session_id", M::SessionId},
    {"trace", M::Trace},
    {"debug", M::Debug},
    {"max_tool_calls", M::MaxToolCalls},
    {"stop_server_tools_when", M::StopServerToolsWhen},
    {"api_base", M::Forbidden},
    {"base_url", M::Forbidden},
    {"api_key", M::Forbidden},
    {"api_version", M::Forbidden},
    {"user_config", M::Forbidden},
    {"callbacks", M::Forbidden},
    {"success_callback", M::Forbidden},
    {"failure_callback", M::Forbidden},
    {"proxy", M::Forbidden},
    {"proxies", M::Forbidden},
    {"extra_headers", M::Forbidden},
    {"default_headers", M::Forbidden},
    {"custom_llm_provider", M::Forbidden},
    {"model_list", M::Forbidden},
    {"aws_access_key_id", M::Forbidden},
    {"aws_secret_access_key", M::Forbidden},
    {"aws_session_token", M::Forbidden},
    {"azure_ad_token", M::Forbidden},
    {"vertex_credentials", M::Forbidden},
});

}  // namespace

std::optional<RequestMember> find_request_member(std::string_view name) noexcept {
  return kMembers.find(name);
}

std::optional<RequestMember> find_folded_member(std::string_view name) {
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
  return folded == name ? std::nullopt : kMembers.find(folded);
}

std::string_view name(RequestMember member) noexcept {
  for (const auto& entry : kMembers.entries()) {
    if (entry.value == member) {
      return entry.name;
    }
  }
  return "";
}

}  // namespace waybill::dialects
