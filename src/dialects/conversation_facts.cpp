// A conversation as routing, holds and billing look at it.

#include "waybill/dialects/codec.hpp"

namespace waybill::dialects {
namespace {

void count_media(const MediaPart& media, RequestFacts& facts) {
  using Kind = MediaPart::Kind;
  using Source = MediaPart::Source;
  ++facts.media_count;
  facts.has_images = facts.has_images || media.kind == Kind::Image;
  facts.image_count += media.kind == Kind::Image ? 1U : 0U;
  facts.has_audio = facts.has_audio || media.kind == Kind::Audio;
  facts.has_video = facts.has_video || media.kind == Kind::Video;
  facts.has_files = facts.has_files || media.kind == Kind::File;
  facts.has_remote_media = facts.has_remote_media || media.source == Source::Url;
  (media.source == Source::Text ? facts.text_bytes : facts.media_bytes) += media.data.size();
}

void count_part(const Part& part, RequestFacts& facts) {
  if (const auto* const text = std::get_if<TextPart>(&part.value)) {
    facts.text_bytes += text->text.size();
  } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
    facts.text_bytes += refusal->text.size();
  } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
    facts.text_bytes += thought->text.size();
  } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
    facts.text_bytes += call->name.size() + call->arguments.size();
  } else if (const auto* const native = std::get_if<NativePart>(&part.value)) {
    facts.text_bytes += native->json.size();
  } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
    count_media(*media, facts);
  } else if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
    for (const Part& inner : result->content) {
      // Results hold no results.
      if (!std::holds_alternative<ToolResultPart>(inner.value)) {
        count_part(inner, facts);
      }
    }
  }
}

}  // namespace

RequestFacts facts_of(const Conversation& conversation) {
  RequestFacts facts;
  facts.model = conversation.model;
  facts.models = conversation.models;
  facts.user = conversation.user;
  facts.session_id = conversation.session_id;
  facts.stream = conversation.stream;
  facts.max_output_tokens = conversation.max_output_tokens;
  facts.choices_n = conversation.sampling.choices.value_or(1);
  facts.has_tools = !conversation.tools.empty();
  facts.wants_json_object = conversation.format.kind == ResponseFormat::Kind::JsonObject;
  facts.wants_json_schema = conversation.format.kind == ResponseFormat::Kind::JsonSchema;
  facts.wants_reasoning = conversation.reasoning.wanted();
  for (const std::string& modality : conversation.output_modalities) {
    facts.wants_audio = facts.wants_audio || modality == "audio";
    facts.wants_images = facts.wants_images || modality == "image";
  }
  facts.message_count = conversation.messages.size();
  for (const Message& message : conversation.messages) {
    for (const Part& part : message.parts) {
      count_part(part, facts);
    }
  }
  for (const Tool& tool : conversation.tools) {
    facts.text_bytes += tool.name.size() + tool.description.size() + tool.schema_json.size() +
                        tool.native_json.size();
  }
  facts.text_bytes += conversation.format.schema_json.size();
  facts.ends_with_assistant =
      !conversation.messages.empty() && conversation.messages.back().role == Role::Assistant;
  return facts;
}

}  // namespace waybill::dialects
