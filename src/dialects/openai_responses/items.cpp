// What requests, answers and streams have in common.

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "waybill/base/text.hpp"

#include "openai_responses.hpp"

namespace waybill::dialects::responses {
namespace {

constexpr std::string_view kPacked = "waybill1";
constexpr std::string_view kOwnFormats = "-responses-v1";
constexpr std::size_t kMostWord = 61;

void add_texts(std::vector<ReasoningPart>& parts,
               const JsonRef& list,
               ReasoningPart::Kind kind,
               const std::string& id) {
  for (const JsonRef each : list) {
    std::string text = each["text"].text();
    if (!text.empty()) {
      parts.push_back({.kind = kind,
                       .text = std::move(text),
                       .id = id,
                       .format = std::string(kReasoningFormat)});
    }
  }
}

}  // namespace

bool is_own_format(std::string_view format) noexcept {
  return format.ends_with(kOwnFormats);
}

std::string pack(const ForeignThought& thought) {
  const bool data = !thought.data.empty();
  std::string out(kPacked);
  out.append(":").append(thought.format).append(data ? ":data:" : ":signature:");
  return out.append(data ? thought.data : thought.signature);
}

std::optional<ForeignThought> unpack(std::string_view encrypted_content) {
  std::array<std::string_view, 3> words;
  for (std::string_view& word : words) {
    const std::size_t colon = encrypted_content.find(':');
    if (colon == std::string_view::npos) {
      return std::nullopt;
    }
    word = encrypted_content.substr(0, colon);
    encrypted_content.remove_prefix(colon + 1);
  }
  if (words[0] != kPacked || (words[2] != "data" && words[2] != "signature")) {
    return std::nullopt;
  }
  ForeignThought thought{.format = std::string(words[1])};
  (words[2] == "data" ? thought.data : thought.signature) = encrypted_content;
  return thought;
}

std::vector<ReasoningPart> read_reasoning(const JsonRef& item) {
  std::string id = item["id"].text();
  if (id.starts_with("rs_tmp_")) {
    id.clear();  // made up by a router, for clients that demand one
  }
  std::vector<ReasoningPart> parts;
  add_texts(parts, item["summary"], ReasoningPart::Kind::Summary, id);
  add_texts(parts, item["content"], ReasoningPart::Kind::Text, id);
  std::string data = item["encrypted_content"].text();
  if (data.empty()) {
    return parts;
  }
  std::optional<ForeignThought> foreign = unpack(data);
  if (!foreign) {
    parts.push_back({.kind = ReasoningPart::Kind::Encrypted,
                     .data = std::move(data),
                     .id = std::move(id),
                     .format = std::string(kReasoningFormat)});
    return parts;
  }
  for (ReasoningPart& part : parts) {
    part.format = foreign->format;
  }
  if (!foreign->data.empty()) {
    parts.push_back({.kind = ReasoningPart::Kind::Encrypted,
                     .data = std::move(foreign->data),
                     .id = std::move(id),
                     .format = std::move(foreign->format)});
  } else if (!foreign->signature.empty()) {
    if (parts.empty()) {  // thoughts that were left out, but signed
      parts.push_back({.id = std::move(id), .format = std::move(foreign->format)});
    }
    parts.back().signature = std::move(foreign->signature);
  }
  return parts;
}

Citation read_citation(const JsonRef& annotation) {
  Citation out;
  out.url = annotation["url"].text();
  out.title =
      annotation["title"].given() ? annotation["title"].text() : annotation["filename"].text();
  out.begin = annotation["start_index"].count();
  out.end = annotation["end_index"].count();
  out.native_json = annotation.raw();
  out.native_dialect = kName;
  return out;
}

void write_citation(JsonWriter& json, const Citation& citation) {
  if (citation.native_dialect == kName) {
    json.raw(one_line(citation.native_json));
    return;
  }
  json.begin_object();
  if (citation.url.empty()) {  // not on the web: a document
    json.text("type", "file_citation");
    json.text("file_id", "");
    json.text("filename", citation.title);
    json.number("index", citation.end.value_or(0));
  } else {
    json.text("type", "url_citation");
    json.text("url", citation.url);
    json.text("title", citation.title);
    json.number("start_index", citation.begin.value_or(0));
    json.number("end_index", citation.end.value_or(0));
    json.text_if_any("content", citation.text);
  }
  json.end_object();
}

UpstreamFault read_fault(const JsonRef& error) {
  UpstreamFault fault;
  const JsonRef message = error.is_string() ? error : error["message"];
  fault.message = printable(message.text(), UpstreamFault::kMaxBytes - 3);
  fault.type = printable(error["type"].text(), kMostWord);
  const JsonRef code = error["code"];
  fault.code = printable(code.is_number() ? std::string(code.raw()) : code.text(), kMostWord);
  // "Error codes", OpenAI docs; the codes are those of ResponseError.
  constexpr std::array<std::pair<std::string_view, int>, 16> kStatuses{{
      {"invalid_request_error", 400},
      {"invalid_prompt", 400},
      {"context_length_exceeded", 400},
      {"authentication_error", 401},
      {"invalid_api_key", 401},
      {"permission_error", 403},
      {"not_found_error", 404},
      {"model_not_found", 404},
      {"insufficient_quota", 429},
      {"rate_limit_exceeded", 429},
      {"rate_limit_error", 429},
      {"server_error", 500},
      {"api_error", 500},
      {"internal_error", 500},
      {"overloaded_error", 503},
      {"server_is_overloaded", 503},
  }};
  for (const std::string_view word : {std::string_view(fault.type), std::string_view(fault.code)}) {
    const auto* const row = std::ranges::find(
        kStatuses, word, [](const auto& each) { return each.first; });  // the code says more
    fault.status = row == kStatuses.end() ? fault.status : std::optional(row->second);
  }
  const auto status = code.integer() ? code.integer() : error["status"].integer();
  if (status && *status >= 400 && *status <= 599) {
    fault.status = static_cast<int>(*status);
  }
  return fault;
}

std::string one_line(std::string_view json) {
  std::string out(json);
  // Between values they are blanks; in a string JSON has them escaped.
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

// openrouter-api.md §11.4.
std::string_view response_code_of(std::string_view error_type) noexcept {
  if (error_type == "rate_limit_exceeded") {
    return "rate_limit_exceeded";
  }
  if (error_type == "context_length_exceeded" || error_type == "invalid_request" ||
      error_type == "invalid_prompt") {
    return "invalid_prompt";
  }
  if (error_type == "content_policy_violation") {
    return "image_content_policy_violation";
  }
  return "server_error";
}

}  // namespace waybill::dialects::responses
