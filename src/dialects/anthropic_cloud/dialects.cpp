#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "../anthropic_messages/anthropic_messages.hpp"
#include "../bedrock_converse/bedrock_converse.hpp"
#include "../body_edit.hpp"
#include "../json_tree.hpp"
#include "anthropic_cloud.hpp"

namespace waybill::dialects {
namespace anthropic_cloud {
namespace {

// What Anthropic's own API has beyond this: media by URL ("URL sources are not supported",
// Bedrock) or by the id of a file, and the choice of a service tier.
constexpr FeatureSet kExpresses{Feature::Tools,
                                Feature::ToolResults,
                                Feature::Images,
                                Feature::Files,
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
                                Feature::User};

bool is_remote(const Part& part) noexcept {
  const auto* const media = std::get_if<MediaPart>(&part.value);
  return media != nullptr &&
         (media->source == MediaPart::Source::Url || media->source == MediaPart::Source::Id);
}

bool has_remote_results(const Message& message) noexcept {
  return std::ranges::any_of(message.parts, [](const Part& part) {
    const auto* const result = std::get_if<ToolResultPart>(&part.value);
    return result != nullptr && std::ranges::any_of(result->content, is_remote);
  });
}

// Anthropic's encoder must not see what only Anthropic's own API takes.
struct Adapted {
  Conversation conversation;
  bool without_tier = false;
  bool without_result_media = false;
};

bool needs_adapting(const Conversation& conversation) {
  return !conversation.service_tier.empty() || conversation.cache != CacheMark::None ||
         std::ranges::any_of(conversation.messages, has_remote_results);
}

// "Automatic caching" by a member at the top is not offered by the clouds: the breakpoint
// goes where it would be set, behind the last part that may carry one.
void place_breakpoint(Conversation& conversation) {
  const CacheMark mark = std::exchange(conversation.cache, CacheMark::None);
  if (mark == CacheMark::None || conversation.messages.empty()) {
    return;
  }
  std::vector<Part>& parts = conversation.messages.back().parts;
  const auto last = std::find_if(parts.rbegin(), parts.rend(), [](const Part& part) {
    const auto* const text = std::get_if<TextPart>(&part.value);
    return !std::holds_alternative<ReasoningPart>(part.value) &&
           !std::holds_alternative<NativePart>(part.value) &&
           (text == nullptr || !text->text.empty());
  });
  if (last != parts.rend() && last->cache == CacheMark::None) {
    last->cache = mark;
  }
}

Adapted adapt(const Conversation& original) {
  Adapted out{.conversation = original};
  Conversation& conversation = out.conversation;
  out.without_tier = !std::exchange(conversation.service_tier, {}).empty();
  place_breakpoint(conversation);
  for (Message& message : conversation.messages) {
    for (Part& part : message.parts) {
      auto* const result = std::get_if<ToolResultPart>(&part.value);
      if (result != nullptr && std::erase_if(result->content, is_remote) > 0) {
        out.without_result_media = true;
      }
    }
  }
  return out;
}

Result<EncodedRequest> encode(const Conversation& conversation,
                              EncodeTarget target,
                              std::string_view version) {
  std::optional<Adapted> adapted;
  if (needs_adapting(conversation)) {
    adapted.emplace(adapt(conversation));
  }
  auto encoded = anthropic::encode_request(adapted ? adapted->conversation : conversation, target);
  if (!encoded) {
    return encoded.error();
  }
  auto body = edit_members(encoded->body, {"model"}, version);
  if (!body) {
    return Error(ErrorKind::InvalidRequest, "invalid_request",
                 "The request is nested too deeply for this provider.");
  }
  encoded->body = *std::move(body);
  if (adapted && adapted->without_tier && conversation.service_tier != "auto") {
    encoded->losses.drop(Feature::ServiceTier);
  }
  if (adapted && adapted->without_result_media) {
    encoded->losses.drop(Feature::ToolResultMedia);
  }
  return encoded;
}

Result<EncodedRequest> encode_for_bedrock(const Conversation& conversation,
                                          const EncodeTarget& target) {
  EncodeTarget without_stream = target;
  without_stream.stream = false;  // the path says it
  return encode(conversation, without_stream, R"("anthropic_version":"bedrock-2023-05-31")");
}

Result<EncodedRequest> encode_for_vertex(const Conversation& conversation,
                                         const EncodeTarget& target) {
  return encode(conversation, target, R"("anthropic_version":"vertex-2023-10-16")");
}

// Anthropic's form where its servers answered, else AWS's.
UpstreamFault decode_bedrock_error(std::string_view body) {
  UpstreamFault fault = anthropic::decode_error(body);
  return fault.message.empty() ? bedrock::decode_error(body) : fault;
}

// Anthropic's form, or Google's: {"error": {code, message, status}}, at times in a list.
UpstreamFault decode_vertex_error(std::string_view body) {
  JsonTree tree;
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    return {};
  }
  const JsonRef root = tree.root();
  const JsonRef error = root.is_array() ? root.at(0)["error"] : root["error"];
  UpstreamFault fault = anthropic::read_fault(error);
  if (fault.type.empty()) {
    fault.type = printable(error["status"].text(), 61);
    fault.code = fault.type;
    const auto code = error["code"].count();
    if (code && *code >= 400 && *code < 600) {
      fault.status = static_cast<int>(*code);
    }
  }
  return fault;
}

using DecodeError = UpstreamFault (*)(std::string_view);

Result<Answer> decode_answer(std::string_view body,
                             const UsageQuirks& quirks,
                             std::optional<UpstreamFault>& fault,
                             DecodeError decode_error) {
  auto answer = anthropic::decode_response(body, quirks, fault);
  if (fault && fault->message.empty()) {
    fault = decode_error(body);
  }
  return answer;
}

Result<Answer> decode_bedrock(std::string_view body,
                              const UsageQuirks& quirks,
                              std::optional<UpstreamFault>& fault) {
  return decode_answer(body, quirks, fault, decode_bedrock_error);
}

Result<Answer> decode_vertex(std::string_view body,
                             const UsageQuirks& quirks,
                             std::optional<UpstreamFault>& fault) {
  return decode_answer(body, quirks, fault, decode_vertex_error);
}

}  // namespace
}  // namespace anthropic_cloud

const Dialect kAnthropicBedrock{
    .name = "anthropic_bedrock",
    .expresses = anthropic_cloud::kExpresses,
    .framing = Framing::AwsEventStream,
    .path = "/model/{model}/invoke",
    .stream_path = "/model/{model}/invoke-with-response-stream",
    .encode_request = anthropic_cloud::encode_for_bedrock,
    .decode_response = anthropic_cloud::decode_bedrock,
    .make_reader = anthropic_cloud::make_bedrock_reader,
    .decode_error = anthropic_cloud::decode_bedrock_error,
};

const Dialect kAnthropicVertex{
    .name = "anthropic_vertex",
    .expresses = anthropic_cloud::kExpresses,
    .framing = Framing::Sse,
    .path = "/publishers/anthropic/models/{model}:rawPredict",
    .stream_path = "/publishers/anthropic/models/{model}:streamRawPredict",
    .encode_request = anthropic_cloud::encode_for_vertex,
    .decode_response = anthropic_cloud::decode_vertex,
    .make_reader = anthropic::make_reader,
    .decode_error = anthropic_cloud::decode_vertex_error,
};

}  // namespace waybill::dialects
