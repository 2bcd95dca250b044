#include "cohere_chat.hpp"

namespace waybill::dialects {

const Dialect kCohereChat{
    .name = cohere::kName,
    .expresses = {Feature::Tools,
                  Feature::ToolResults,
                  Feature::Images,
                  Feature::ImageUrls,
                  Feature::JsonSchema,
                  Feature::StrictTools,
                  Feature::ToolChoice,
                  Feature::JsonMode,
                  Feature::Temperature,
                  Feature::TopP,
                  Feature::TopK,
                  Feature::FrequencyPenalty,
                  Feature::PresencePenalty,
                  Feature::Seed,
                  Feature::Stop,
                  Feature::Logprobs,
                  Feature::Reasoning,
                  Feature::ReasoningBudget,
                  Feature::ReasoningReplay,
                  Feature::ImageDetail},
    .framing = Framing::Sse,
    .path = "/v2/chat",
    .encode_request = cohere::encode_request,
    .decode_response = cohere::decode_response,
    .make_reader = cohere::make_reader,
    .decode_error = cohere::decode_error,
};

}  // namespace waybill::dialects
