// Answers of providers that are whole, and errors, both ways.

#include "waybill/base/text.hpp"

#include "answer_teller.hpp"

namespace waybill::dialects::responses {
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

// "Error codes", OpenAI docs.
std::string_view error_type_of(unsigned status) noexcept {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

}  // namespace

Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks& quirks,
                               std::optional<UpstreamFault>& fault) {
  JsonTree tree;
  std::optional<Error> error;
  if (!parse_upstream(tree, body, error)) {
    return *error;
  }
  const JsonRef root = tree.root();
  if (!root["output"].is_array()) {  // nothing that answers
    fault = read_fault(root["error"]);
    return Answer{};
  }
  AnswerBuilder builder;
  AnswerTeller teller(quirks);
  teller.finish(root, false, builder);
  if (builder.fault()) {
    fault = builder.fault();
    return Answer{};
  }
  return builder.finish();
}

UpstreamFault decode_error(std::string_view body) {
  JsonTree tree;
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    return {};
  }
  // xAI: {"code":"...","error":"a sentence"}; the compatible servers: {"detail":"..."}.
  const JsonRef root = tree.root();
  UpstreamFault fault = read_fault(root["error"]);
  if (fault.message.empty()) {
    fault = read_fault(root);
  }
  if (fault.message.empty()) {
    fault.message = printable(root["detail"].text(), UpstreamFault::kMaxBytes - 3);
  }
  if (fault.code.empty() && root["error"].is_string()) {
    fault.code = printable(root["code"].text(), 61);
  }
  return fault;
}

// As the official SDKs read it, with OpenRouter's words beside.
void encode_error(const ErrorNote& error, std::string& out) {
  const auto member = [&out](std::string_view name, std::string_view text) {
    out.append("\"").append(name).append("\":");
    append_json_string(out, text);
  };
  out += "{\"error\":{";
  member("message", error.message);
  out += ',';
  member("type", error_type_of(error.status));
  out += ",\"param\":null,";
  member("code", error.code);
  out += "},";
  member("error_type", error.error_type);
  out += ",\"metadata\":{";
  member("error_type", error.error_type);
  out.append(error.metadata).append("},\"request_id\":");
  if (error.id.empty()) {
    out += "null";
  } else {
    append_json_string(out, error.id);
  }
  out += '}';
}

}  // namespace waybill::dialects::responses
