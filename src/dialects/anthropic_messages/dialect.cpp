#include "anthropic_messages.hpp"

namespace waybill::dialects {
namespace {

// Names what of the API that is not settled yet a request makes use of.
constexpr std::string_view kPassedFields[]{"anthropic-beta"};

}  // namespace

const Dialect kAnthropicMessages{
    .name = anthropic::kName,
    .expresses = {Feature::Tools,
                  Feature::ToolResults,
                  Feature::Images,
                  Feature::ImageUrls,
                  Feature::Files,
                  Feature::FileUrls,
                  Feature::FileIds,
                  Feature::JsonSchema,
                  Feature::ToolErrors,
                  Feature::ToolResultMedia,
                  Feature::StrictTools,
                  Feature::ToolChoice,
                  Feature::NamedToolChoice,
                  Feature::ParallelToolCalls,
                  Feature::Temperature,
                  Feature::TopP,
                  Feature::TopK,
                  Feature::Stop,
                  Feature::Reasoning,
                  Feature::ReasoningBudget,
                  Feature::ReasoningReplay,
                  Feature::CacheControl,
                  Feature::ServiceTier,
                  Feature::User},
    .framing = Framing::Sse,
    .path = "/messages",
    .encode_request = anthropic::encode_request,
    .decode_response = anthropic::decode_response,
    .make_reader = anthropic::make_reader,
    .decode_error = anthropic::decode_error,
    .id_field = "request-id",
    .decode_request = anthropic::decode_request,
    .encode_response = anthropic::encode_response,
    .make_writer = anthropic::make_writer,
    .encode_error = anthropic::encode_error,
    .passed_fields = kPassedFields,
    .pass_request = anthropic::pass_request,
    .pass_response = anthropic::pass_response,
    .make_passer = anthropic::make_passer,
};

}  // namespace waybill::dialects
