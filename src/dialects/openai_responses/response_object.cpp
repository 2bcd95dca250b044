#include "response_object.hpp"

#include <array>

#include "waybill/base/text.hpp"

#include "../escaped.hpp"

namespace waybill::dialects::responses {
namespace {

struct RepeatedMember {
  std::string_view name;
  std::string_view otherwise;  // where the request has none
};
// Those that OpenRouter's answers have (openrouter-api.md, appendix B).
constexpr std::array<RepeatedMember, 17> kRepeated{{
    {"instructions", "null"},
    {"metadata", "{}"},
    {"parallel_tool_calls", "true"},
    {"temperature", "null"},
    {"top_p", "null"},
    {"frequency_penalty", "null"},
    {"presence_penalty", "null"},
    {"tool_choice", R"("auto")"},
    {"tools", "[]"},
    {"max_output_tokens", "null"},
    {"max_tool_calls", "null"},
    {"top_logprobs", "0"},
    {"truncation", R"("disabled")"},
    {"reasoning", "null"},
    {"safety_identifier", "null"},
    {"prompt_cache_key", "null"},
    {"user", "null"},
}};

void append_member(std::string& out, std::string_view member, std::string_view text) {
  out.append(",\"").append(member).append("\":");
  append_json_string(out, text);
}

void append_outcome(std::string& out, const ResponseState& state) {
  out += ",\"error\":";
  if (state.error == nullptr) {
    out += "null";
  } else {
    out += "{\"code\":";
    append_json_string(out, response_code_of(state.error->error_type));
    append_member(out, "message", state.error->message);
    out += '}';
  }
  out += ",\"incomplete_details\":";
  if (state.incomplete_reason.empty()) {
    out += "null";
  } else {
    out += "{\"reason\":";
    append_json_string(out, state.incomplete_reason);
    out += '}';
  }
}

std::string text_member(const JsonRef& text) {
  constexpr std::string_view kPlain = R"({"format":{"type":"text"})";
  if (!text["format"].is_object()) {
    std::string out(kPlain);
    if (text["verbosity"].is_string()) {
      out.append(",\"verbosity\":").append(text["verbosity"].raw());
    }
    return out + "}";
  }
  return one_line(text.raw());
}

}  // namespace

std::string_view name(ResponseStatus status) noexcept {
  switch (status) {
    case ResponseStatus::InProgress: return "in_progress";
    case ResponseStatus::Completed: return "completed";
    case ResponseStatus::Incomplete: return "incomplete";
    case ResponseStatus::Failed: return "failed";
  }
  return "";
}

ResponseObject::ResponseObject(const ReplyContext& context)
    : id_(context.id),
      model_(context.model),
      provider_(context.provider),
      created_(context.created) {
  const std::size_t dash = id_.find('-');
  stem_ = dash == std::string::npos ? id_ : id_.substr(dash + 1);
  JsonTree tree;
  tree.parse(context.request, JsonOrigin::Client);  // if it cannot be read, all is as if unset
  for (const RepeatedMember& each : kRepeated) {
    const JsonRef given = tree.root()[each.name];
    repeated_.append(",\"").append(each.name).append("\":");
    repeated_ += given.given() ? one_line(given.raw()) : std::string(each.otherwise);
  }
  repeated_ += R"(,"store":false,"background":false,"previous_response_id":null,"text":)";
  repeated_ += text_member(tree.root()["text"]);
}

void ResponseObject::write(std::string& out, const ResponseState& state) const {
  const bool over = state.status != ResponseStatus::InProgress;
  const std::string created = std::to_string(created_);
  out += "{\"id\":";
  append_json_string(out, id_);
  out.append(",\"object\":\"response\",\"created_at\":").append(created);
  out.append(",\"completed_at\":");
  out += state.status == ResponseStatus::Completed ? std::string_view(created) : "null";
  append_member(out, "model", model_);
  append_member(out, "provider", provider_);
  append_member(out, "status", name(state.status));
  out.append(",\"output\":[").append(state.output).append("]");
  append_outcome(out, state);
  out += repeated_;
  out += ",\"service_tier\":";
  if (state.service_tier.empty()) {
    out += "null";
  } else {
    append_quoted(out, state.service_tier);
  }
  if (state.error != nullptr) {
    append_member(out, "error_type", state.error->error_type);
  }
  out += ',';
  if (state.bill == nullptr) {
    out += "\"usage\":null";
  } else {
    JsonWriter json;
    write_usage(json, *state.bill);
    out += json.written();
  }
  if (over && state.error == nullptr) {
    out += ",\"output_text\":";
    append_quoted(out, state.output_text);
  }
  out += '}';
}

}  // namespace waybill::dialects::responses
