// Answers and errors that are whole.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

#include "bedrock_converse.hpp"

namespace waybill::dialects::bedrock {
namespace {

struct StopRow {
  std::string_view word;
  FinishReason finish;
};
constexpr std::array<StopRow, 9> kStops{{
    {"end_turn", FinishReason::Stop},
    {"tool_use", FinishReason::ToolCalls},
    {"max_tokens", FinishReason::Length},
    {"stop_sequence", FinishReason::Stop},
    {"guardrail_intervened", FinishReason::ContentFilter},
    {"content_filtered", FinishReason::ContentFilter},
    {"malformed_model_output", FinishReason::Error},
    {"malformed_tool_use", FinishReason::Error},
    {"model_context_window_exceeded", FinishReason::Length},
}};

struct ExceptionRow {
  std::string_view type;
  int status;
};
// "Common Errors" and the errors of Converse and InvokeModel, Amazon Bedrock API Reference.  Of
// a quota AWS says 400, but it is not the request that is wrong.
constexpr std::array<ExceptionRow, 16> kExceptions{{
    {"accessDeniedException", 403},
    {"conflictException", 400},
    {"expiredTokenException", 403},
    {"incompleteSignature", 403},
    {"internalServerException", 500},
    {"internalFailure", 500},
    {"modelErrorException", 424},
    {"modelNotReadyException", 429},
    {"modelStreamErrorException", 424},
    {"modelTimeoutException", 408},
    {"resourceNotFoundException", 404},
    {"serviceQuotaExceededException", 429},
    {"serviceUnavailableException", 503},
    {"throttlingException", 429},
    {"unrecognizedClientException", 403},
    {"validationException", 400},
}};

std::string joined_text(const JsonRef& list) {
  std::string out;
  for (const JsonRef each : list) {
    out += each["text"].text();
  }
  return out;
}

void add_reasoning_block(const JsonRef& content, std::vector<Part>& parts) {
  const JsonRef shown = content["reasoningText"];
  if (shown.is_object()) {
    ReasoningPart part{.text = shown["text"].text(), .signature = shown["signature"].text()};
    part.format = part.signature.empty() ? std::string_view{} : kClaudeFormat;
    parts.push_back({std::move(part)});
  }
  if (content["redactedContent"].is_string()) {
    Redacted redacted = read_redacted(content["redactedContent"]);
    parts.push_back({ReasoningPart{.kind = ReasoningPart::Kind::Encrypted,
                                   .data = std::move(redacted.data),
                                   .format = std::string(redacted.format)}});
  }
}

void add_cited_text(const JsonRef& content, std::vector<Part>& parts) {
  const std::string text = joined_text(content["content"]);
  const bool of_text_before =
      text.empty() && !parts.empty() && std::holds_alternative<TextPart>(parts.back().value);
  if (!of_text_before) {
    parts.push_back({TextPart{text, {}}});
  }
  for (const JsonRef citation : content["citations"]) {
    if (citation.is_object()) {
      std::get<TextPart>(parts.back().value).citations.push_back(read_citation(citation));
    }
  }
}

void read_count(const JsonRef& value, std::uint64_t& count, UsageFault& fault) {
  if (!value.given()) {
    return;
  }
  fault = fault == UsageFault::Missing ? UsageFault::None : fault;
  const auto found = value.count();
  if (!found) {
    fault = value.integer() ? UsageFault::Negative : UsageFault::NotInteger;
    return;
  }
  if (*found > kLargestCount) {
    fault = UsageFault::TooLarge;
  }
  count = std::min(*found, kLargestCount);
}

}  // namespace

FinishReason finish_of(std::string_view stop_reason) noexcept {
  const auto* const row = std::ranges::find(kStops, stop_reason, &StopRow::word);
  return row == kStops.end() ? FinishReason::Stop : row->finish;
}

std::string stop_sequence_of(const JsonRef& additional_fields) {
  const JsonRef streamed = additional_fields["delta"]["stop_sequence"];
  return streamed.is_string() ? streamed.text() : additional_fields["stop_sequence"].text();
}

Citation read_citation(const JsonRef& citation) {
  Citation out;
  const JsonRef web = citation["location"]["web"];
  out.url = web["url"].text();
  out.title = citation["title"].is_string() ? citation["title"].text() : web["domain"].text();
  out.text = joined_text(citation["sourceContent"]);
  out.native_json = citation.raw();
  out.native_dialect = kName;
  return out;
}

bool is_server_tool(const JsonRef& tool_use) {
  return tool_use["type"].equals("server_tool_use");
}

Redacted read_redacted(const JsonRef& content) {
  std::string raw = content.text();
  auto inner = from_base64(raw);
  const bool base64 =
      inner && !inner->empty() && std::ranges::all_of(*inner, [](char c) {
        return is_alphanumeric(c) || c == '+' || c == '/' || c == '=' || c == '-' || c == '_';
      });
  return base64 ? Redacted{std::move(*inner), kClaudeFormat} : Redacted{std::move(raw), {}};
}

void add_block(const JsonRef& block, std::vector<Part>& parts) {
  const JsonRef call = block["toolUse"];
  const JsonRef image = block["image"];
  if (block["text"].is_string()) {
    parts.push_back({TextPart{block["text"].text(), {}}});
  } else if (block["reasoningContent"].is_object()) {
    add_reasoning_block(block["reasoningContent"], parts);
  } else if (block["citationsContent"].is_object()) {
    add_cited_text(block["citationsContent"], parts);
  } else if (call.is_object() && !is_server_tool(call)) {
    parts.push_back({ToolCallPart{
        .id = call["toolUseId"].text(),
        .name = call["name"].text(),
        .arguments = std::string(call["input"].given() ? call["input"].raw() : "{}")}});
  } else if (image.is_object() && image["source"]["bytes"].is_string()) {
    parts.push_back({MediaPart{.kind = MediaPart::Kind::Image,
                               .media_type = "image/" + image["format"].text(),
                               .data = image["source"]["bytes"].text()}});
  } else if (!block.empty()) {
    parts.push_back(
        {NativePart{std::string(kName), std::string(block.raw()), (*block.begin()).name()}});
  }
}

UsageCounts read_usage(const JsonRef& usage) {
  UsageCounts out;
  std::uint64_t input = 0;
  Usage& counts = out.usage;
  read_count(usage["inputTokens"], input, out.fault);
  read_count(usage["outputTokens"], counts.completion, out.fault);
  read_count(usage["cacheReadInputTokens"], counts.cached_read, out.fault);
  read_count(usage["cacheWriteInputTokens"], counts.cache_write, out.fault);
  for (const JsonRef detail : usage["cacheDetails"]) {
    if (detail["ttl"].equals("1h")) {
      std::uint64_t written = 0;
      read_count(detail["inputTokens"], written, out.fault);
      counts.cache_write_1h += written;
    }
  }
  if (counts.cache_write_1h > counts.cache_write) {
    out.fault = UsageFault::Contradictory;
    counts.cache_write_1h = counts.cache_write;
  }
  counts.prompt = input + counts.cached_read + counts.cache_write;
  return out;
}

Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks&,
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
  Answer answer;
  const JsonRef content = root["output"]["message"]["content"];
  if (!content.is_array()) {
    fault = decode_error(body);
    return answer;
  }
  Choice& choice = answer.choices.emplace_back();
  for (const JsonRef block : content) {
    if (block.is_object()) {
      add_block(block, choice.parts);
    }
  }
  choice.native_finish = root["stopReason"].text();
  choice.finish = finish_of(choice.native_finish);
  choice.stop_sequence = stop_sequence_of(root["additionalModelResponseFields"]);
  const UsageCounts counts = read_usage(root["usage"]);
  answer.usage_fault = counts.fault;
  if (counts.fault != UsageFault::Missing) {
    answer.usage = counts.usage;
  }
  answer.service_tier = root["serviceTier"]["type"].text();
  return answer;
}

UpstreamFault read_exception(std::string_view type, std::string_view body) {
  UpstreamFault fault;
  JsonTree tree;
  std::string message(body);
  std::string name(type);
  if (tree.parse(body, JsonOrigin::Upstream)) {
    const JsonRef root = tree.root();
    // The API writes "message", what stands before it (signatures, throttling) "Message".
    message = root["message"].is_string() ? root["message"].text() : root["Message"].text();
    const JsonRef own = root["__type"].is_string() ? root["__type"] : root["Output"]["__type"];
    name = name.empty() ? own.text() : name;
    if (message.empty()) {
      message = root["originalMessage"].text();
    }
  }
  name = name.substr(name.find('#') + 1);  // com.amazon.coral.service#ThrottlingException
  fault.message = printable(message, UpstreamFault::kMaxBytes - 3);
  fault.type = printable(name, 61);
  fault.code = fault.type;
  for (const ExceptionRow& row : kExceptions) {
    if (iequals(row.type, name)) {
      fault.status = row.status;
    }
  }
  return fault;
}

UpstreamFault decode_error(std::string_view body) {
  JsonTree tree;
  return tree.parse(body, JsonOrigin::Upstream) ? read_exception({}, body) : UpstreamFault{};
}

}  // namespace waybill::dialects::bedrock
