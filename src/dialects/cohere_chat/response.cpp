// Answers that are whole, and what streams have in common with them.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/json_writer.hpp"
#include "waybill/base/text.hpp"

#include "../count_reader.hpp"
#include "cohere_chat.hpp"

namespace waybill::dialects::cohere {
namespace {

// "finish_reason" in the reference; ERROR_TOXIC and ERROR_LIMIT are version 1's.
struct FinishRow {
  std::string_view word;
  FinishReason finish;
};
constexpr std::array<FinishRow, 8> kFinishes{{
    {"COMPLETE", FinishReason::Stop},
    {"STOP_SEQUENCE", FinishReason::Stop},
    {"MAX_TOKENS", FinishReason::Length},
    {"TOOL_CALL", FinishReason::ToolCalls},
    {"ERROR", FinishReason::Error},
    {"TIMEOUT", FinishReason::Error},
    {"ERROR_LIMIT", FinishReason::Length},
    {"ERROR_TOXIC", FinishReason::ContentFilter},
}};

void read_content(const JsonRef& message, std::vector<Part>& parts) {
  if (std::string plan = message["tool_plan"].text(); !plan.empty()) {
    parts.push_back({ReasoningPart{.text = std::move(plan), .id = std::string(kPlanId)}});
  }
  const JsonRef content = message["content"];
  if (content.is_string()) {
    parts.push_back({TextPart{content.text(), {}}});
  }
  const std::size_t first = parts.size();
  std::vector<std::size_t> blocks;  // where each block of the content went; npos: nowhere
  for (const JsonRef block : content) {
    blocks.push_back(parts.size());
    if (block["type"].equals("text")) {
      parts.push_back({TextPart{block["text"].text(), {}}});
    } else if (block["type"].equals("thinking")) {
      parts.push_back({ReasoningPart{.text = block["thinking"].text()}});
    }
  }
  for (const JsonRef citation : message["citations"]) {
    if (!citation.is_object() || !is_of_text(citation)) {
      continue;
    }
    const std::uint64_t index = citation["content_index"].count().value_or(0);
    const std::size_t at = index < blocks.size() ? blocks[index] : first;
    if (at < parts.size() && std::holds_alternative<TextPart>(parts[at].value)) {
      std::get<TextPart>(parts[at].value).citations.push_back(read_citation(citation));
    }
  }
}

void read_calls(const JsonRef& calls, std::vector<Part>& parts) {
  for (const JsonRef call : calls) {
    const JsonRef function = call["function"];
    if (function.is_object()) {
      const JsonRef arguments = function["arguments"];
      parts.push_back({ToolCallPart{
          .id = call["id"].text(),
          .name = function["name"].text(),
          .arguments = arguments.is_object() ? std::string(arguments.raw()) : arguments.text()}});
    }
  }
}

}  // namespace

bool is_of_text(const JsonRef& citation) {
  const JsonRef type = citation["type"];
  return !type.is_string() || type.equals("TEXT_CONTENT");
}

Citation read_citation(const JsonRef& citation) {
  Citation out;
  out.begin = citation["start"].count();
  out.end = citation["end"].count();
  for (const JsonRef source : citation["sources"]) {
    const JsonRef document = source["document"];
    if (!document.is_object()) {
      continue;
    }
    out.url = document["url"].text();
    out.title = document["title"].text();
    out.text = document["snippet"].given() ? document["snippet"].text() : document["text"].text();
    break;
  }
  out.native_json = citation.raw();
  out.native_dialect = kName;
  return out;
}

std::string logprobs_item(const JsonRef& logprobs) {
  const JsonRef values = logprobs["logprobs"];
  if (!values.is_array() || values.empty()) {
    return {};
  }
  double sum = 0;  // of a piece that is several tokens
  for (const JsonRef value : values) {
    sum += value.number().value_or(0);
  }
  JsonWriter json;
  json.begin_object();
  json.text("token", logprobs["text"].text());
  json.real("logprob", std::clamp(sum, -1e300, 0.0));
  json.null("bytes");
  json.begin_array("top_logprobs");
  json.end_array();
  json.end_object();
  return json.take();
}

FinishReason finish_of(std::string_view finish_reason) noexcept {
  const auto* const row = std::ranges::find(kFinishes, finish_reason, &FinishRow::word);
  return row == kFinishes.end() ? FinishReason::Stop : row->finish;
}

std::optional<UpstreamFault> read_failure(const JsonRef& end) {
  const std::string reason = end["finish_reason"].text();
  if (finish_of(reason) != FinishReason::Error) {
    return std::nullopt;
  }
  UpstreamFault fault;
  const std::string said = end["error"].text();
  fault.message =
      printable(said.empty() ? "finish_reason " + reason : said, UpstreamFault::kMaxBytes - 3);
  fault.type = printable(end["error_type"].text(), 61);
  fault.code = fault.type.empty() ? reason : fault.type;
  if (reason == "TIMEOUT") {
    fault.status = 504;
  }
  return fault;
}

// `tokens` is what the model read and wrote; `billed_units` leave out what Cohere adds to
// the prompt by itself.  `image_tokens` are not among the input tokens.
UsageFault read_usage(const JsonRef& value, std::optional<Usage>& usage) {
  CountReader counts;
  Usage found;
  const JsonRef tokens = value["tokens"].is_object() ? value["tokens"] : value["billed_units"];
  counts.read(tokens["input_tokens"], found.prompt);
  counts.read(tokens["output_tokens"], found.completion);
  counts.read(tokens["reasoning_tokens"], found.reasoning);
  if (counts.known()) {
    counts.read(value["cached_tokens"], found.cached_read);
    counts.within(found.cached_read, found.prompt);
    counts.within(found.reasoning, found.completion);
    usage = found;
  }
  return counts.fault();
}

UpstreamFault read_fault(const JsonRef& root) {
  UpstreamFault fault;
  const JsonRef error = root["error"];
  const JsonRef message = root["message"].is_string() ? root["message"]
                          : error.is_object()         ? error["message"]
                                                      : error;
  fault.message = printable(message.text(), UpstreamFault::kMaxBytes - 3);
  fault.type = printable(root["error_type"].text(), 61);
  fault.code = fault.type;
  return fault;
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
  const JsonRef message = root["message"];
  if (!message.is_object()) {
    fault = read_fault(root);
    return answer;
  }
  fault = read_failure(root);
  if (fault) {
    return answer;
  }
  answer.id = root["id"].text();
  Choice& choice = answer.choices.emplace_back();
  read_content(message, choice.parts);
  read_calls(message["tool_calls"], choice.parts);
  choice.native_finish = root["finish_reason"].text();
  choice.finish = finish_of(choice.native_finish);
  for (const JsonRef each : root["logprobs"]) {
    if (const std::string item = logprobs_item(each); !item.empty()) {
      choice.logprobs_json += choice.logprobs_json.empty() ? "{\"content\":[" : ",";
      choice.logprobs_json += item;
    }
  }
  choice.logprobs_json += choice.logprobs_json.empty() ? "" : "]}";
  answer.usage_fault = read_usage(root["usage"], answer.usage);
  return answer;
}

UpstreamFault decode_error(std::string_view body) {
  JsonTree tree;
  return tree.parse(body, JsonOrigin::Upstream) ? read_fault(tree.root()) : UpstreamFault{};
}

}  // namespace waybill::dialects::cohere
