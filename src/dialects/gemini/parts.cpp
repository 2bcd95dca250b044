// What the parts of contents are made of, in both directions.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

#include "../openai_responses/openai_responses.hpp"
#include "gemini.hpp"

namespace waybill::dialects::gemini {
namespace {

constexpr std::string_view kMadePrefix = "call_";

// One {token, logProbability} as OpenAI has it, without its closing brace.
void open_token(JsonWriter& json, const JsonRef& candidate) {
  json.begin_object();
  json.text("token", candidate["token"].text());
  json.real("logprob", candidate["logProbability"].number().value_or(0));
  json.null("bytes");
}

void write_candidate(JsonWriter& json, const JsonRef& token) {
  json.begin_object();
  json.text("token", token["token"].text());
  json.real("logProbability", token["logprob"].number().value_or(0));
  json.end_object();
}

}  // namespace

JsonRef member(const JsonRef& object, std::string_view camel_case) {
  const JsonRef found = object[camel_case];
  if (found.given()) {
    return found;
  }
  std::string snake;
  for (const char c : camel_case) {
    if (c >= 'A' && c <= 'Z') {
      snake += '_';
    }
    snake += ascii_lower(c);
  }
  const JsonRef other = object[snake];
  return other.given() ? other : found;
}

std::string made_id(std::uint64_t number, std::string_view response_id) {
  constexpr std::size_t kLongest = 24;  // of the answer's: OpenAI allows 40 bytes of an id
  std::string id = std::string(kMadePrefix) + std::to_string(number);
  if (!response_id.empty()) {
    id += '_';
    for (const char c : response_id.substr(0, kLongest)) {
      id += is_alphanumeric(c) || c == '-' || c == '_' ? c : '-';
    }
  }
  return id;
}

bool is_made_id(std::string_view id) noexcept {
  constexpr std::size_t kMostDigits = 6;
  if (!id.starts_with(kMadePrefix)) {
    return false;
  }
  id.remove_prefix(kMadePrefix.size());
  const auto digits =
      static_cast<std::size_t>(std::distance(id.begin(), std::ranges::find_if_not(id, is_digit)));
  return digits > 0 && digits <= kMostDigits && (digits == id.size() || id[digits] == '_');
}

MediaPart::Kind kind_of(std::string_view media_type) noexcept {
  if (media_type.starts_with("image/")) {
    return MediaPart::Kind::Image;
  }
  if (media_type.starts_with("audio/")) {
    return MediaPart::Kind::Audio;
  }
  return media_type.starts_with("video/") ? MediaPart::Kind::Video : MediaPart::Kind::File;
}

std::string signature_for_client(const ReasoningPart& part) {
  const bool own = part.format == kReasoningFormat || part.format.empty();
  if (own && part.kind == ReasoningPart::Kind::Encrypted) {
    return part.data;
  }
  return to_base64(
      responses::pack({.format = part.format, .signature = part.signature, .data = part.data}));
}

ReasoningPart read_client_signature(std::string signature) {
  const auto bytes = from_base64(signature);
  if (const auto foreign = bytes ? responses::unpack(*bytes) : std::nullopt) {
    const bool data = !foreign->data.empty();
    return {.kind = data ? ReasoningPart::Kind::Encrypted : ReasoningPart::Kind::Text,
            .signature = foreign->signature,
            .data = foreign->data,
            .format = foreign->format};
  }
  return {.kind = ReasoningPart::Kind::Encrypted,
          .data = std::move(signature),
          .format = std::string(kReasoningFormat)};
}

bool is_candidate_member(std::string_view name) noexcept {
  return name == "groundingMetadata" || name == "urlContextMetadata" || name == "citationMetadata";
}

std::string read_logprobs(const JsonRef& result) {
  const JsonRef chosen = result["chosenCandidates"];
  if (!chosen.is_array() || chosen.empty()) {
    return {};
  }
  auto top = result["topCandidates"].begin();
  const auto end = result["topCandidates"].end();
  JsonWriter json;
  json.begin_object();
  json.begin_array("content");
  for (const JsonRef token : chosen) {
    open_token(json, token);
    json.begin_array("top_logprobs");
    if (top != end) {
      for (const JsonRef candidate : (*top)["candidates"]) {
        open_token(json, candidate);
        json.end_object();
      }
      ++top;
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.null("refusal");
  json.end_object();
  return json.take();
}

std::string write_logprobs(std::string_view openai_json) {
  JsonTree tree;
  if (!tree.parse(openai_json, JsonOrigin::Upstream) || !tree.root()["content"].is_array()) {
    return {};
  }
  const JsonRef tokens = tree.root()["content"];
  JsonWriter json;
  json.begin_object();
  json.begin_array("topCandidates");
  for (const JsonRef token : tokens) {
    json.begin_object();
    json.begin_array("candidates");
    for (const JsonRef candidate : token["top_logprobs"]) {
      write_candidate(json, candidate);
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.begin_array("chosenCandidates");
  for (const JsonRef token : tokens) {
    write_candidate(json, token);
  }
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace waybill::dialects::gemini
