#include "bedrock_converse.hpp"

namespace waybill::dialects {

const Dialect kBedrockConverse{
    .name = bedrock::kName,
    .expresses = {Feature::Tools,
                  Feature::ToolResults,
                  Feature::Images,
                  Feature::Audio,
                  Feature::Video,
                  Feature::Files,
                  Feature::JsonSchema,
                  Feature::NativeParts,
                  Feature::ToolErrors,
                  Feature::ToolResultMedia,
                  Feature::StrictTools,
                  Feature::ToolChoice,
                  Feature::NamedToolChoice,
                  Feature::Temperature,
                  Feature::TopP,
                  Feature::TopK,
                  Feature::Stop,
                  Feature::Reasoning,
                  Feature::ReasoningBudget,
                  Feature::ReasoningReplay,
                  Feature::CacheControl,
                  Feature::ServiceTier,
                  Feature::Metadata},
    .framing = Framing::AwsEventStream,
    .path = "/model/{model}/converse",
    .stream_path = "/model/{model}/converse-stream",
    .encode_request = bedrock::encode_request,
    .decode_response = bedrock::decode_response,
    .make_reader = bedrock::make_reader,
    .decode_error = bedrock::decode_error,
};

}  // namespace waybill::dialects
