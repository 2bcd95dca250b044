#include "waybill/base/text.hpp"
#include "waybill/dialects/openai_chunk.hpp"

namespace waybill::dialects {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += name;
  append_json_string(out, text);
}

// A JSON string that stood in an upstream's chunk, or null.  It may hold half of
// a surrogate pair, but it is JSON.
std::string_view or_null(std::string_view value) noexcept {
  return value.empty() ? std::string_view("null") : value;
}

bool is_string(std::string_view value) noexcept {
  return value.starts_with('"');
}

void append_opening(std::string& out, const StreamSummary& summary, const ReplyIdentity& identity) {
  append_member(out, "{\"id\":", identity.id);
  out += summary.kind == RequestKind::Completion
             ? R"(,"object":"text_completion","created":)"
             : R"(,"object":"chat.completion.chunk","created":)";
  out += std::to_string(summary.created);
  append_member(out, ",\"model\":", identity.model);
  append_member(out, ",\"provider\":", identity.provider);
  if (is_string(summary.system_fingerprint)) {  // never null in a chunk
    out += ",\"system_fingerprint\":";
    out += summary.system_fingerprint;
  }
}

// One choice without content.
void append_choice(std::string& out,
                   RequestKind kind,
                   std::string_view finish_reason,
                   std::string_view native) {
  out += kind == RequestKind::Completion
             ? R"(,"choices":[{"index":0,"text":"","finish_reason":)"
             : R"(,"choices":[{"index":0,"delta":{"content":""},"finish_reason":)";
  if (finish_reason.empty()) {
    out += "null";
  } else {
    append_json_string(out, finish_reason);
  }
  out += ",\"native_finish_reason\":";
  out += native;
  out += "}]";
}

}  // namespace

void write_usage_chunk(std::string& out,
                       const StreamSummary& summary,
                       const ReplyIdentity& identity,
                       const ReplyBill& bill) {
  append_opening(out, summary, identity);
  out += ",\"service_tier\":";
  out += or_null(is_string(summary.service_tier) ? summary.service_tier : "");
  std::string native = summary.native_finish_reason;
  if (native.empty() && !summary.finish_reason.empty()) {
    append_json_string(native, summary.finish_reason);
  }
  append_choice(out, summary.kind, summary.finish_reason, or_null(native));
  out += ",\"usage\":";
  append_usage(out, summary.usage, bill.usage, bill.charge);
  out += '}';
}

void write_error_chunk(std::string& out,
                       const StreamSummary& summary,
                       const ReplyIdentity& identity,
                       const StreamError& error) {
  append_opening(out, summary, identity);
  out += ",\"error\":{\"code\":";
  out += std::to_string(error.code);
  append_member(out, ",\"message\":", error.message);
  // The official SDKs refuse metadata without error_type.
  append_member(out, ",\"metadata\":{\"error_type\":",
                error.error_type.empty() ? "unmapped" : error.error_type);
  if (!error.provider_code.empty()) {
    append_member(out, ",\"provider_code\":", error.provider_code);
  }
  out += "}}";
  append_choice(out, summary.kind, "error", "null");
  out += '}';
}

}  // namespace waybill::dialects
