#include "script.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "waybill/base/text.hpp"
#include "waybill/http/message.hpp"

namespace waybill::app::simulator {
namespace {

// Before a reset: the bytes sent so far must have arrived, or it takes them along.
constexpr Duration kBeforeReset{20'000};

constexpr std::array<FaultKind, 3> kCuts{FaultKind::ResetAfter, FaultKind::StallAfter,
                                         FaultKind::TruncateAfter};

std::string head_of(const Reply& reply) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  head.append(http::reason_phrase(static_cast<unsigned>(reply.status)))
      .append("\r\nContent-Type: ");
  head.append(reply.content_type).append("\r\n").append(reply.fields);
  return head;
}

std::string chunk(std::string_view bytes) {
  std::string out;
  http::append_chunk_header(out, bytes.size());
  out.append(bytes).append("\r\n");
  return out;
}

// The end that a fault puts in the place of the rest.
Step cut(FaultKind kind) {
  if (kind == FaultKind::ResetAfter) {
    return {kBeforeReset, StepKind::Reset, {}};
  }
  return {Duration(0), kind == FaultKind::StallAfter ? StepKind::Stall : StepKind::Close, {}};
}

const Fault* find_cut(const std::vector<Fault>& faults) noexcept {
  for (const FaultKind kind : kCuts) {
    if (const Fault* fault = find(faults, kind)) {
      return fault;
    }
  }
  return nullptr;
}

Script render_whole(const Reply& reply, const std::vector<Fault>& faults) {
  Script script;
  std::string_view body = reply.body;
  if (find(faults, FaultKind::MalformedAfter) != nullptr) {
    body = body.substr(0, body.size() / 2);  // the length fits, the JSON ends early
  }
  std::string bytes =
      head_of(reply) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  const Fault* cut_by = find_cut(faults);
  bytes += cut_by == nullptr ? body : body.substr(0, body.size() / 2);
  script.steps.push_back({reply.wait, StepKind::Send, std::move(bytes)});
  if (cut_by != nullptr) {
    script.steps.push_back(cut(cut_by->kind));
  }
  return script;
}

bool is_done(const Event& event) {
  return event.bytes == "data: [DONE]\n\n";
}

std::string broken_event(const Reply& reply) {
  return reply.broken_event.empty()
             ? "data: {\"id\":\"" + reply.id + "\",\"choices\":[{\"delta\":{\"content\":\n\n"
             : reply.broken_event;
}

std::string error_event(const Reply& reply) {
  const std::string body = error_body({.status = 500,
                                       .type = "server_error",
                                       .code = "server_error",
                                       .message = std::string(kErrorInStream)});
  return reply.error_event.empty() ? "data: " + body + "\n\n" : reply.error_event;
}

// The events that are really sent: faults put some in and take some out.
std::vector<Event> faulty_events(const Reply& reply, const std::vector<Fault>& faults) {
  std::vector<Event> events = reply.events;
  const auto keep = [&events](const Fault& fault) {
    const auto count = std::min(events.size(), static_cast<std::size_t>(fault.argument));
    events.erase(events.begin() + static_cast<std::ptrdiff_t>(count), events.end());
  };
  if (find(faults, FaultKind::NoDone) != nullptr) {
    std::erase_if(events, is_done);
    events.resize(events.size() - std::min(events.size(), reply.ending));
  }
  if (const Fault* fault = find(faults, FaultKind::MalformedAfter)) {
    keep(*fault);
    events.push_back({Duration(0), broken_event(reply)});
  }
  if (const Fault* fault = find(faults, FaultKind::ErrorEventAfter)) {
    keep(*fault);
    events.push_back({Duration(0), error_event(reply)});
  }
  if (const Fault* fault = find_cut(faults)) {
    keep(*fault);
  }
  return events;
}

Script render_stream(const Reply& reply, const std::vector<Fault>& faults, Framing framing) {
  const bool chunked = framing == Framing::Chunked;
  const Fault* cut_by = find_cut(faults);
  std::string pending = head_of(reply) + (chunked ? "Transfer-Encoding: chunked\r\n\r\n"
                                                  : "Connection: close\r\n\r\n");
  Script script;
  Duration wait = reply.wait;
  for (const Event& event : faulty_events(reply, faults)) {
    pending += chunked ? chunk(event.bytes) : event.bytes;
    script.steps.push_back({wait + event.wait, StepKind::Send, std::exchange(pending, {})});
    wait = Duration(0);
  }
  if (cut_by == nullptr && chunked) {
    pending += http::kLastChunk;
  }
  if (!pending.empty() && (script.steps.empty() || cut_by != nullptr)) {
    script.steps.push_back({wait, StepKind::Send, std::move(pending)});
  } else if (!pending.empty()) {
    script.steps.back().bytes += pending;  // the end leaves with the last event
  }
  if (cut_by != nullptr) {
    script.steps.push_back(cut(cut_by->kind));
  } else if (!chunked) {
    script.steps.push_back({Duration(0), StepKind::Close, {}});
  }
  return script;
}

Script slowed(Script script, Duration delay) {
  Script slow;
  for (Step& step : script.steps) {
    if (step.kind != StepKind::Send) {
      slow.steps.push_back(std::move(step));
      continue;
    }
    Duration wait = step.wait + delay;
    for (const char byte : step.bytes) {
      slow.steps.push_back({wait, StepKind::Send, std::string(1, byte)});
      wait = delay;
    }
  }
  return slow;
}

}  // namespace

const Fault* find(const std::vector<Fault>& faults, FaultKind kind) noexcept {
  const auto found = std::ranges::find(faults, kind, &Fault::kind);
  return found == faults.end() ? nullptr : &*found;
}

Script render(const Reply& reply, const std::vector<Fault>& faults, Framing framing) {
  if (find(faults, FaultKind::Reset) != nullptr) {
    return {{{reply.wait, StepKind::Reset, {}}}};
  }
  Script script =
      reply.streams ? render_stream(reply, faults, framing) : render_whole(reply, faults);
  if (const Fault* fault = find(faults, FaultKind::SlowBytes)) {
    return slowed(std::move(script), fault->delay);
  }
  return script;
}

std::string error_body(const ApiError& error) {
  std::string body = R"({"error":{"message":)";
  append_json_string(body, error.message);
  body += R"(,"type":)";
  append_json_string(body, error.type);
  body += R"(,"param":null,"code":)";
  if (error.code.empty()) {
    body += "null";
  } else {
    append_json_string(body, error.code);
  }
  return body + "}}";
}

Reply error_reply(const ApiError& error) {
  Reply reply;
  reply.status = error.status;
  reply.body = error_body(error);
  return reply;
}

}  // namespace waybill::app::simulator
