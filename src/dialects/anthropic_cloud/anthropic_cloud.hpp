// Anthropic's Messages as the clouds offer them: the same words in another envelope.
//
// Amazon Bedrock, InvokeModel: the model stands in the path, whether to stream too;
// "anthropic_version" stands in the body; a stream is an AWS event stream whose messages
// hold Anthropic's events in base64 ("Anthropic Claude Messages API", Amazon Bedrock User
// Guide; InvokeModelWithResponseStream, API Reference).
//
// Google Vertex AI, rawPredict: likewise, but "stream" stays and a stream is SSE ("Request
// predictions with Claude models", Google Cloud).

#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "waybill/dialects/codec.hpp"

namespace waybill::dialects {

extern const Dialect kAnthropicBedrock;
extern const Dialect kAnthropicVertex;

namespace anthropic_cloud {

// Unwraps the events of Bedrock's stream, for Anthropic's reader.
std::unique_ptr<EventReader> make_bedrock_reader(const UsageQuirks& quirks);

}  // namespace anthropic_cloud
}  // namespace waybill::dialects
