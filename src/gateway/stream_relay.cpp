#include "stream_relay.hpp"

#include <algorithm>

#include "waybill/base/text.hpp"

namespace waybill::gateway {
namespace {

using dialects::ChunkFacts;
using dialects::ChunkKind;

constexpr std::string_view kData = "data: ";
constexpr std::string_view kEnd = "\n\n";
constexpr std::string_view kStreamDone = "data: [DONE]\n\n";

// Ends the event whose data began at `begin`.  One JSON document may come in several data
// lines (white space between its tokens): each of them goes out as a data line again.
void end_event(std::string& out, std::size_t begin) {
  const std::size_t break_at = out.find('\n', begin);
  if (break_at != std::string::npos) {
    const std::string rest = out.substr(break_at + 1);
    out.resize(break_at + 1);
    for (std::size_t at = 0; at <= rest.size();) {
      const std::size_t end = std::min(rest.find('\n', at), rest.size());
      out += kData;
      out.append(rest, at, end + 1 - at);
      at = end + 1;
    }
  }
  out += kEnd;
}

void append_event(std::string& out,
                  std::string_view data,
                  const ChunkFacts& facts,
                  const dialects::ReplyIdentity& identity) {
  out += kData;
  const std::size_t begin = out.size();
  dialects::write_chunk(out, data, facts, identity);
  end_event(out, data.find('\n') == std::string_view::npos ? out.size() : begin);
}

// A preamble is a few hundred bytes; more than this is not one.
constexpr std::size_t kMaxHeld = 256UL * 1024UL;

}  // namespace

StreamRelay::StreamRelay(dialects::RequestKind kind,
                         const dialects::UsageQuirks& quirks,
                         dialects::ReplyIdentity identity,
                         bool tell_usage)
    : quirks_(quirks),
      identity_(identity),
      tell_usage_(tell_usage) {
  summary_.kind = kind;
}

void StreamRelay::observe(std::string_view data, const ChunkFacts& facts) {
  summary_.observe(data, facts);
  output_bytes_ += facts.output_bytes;
  if (upstream_id_.empty() && facts.id_value.size() > 2) {
    const std::string_view quoted = facts.id_value.of(data);
    upstream_id_ = quoted.substr(1, std::min<std::size_t>(quoted.size() - 2, 128));
  }
  // Counts are cumulative where they come in every chunk: the last ones stand.
  if (!facts.usage_value.empty()) {
    usage_ = facts.usage;
    usage_fault_ = facts.usage_fault;
  }
  finished_ = finished_ || !facts.finish_reason.empty();
}

StreamRelay::Step StreamRelay::feed(std::string_view bytes, std::string& out) {
  if (failed_) {  // the parser stands in the middle of what it was given
    return Step::Failed;
  }
  events_.feed(bytes);
  while (const auto event = events_.next()) {
    if (take(*event, out) == Step::Failed) {
      failed_ = true;
      return Step::Failed;
    }
  }
  failed_ = events_.error().has_value();
  if (failed_) {
    return Step::Failed;
  }
  return ended_ ? Step::Ended : Step::Continue;
}

StreamRelay::Step StreamRelay::finish(std::string& out) {
  if (const auto last = events_.finish()) {
    return take(*last, out);
  }
  return ended_ ? Step::Ended : Step::Continue;
}

StreamRelay::Step StreamRelay::take(const http::SseEvent& event, std::string& out) {
  const std::string_view data = event.data;
  if (ended_ || data.empty()) {
    spoke_after_end_ = spoke_after_end_ || (ended_ && !data.empty());
    return ended_ ? Step::Ended : Step::Continue;
  }
  const ChunkFacts facts = dialects::read_chunk(data, quirks_);
  switch (facts.kind) {
    case ChunkKind::Done: ended_ = true; return Step::Ended;
    case ChunkKind::Malformed: return Step::Failed;
    case ChunkKind::Error:
      observe(data, facts);
      fault_ = facts.fault;
      error_event_ = true;
      return Step::Failed;
    case ChunkKind::UsageOnly: observe(data, facts); return Step::Continue;
    case ChunkKind::Preamble:
    case ChunkKind::Content:
    case ChunkKind::Finish: break;
  }
  observe(data, facts);
  if (!content_sent_ && !facts.is_content_event()) {
    if (held_.size() > kMaxHeld) {
      return Step::Failed;
    }
    append_event(held_, data, facts, identity_);
    return Step::Continue;
  }
  if (!content_sent_) {
    content_sent_ = true;
    out += held_;
    free_memory(held_);
  }
  append_event(out, data, facts, identity_);
  return Step::Continue;
}

std::string_view StreamRelay::native_finish_reason() const noexcept {
  const std::string_view native = summary_.native_finish_reason;  // a JSON string
  return native.size() < 2 ? native : native.substr(1, native.size() - 2);
}

void StreamRelay::write_end(std::string& out, const dialects::ReplyBill& bill) {
  if (tell_usage_) {
    out += kData;
    const std::size_t begin = out.size();
    dialects::write_usage_chunk(out, summary_, identity_, bill);
    end_event(out, begin);
  }
  out += kStreamDone;
}

void StreamRelay::write_error(std::string& out, const dialects::StreamError& error) {
  out += kData;
  dialects::write_error_chunk(out, summary_, identity_, error);
  out.append(kEnd).append(kStreamDone);
}

}  // namespace waybill::gateway
