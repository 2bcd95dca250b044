// What requests, answers and streams have in common.

#include <algorithm>
#include <array>

#include "waybill/base/text.hpp"

#include "anthropic_messages.hpp"

namespace waybill::dialects::anthropic {
namespace {

// "Handling stop reasons", Anthropic docs.
struct StopRow {
  std::string_view word;
  FinishReason finish;
};
constexpr std::array<StopRow, 8> kStops{{
    {"end_turn", FinishReason::Stop},
    {"max_tokens", FinishReason::Length},
    {"stop_sequence", FinishReason::Stop},
    {"tool_use", FinishReason::ToolCalls},
    {"pause_turn", FinishReason::Stop},
    {"refusal", FinishReason::ContentFilter},
    {"model_context_window_exceeded", FinishReason::Length},
    {"compaction", FinishReason::Stop},
}};

}  // namespace

CacheMark read_cache_mark(const JsonRef& holder) {
  const JsonRef mark = holder["cache_control"];
  if (!mark.is_object()) {
    return CacheMark::None;
  }
  return mark["ttl"].equals("1h")   ? CacheMark::OneHour
         : mark["ttl"].equals("5m") ? CacheMark::FiveMinutes
                                    : CacheMark::Default;
}

Citation read_citation(const JsonRef& citation) {
  Citation out;
  out.url = citation["url"].text();
  out.title =
      citation["title"].given() ? citation["title"].text() : citation["document_title"].text();
  out.text = citation["cited_text"].text();
  out.native_json = citation.raw();
  out.native_dialect = kName;
  return out;
}

Part read_block(const JsonRef& block) {
  const JsonRef type = block["type"];
  if (type.equals("text")) {
    TextPart text{block["text"].text(), {}};
    for (const JsonRef citation : block["citations"]) {
      if (citation.is_object()) {
        text.citations.push_back(read_citation(citation));
      }
    }
    return {std::move(text)};
  }
  if (type.equals("thinking")) {
    return {ReasoningPart{.text = block["thinking"].text(),
                          .signature = block["signature"].text(),
                          .format = std::string(kReasoningFormat)}};
  }
  if (type.equals("redacted_thinking")) {
    return {ReasoningPart{.kind = ReasoningPart::Kind::Encrypted,
                          .data = block["data"].text(),
                          .format = std::string(kReasoningFormat)}};
  }
  if (type.equals("tool_use")) {
    const JsonRef input = block["input"];
    return {ToolCallPart{.id = block["id"].text(),
                         .name = block["name"].text(),
                         .arguments = std::string(input.given() ? input.raw() : "{}")}};
  }
  return {NativePart{std::string(kName), std::string(block.raw()), type.text()}};
}

UpstreamFault read_fault(const JsonRef& error) {
  UpstreamFault fault;
  fault.message = printable(error["message"].text(), UpstreamFault::kMaxBytes - 3);
  fault.type = printable(error["type"].text(), 61);
  fault.code = fault.type;
  // "Errors", Anthropic docs: each type has its status.
  constexpr std::array<std::pair<std::string_view, int>, 10> kStatuses{{
      {"invalid_request_error", 400},
      {"authentication_error", 401},
      {"billing_error", 402},
      {"permission_error", 403},
      {"not_found_error", 404},
      {"request_too_large", 413},
      {"rate_limit_error", 429},
      {"api_error", 500},
      {"timeout_error", 504},
      {"overloaded_error", 529},
  }};
  for (const auto& [type, status] : kStatuses) {
    if (fault.type == type) {
      fault.status = status;
    }
  }
  return fault;
}

FinishReason finish_of(std::string_view stop_reason) noexcept {
  const auto* const row = std::ranges::find(kStops, stop_reason, &StopRow::word);
  return row == kStops.end() ? FinishReason::Stop : row->finish;
}

std::string_view stop_reason_of(FinishReason finish,
                                std::string_view native,
                                std::string_view stop_sequence) noexcept {
  const auto* const row = std::ranges::find(kStops, native, &StopRow::word);
  if (row != kStops.end() && row->finish == finish) {
    return row->word;
  }
  switch (finish) {
    case FinishReason::Length: return "max_tokens";
    case FinishReason::ToolCalls: return "tool_use";
    case FinishReason::ContentFilter: return "refusal";
    case FinishReason::None:
    case FinishReason::Stop:
    case FinishReason::Error: break;
  }
  return stop_sequence.empty() ? "end_turn" : "stop_sequence";
}

void UsageCounts::read_count(const JsonRef& value, std::uint64_t& count) {
  if (!value.given()) {
    return;
  }
  known_ = true;
  const auto found = value.count();
  if (!found) {
    const auto negative = value.integer();
    fault_ = negative ? UsageFault::Negative : UsageFault::NotInteger;
    return;
  }
  if (*found > kLargestCount) {
    fault_ = UsageFault::TooLarge;
  }
  count = std::min(*found, kLargestCount);
}

void UsageCounts::read(const JsonRef& usage) {
  read_count(usage["input_tokens"], input_);
  read_count(usage["output_tokens"], output_);
  read_count(usage["cache_read_input_tokens"], cache_read_);
  read_count(usage["cache_creation_input_tokens"], cache_write_);
  read_count(usage["cache_creation"]["ephemeral_1h_input_tokens"], cache_write_1h_);
  read_count(usage["output_tokens_details"]["thinking_tokens"], thinking_);
  if (usage["service_tier"].is_string()) {
    service_tier_ = usage["service_tier"].text();
  }
}

Usage UsageCounts::usage() const noexcept {
  Usage usage;
  usage.prompt = input_ + cache_read_ + cache_write_;
  usage.completion = output_;
  usage.cached_read = cache_read_;
  usage.cache_write = cache_write_;
  usage.cache_write_1h = std::min(cache_write_1h_, cache_write_);
  usage.reasoning = std::min(thinking_, output_);
  return usage;
}

UsageFault UsageCounts::fault() const noexcept {
  return known_ ? fault_ : UsageFault::Missing;
}

}  // namespace waybill::dialects::anthropic
