// Answers and errors that are whole, both ways.

#include <utility>

#include "waybill/base/json_writer.hpp"

#include "../charge_write.hpp"
#include "anthropic_messages.hpp"

namespace waybill::dialects::anthropic {
namespace {

bool parse_upstream(JsonTree& tree, std::string_view body, std::optional<Error>& error) {
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    error.emplace(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                  "The provider's answer is not valid JSON.");
    return false;
  }
  if (!tree.root().is_object()) {
    error.emplace(ErrorKind::UpstreamFailed, "upstream_not_an_object",
                  "The provider's answer is not a JSON object.");
    return false;
  }
  return true;
}

// Writes the blocks of an answer's content.
class BlockWriter {
 public:
  explicit BlockWriter(JsonWriter& json) noexcept : json_(json) {}

  void operator()(const TextPart& part) {
    begin("text");
    json_.text("text", part.text);
    write_citations(part.citations);
    json_.end_object();
  }
  void operator()(const RefusalPart& part) { (*this)(TextPart{part.text, {}}); }
  void operator()(const ReasoningPart& part) {
    if (part.kind == ReasoningPart::Kind::Encrypted) {
      // Of another maker's model it means nothing here; the text before it says what can be said.
      if (part.format == kReasoningFormat) {
        begin("redacted_thinking");
        json_.text("data", part.data);
        json_.end_object();
      }
      return;
    }
    begin("thinking");
    json_.text("thinking", part.text);
    json_.text("signature", part.signature);
    json_.end_object();
  }
  void operator()(const MediaPart& part) {
    if (part.kind != MediaPart::Kind::Image) {
      (*this)(TextPart{part.transcript, {}});
      return;
    }
    begin("image");
    json_.begin_object("source");
    const bool url = part.source == MediaPart::Source::Url;
    json_.text("type", url ? "url" : "base64");
    json_.text_if_any("media_type", part.media_type);
    json_.text(url ? "url" : "data", part.data);
    json_.end_object();
    json_.end_object();
  }
  void operator()(const ToolCallPart& part) {
    begin("tool_use");
    json_.text("id", part.id);
    json_.text("name", part.name);
    json_.raw("input", input_of(part.arguments));
    json_.end_object();
  }
  void operator()(const ToolResultPart&) {}
  void operator()(const NativePart& part) {
    if (part.dialect == kName) {
      json_.raw(part.json);
    }
  }

 private:
  void begin(std::string_view type) {
    json_.begin_object();
    json_.text("type", type);
  }
  void write_citations(const std::vector<Citation>& citations) {
    if (citations.empty()) {
      json_.null("citations");
      return;
    }
    json_.begin_array("citations");
    for (const Citation& citation : citations) {
      write_citation(json_, citation);
    }
    json_.end_array();
  }

  JsonWriter& json_;
};

}  // namespace

std::string input_of(std::string_view arguments) {
  JsonTree tree;
  if (tree.parse(arguments, JsonOrigin::Upstream) && tree.root().is_object()) {
    return std::string(arguments);
  }
  if (arguments.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return "{}";
  }
  JsonWriter json;  // models fail, and the next turn must still be sayable
  json.begin_object();
  json.text("raw_arguments", arguments);
  json.end_object();
  return json.take();
}

void write_citation(JsonWriter& json, const Citation& citation) {
  if (citation.native_dialect == kName) {
    json.raw(citation.native_json);
    return;
  }
  json.begin_object();
  json.text("type", "web_search_result_location");
  json.text("cited_text", citation.text);
  json.text("url", citation.url);
  json.text("title", citation.title);
  json.text("encrypted_index", "");
  json.end_object();
}

void write_usage(JsonWriter& json, const ReplyBill& bill, std::string_view service_tier) {
  const Usage& usage = bill.usage;
  json.begin_object("usage");
  json.number("input_tokens", usage.prompt - usage.cached_read - usage.cache_write);
  json.number("output_tokens", usage.completion);
  json.number("cache_creation_input_tokens", usage.cache_write);
  json.number("cache_read_input_tokens", usage.cached_read);
  json.begin_object("cache_creation");
  json.number("ephemeral_5m_input_tokens", usage.cache_write - usage.cache_write_1h);
  json.number("ephemeral_1h_input_tokens", usage.cache_write_1h);
  json.end_object();
  json.null("server_tool_use");
  json.text_or_null("service_tier", service_tier);
  json.begin_object("output_tokens_details");
  json.number("thinking_tokens", usage.reasoning);
  json.end_object();
  write_charge(json, bill.charge);
  json.end_object();
}

Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks&,
                               std::optional<UpstreamFault>& fault) {
  JsonTree tree;
  std::optional<Error> error;
  if (!parse_upstream(tree, body, error)) {
    return *error;
  }
  const JsonRef root = tree.root();
  Answer answer;
  if (root["type"].equals("error") || root["error"].is_object()) {
    fault = read_fault(root["error"]);
    return answer;
  }
  if (!root["content"].is_array()) {
    fault.emplace();  // nothing that answers
    return answer;
  }
  answer.id = root["id"].text();
  answer.model = root["model"].text();
  Choice& choice = answer.choices.emplace_back();
  for (const JsonRef block : root["content"]) {
    if (block.is_object()) {
      choice.parts.push_back(read_block(block));
    }
  }
  choice.native_finish = root["stop_reason"].text();
  choice.finish = finish_of(choice.native_finish);
  choice.stop_sequence = root["stop_sequence"].text();
  UsageCounts counts;
  counts.read(root["usage"]);
  answer.usage_fault = counts.fault();
  if (counts.known()) {
    answer.usage = counts.usage();
  }
  answer.service_tier = counts.service_tier();
  return answer;
}

void encode_response(const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out) {
  const Choice nothing;
  const Choice& choice = answer.choices.empty() ? nothing : answer.choices.front();
  JsonWriter json(std::move(out));
  json.begin_object();
  json.text("id", context.id);
  json.text("type", "message");
  json.text("role", "assistant");
  json.text("model", context.model);
  json.text("provider", context.provider);
  json.begin_array("content");
  BlockWriter writer(json);
  for (const Part& part : choice.parts) {
    std::visit(writer, part.value);
  }
  json.end_array();
  json.text("stop_reason",
            stop_reason_of(choice.finish, choice.native_finish, choice.stop_sequence));
  json.text_or_null("stop_sequence", choice.stop_sequence);
  write_usage(json, bill, answer.service_tier);
  json.end_object();
  out = json.take();
}

UpstreamFault decode_error(std::string_view body) {
  JsonTree tree;
  return tree.parse(body, JsonOrigin::Upstream) ? read_fault(tree.root()["error"])
                                                : UpstreamFault{};
}

namespace {

// Anthropic's error types, by status ("Errors", Anthropic docs).
std::string_view error_type_of(unsigned status) noexcept {
  switch (status) {
    case 401: return "authentication_error";
    case 402: return "billing_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 504: return "timeout_error";
    case 503:
    case 529: return "overloaded_error";
    default: return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

}  // namespace

void encode_error(const ErrorNote& error, std::string& out) {
  JsonWriter json(std::move(out));
  json.begin_object();
  json.text("type", "error");
  json.begin_object("error");
  json.text("type", error_type_of(error.status));
  json.text("message", error.message);
  json.text("code", error.code);
  json.text("error_type", error.error_type);
  json.end_object();
  json.text_or_null("request_id", error.id);
  json.end_object();
  out = json.take();
}

}  // namespace waybill::dialects::anthropic
