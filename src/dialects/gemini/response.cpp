// Answers and errors, whole and in a stream, as Google sends them.

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "answer_reader.hpp"
#include "gemini.hpp"

namespace waybill::dialects::gemini {
namespace {

// An error stands alone, or in a list of one, as streams without `alt=sse` begin.
JsonRef error_of(const JsonRef& root) {
  return root.is_array() ? root.at(0)["error"] : root["error"];
}

class StreamReader final : public EventReader {
 public:
  bool read(const Frame& frame, EventSink& sink) override;
  // Nothing marks the end: usage may follow the reason.
  [[nodiscard]] bool ended() const noexcept override { return ended_; }
  void finish(EventSink& sink) override {
    reader_.finish(sink);
    ended_ = reader_.finished();
  }

 private:
  JsonTree tree_;
  AnswerReader reader_;
  bool ended_ = false;
};

bool StreamReader::read(const Frame& frame, EventSink& sink) {
  if (frame.data == "[DONE]") {  // of routers that speak this dialect
    return true;
  }
  if (!tree_.parse(frame.data, JsonOrigin::Upstream)) {
    return false;
  }
  const JsonRef root = tree_.root();
  const JsonRef error = error_of(root);
  if (error.given()) {
    const UpstreamFault fault = read_fault(error);
    sink.take({.kind = EventKind::Fault, .fault = &fault});
    return true;
  }
  if (!root.is_object()) {
    return false;
  }
  reader_.read(root, sink);
  return true;
}

// google.rpc.Code, by status.
std::string_view status_word(unsigned status) noexcept {
  switch (status) {
    case 401: return "UNAUTHENTICATED";
    case 402:
    case 403: return "PERMISSION_DENIED";
    case 404: return "NOT_FOUND";
    case 408:
    case 504: return "DEADLINE_EXCEEDED";
    case 409: return "ABORTED";
    case 429: return "RESOURCE_EXHAUSTED";
    case 499: return "CANCELLED";
    case 501: return "UNIMPLEMENTED";
    case 502:
    case 503:
    case 529: return "UNAVAILABLE";
    default: return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
  }
}

}  // namespace

UpstreamFault read_fault(const JsonRef& error) {
  UpstreamFault fault;
  if (error.is_string()) {
    fault.message = printable(error.text(), UpstreamFault::kMaxBytes - 3);
    return fault;
  }
  fault.message = printable(error["message"].text(), UpstreamFault::kMaxBytes - 3);
  fault.type = printable(error["status"].text(), 61);
  const auto code = error["code"].count();
  fault.code = fault.type.empty() && code ? std::to_string(*code) : fault.type;
  if (code && *code >= 400 && *code <= 599) {
    fault.status = static_cast<int>(*code);
  }
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
  const JsonRef error = error_of(tree.root());
  if (error.given()) {
    fault = read_fault(error);
    return Answer();
  }
  if (!tree.root().is_object()) {
    return Error(ErrorKind::UpstreamFailed, "upstream_not_an_object",
                 "The provider's answer is not a JSON object.");
  }
  AnswerReader reader;
  AnswerBuilder builder;
  reader.read(tree.root(), builder);
  reader.finish(builder);
  if (!reader.answered()) {
    fault.emplace();  // nothing that answers
    return Answer();
  }
  return builder.finish();
}

UpstreamFault decode_error(std::string_view body) {
  JsonTree tree;
  return tree.parse(body, JsonOrigin::Upstream) ? read_fault(error_of(tree.root()))
                                                : UpstreamFault{};
}

std::unique_ptr<EventReader> make_reader(const UsageQuirks&) {
  return std::make_unique<StreamReader>();
}

void encode_error(const ErrorNote& error, std::string& out) {
  JsonWriter json(std::move(out));
  json.begin_object();
  json.begin_object("error");
  json.number("code", error.status);
  json.text("message", error.message);
  json.text("status", status_word(error.status));
  json.begin_array("details");
  json.begin_object();
  json.text("@type", "type.googleapis.com/google.rpc.ErrorInfo");
  json.text("reason", error.code);
  json.text("domain", "waybill");
  json.end_object();
  json.end_array();
  std::string metadata = "{\"error_type\":";
  append_json_string(metadata, error.error_type);
  metadata.append(error.metadata).append("}");
  json.raw("metadata", metadata);
  json.end_object();
  json.text_if_any("responseId", error.id);
  json.end_object();
  out = json.take();
}

}  // namespace waybill::dialects::gemini
