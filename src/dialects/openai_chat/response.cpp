// Answers and errors that are whole, both ways.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/text.hpp"

#include "../json_walk.hpp"
#include "../usage_reader.hpp"
#include "message_parts.hpp"

namespace waybill::dialects::openai_chat {
namespace {

struct FinishRow {
  std::string_view word;
  FinishReason finish;
};
// OpenAI's; then those of Mistral (model_length), Z.AI (sensitive, network_error), DeepSeek
// (insufficient_system_resource), Together (eos) and Perplexity.
constexpr std::array<FinishRow, 13> kFinishes{{
    {"stop", FinishReason::Stop},
    {"length", FinishReason::Length},
    {"tool_calls", FinishReason::ToolCalls},
    {"function_call", FinishReason::ToolCalls},
    {"content_filter", FinishReason::ContentFilter},
    {"error", FinishReason::Error},
    {"model_length", FinishReason::Length},
    {"max_tokens", FinishReason::Length},
    {"eos", FinishReason::Stop},
    {"end_turn", FinishReason::Stop},
    {"sensitive", FinishReason::ContentFilter},
    {"network_error", FinishReason::Error},
    {"insufficient_system_resource", FinishReason::Error},
}};

// What an answer says, joined: this dialect has one text.
struct Joined {
  std::string text;
  std::string refusal;
  std::string reasoning;
  bool has_text = false;
};

Joined join(const Choice& choice) {
  Joined out;
  for (const Part& part : choice.parts) {
    if (const auto* const text = std::get_if<TextPart>(&part.value)) {
      out.text += text->text;
      out.has_text = true;
    } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
      out.refusal += refusal->text;
    } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      out.reasoning += thought->text;
    }
  }
  return out;
}

// Calls `write` on each part of the type, inside an array that is there only if one is.
template <class Wanted, class Write>
void write_list(JsonWriter& json, std::string_view name, const Choice& choice, Write write) {
  bool any = false;
  for (const Part& part : choice.parts) {
    if (const auto* const wanted = std::get_if<Wanted>(&part.value)) {
      if (!any) {
        json.begin_array(name);
        any = true;
      }
      write(*wanted);
    }
  }
  if (any) {
    json.end_array();
  }
}

void write_calls(JsonWriter& json, const Choice& choice) {
  write_list<ToolCallPart>(json, "tool_calls", choice, [&](const ToolCallPart& call) {
    json.begin_object();
    json.text("id", call.id);
    json.text("type", call.custom ? "custom" : "function");
    json.begin_object(call.custom ? "custom" : "function");
    json.text("name", call.name);
    json.text(call.custom ? "input" : "arguments",
              call.arguments.empty() && !call.custom ? "{}" : std::string_view(call.arguments));
    json.end_object();
    json.end_object();
  });
}

void write_media(JsonWriter& json, const Choice& choice) {
  bool images = false;
  for (const Part& part : choice.parts) {
    const auto* const media = std::get_if<MediaPart>(&part.value);
    if (media == nullptr) {
      continue;
    }
    if (media->kind == MediaPart::Kind::Audio) {
      json.begin_object("audio");
      json.text("id", media->id);
      json.text("data", media->data);
      json.text("transcript", media->transcript);
      json.end_object();
      continue;
    }
    if (!images) {
      json.begin_array("images");
      images = true;
    }
    write_image(json, *media);
  }
  if (images) {
    json.end_array();
  }
}

void write_message(JsonWriter& json, const Choice& choice, const ReplyContext& context) {
  const Joined joined = join(choice);
  json.begin_object("message");
  json.text("role", "assistant");
  if (joined.has_text) {
    json.text("content", joined.text);
  } else {
    json.null("content");
  }
  json.text_or_null("refusal", joined.refusal);
  if (!context.hide_reasoning) {
    json.text_or_null("reasoning", joined.reasoning);
    std::size_t index = 0;
    write_list<ReasoningPart>(json, "reasoning_details", choice, [&](const ReasoningPart& part) {
      write_reasoning_detail(json, part, index++);
    });
  }
  write_calls(json, choice);
  write_media(json, choice);
  bool cited = false;
  for (const Part& part : choice.parts) {
    if (const auto* const text = std::get_if<TextPart>(&part.value)) {
      for (const Citation& citation : text->citations) {
        if (!cited) {
          json.begin_array("annotations");
          cited = true;
        }
        write_annotation(json, citation);
      }
    }
  }
  if (cited) {
    json.end_array();
  }
  json.end_object();
}

}  // namespace

FinishReason finish_of(std::string_view word) noexcept {
  const auto* const row = std::ranges::find(kFinishes, word, &FinishRow::word);
  return row == kFinishes.end() ? FinishReason::Stop : row->finish;
}

void write_image(JsonWriter& json, const MediaPart& media) {
  json.begin_object();
  json.text("type", "image_url");
  json.begin_object("image_url");
  if (media.source == MediaPart::Source::Url) {
    json.text("url", media.data);
  } else {
    const std::string type = media.media_type.empty() ? "image/png" : media.media_type;
    json.text("url", "data:" + type + ";base64," + media.data);
  }
  json.end_object();
  json.end_object();
}

void write_reasoning_detail(JsonWriter& json, const ReasoningPart& part, std::size_t index) {
  json.begin_object();
  switch (part.kind) {
    case ReasoningPart::Kind::Text:
      json.text("type", "reasoning.text");
      json.text("text", part.text);
      json.text_if_any("signature", part.signature);
      break;
    case ReasoningPart::Kind::Summary:
      json.text("type", "reasoning.summary");
      json.text("summary", part.text);
      break;
    case ReasoningPart::Kind::Encrypted:
      json.text("type", "reasoning.encrypted");
      json.text("data", part.data);
      break;
  }
  json.text_if_any("id", part.id);
  json.text("format", part.format.empty() ? "unknown" : std::string_view(part.format));
  json.number("index", index);
  json.end_object();
}

Citation read_annotation(const JsonRef& annotation) {
  Citation out;
  const JsonRef url =
      annotation["url_citation"].is_object() ? annotation["url_citation"] : annotation;
  out.url = url["url"].text();
  out.title = url["title"].text();
  out.text = url["content"].text();
  out.begin = url["start_index"].count();
  out.end = url["end_index"].count();
  out.native_json = annotation.raw();
  out.native_dialect = kName;
  return out;
}

void write_annotation(JsonWriter& json, const Citation& citation) {
  if (citation.native_dialect == kName) {
    json.raw(citation.native_json);
    return;
  }
  json.begin_object();
  json.text("type", "url_citation");
  json.begin_object("url_citation");
  json.text("url", citation.url);
  json.text("title", citation.title);
  json.text_if_any("content", citation.text);
  if (citation.begin && citation.end) {
    json.number("start_index", *citation.begin);
    json.number("end_index", *citation.end);
  }
  json.end_object();
  json.end_object();
}

Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks& quirks,
                               std::optional<UpstreamFault>& fault) {
  JsonTree tree;
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's answer is not valid JSON.");
  }
  const JsonRef root = tree.root();
  if (!root.is_object()) {
    return Error(ErrorKind::UpstreamFailed, "upstream_not_an_object",
                 "The provider's answer is not a JSON object.");
  }
  if (root["error"].given() || !root["choices"].is_array() || root["choices"].empty()) {
    fault = read_fault(root);
    return Answer();
  }
  AnswerBuilder builder;
  const auto reader = make_reader(quirks);
  // A body is a stream of one chunk whose delta is called message.
  if (!reader->read({{}, body}, builder)) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's answer is not valid JSON.");
  }
  reader->finish(builder);
  Answer answer = builder.finish();
  for (Choice& choice : answer.choices) {
    if (choice.finish == FinishReason::None) {  // nobody says why, and yet it is whole
      choice.finish = FinishReason::Stop;
    }
  }
  return answer;
}

void encode_response(const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out) {
  JsonWriter json(std::move(out));
  json.begin_object();
  json.text("id", context.id);
  json.text("object", "chat.completion");
  json.integer("created", context.created);
  json.text("model", context.model);
  json.text("provider", context.provider);
  json.null("system_fingerprint");
  json.text_or_null("service_tier", answer.service_tier);
  json.begin_array("choices");
  for (std::size_t i = 0; i < answer.choices.size(); ++i) {
    const Choice& choice = answer.choices[i];
    json.begin_object();
    json.number("index", i);
    json.text_or_null("finish_reason", name(choice.finish));
    json.text_or_null("native_finish_reason", choice.native_finish);
    json.raw("logprobs",
             choice.logprobs_json.empty() ? "null" : std::string_view(choice.logprobs_json));
    write_message(json, choice, context);
    json.end_object();
  }
  json.end_array();
  std::string usage;
  append_usage(usage, {}, bill.usage, bill.charge);
  json.raw("usage", usage);
  json.end_object();
  out = json.take();
}

UpstreamFault read_fault(const JsonRef& root) {
  UpstreamFault fault;
  const JsonRef error = root["error"].given() ? root["error"] : root;
  const JsonRef message = error["message"].given() ? error["message"] : error["detail"];
  fault.message = printable(error.is_string()     ? error.text()
                            : message.is_string() ? message.text()
                                                  : std::string(message.raw()),
                            UpstreamFault::kMaxBytes - 3);
  const JsonRef code = error["code"];
  fault.code = printable(
      code.is_string() ? code.text() : std::string(code.is_number() ? code.raw() : ""), 61);
  fault.type = printable(error["type"].text(), 61);
  for (const std::string_view name : {"code", "status", "status_code"}) {
    const auto status = error[name].is_string() ? std::nullopt : error[name].count();
    if (status && *status >= 400 && *status <= 599) {
      fault.status = static_cast<int>(*status);
    }
  }
  return fault;
}

UpstreamFault decode_error(std::string_view body) {
  JsonTree tree;
  return tree.parse(body, JsonOrigin::Upstream) ? read_fault(tree.root()) : UpstreamFault{};
}

void encode_error(const ErrorNote& error, std::string& out) {
  out += "{\"error\":{\"code\":" + std::to_string(error.status);
  const auto member = [&out](std::string_view name, std::string_view text) {
    out.append(",\"").append(name).append("\":");
    append_json_string(out, text);
  };
  member("message", error.message);
  member("type", error.code);
  out += ",\"param\":null,\"metadata\":{\"error_type\":";
  append_json_string(out, error.error_type);
  out.append(error.metadata).append("}}}");
}

}  // namespace waybill::dialects::openai_chat
