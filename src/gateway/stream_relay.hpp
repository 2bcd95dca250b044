// What becomes of one upstream's event stream on its way to the client.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/openai_chunk.hpp"
#include "waybill/http/sse_parser.hpp"

namespace waybill::gateway {

// The relay of one attempt, sans-I/O: the provider's bytes go in, bytes for the
// client come out, and what metering needs is kept.
//
//   event                     before content        after content
//   role only, no choices     held                  out
//   content, finish reason    what is held, and it  out            content_sent()
//   usage only                kept, not sent        kept, not sent
//   error                     Failed                Failed
//   not JSON, too large       Failed                Failed
//   [DONE]                    Ended                 Ended
//   anything after [DONE]     dropped, and told     dropped, and told   spoke_after_end()
//
// What is held belongs to this attempt: if it fails before content it is
// forgotten, and the client sees the preamble of the endpoint that wins.
//
// Thread safety: none; a value of one attempt.
class StreamRelay {
 public:
  enum class Step : unsigned char {
    Continue,
    Ended,
    Failed
  };

  // The views live as long as the relay.
  StreamRelay(dialects::RequestKind kind,
              const dialects::UsageQuirks& quirks,
              dialects::ReplyIdentity identity);

  // Takes what came of the body, cut anywhere, and appends what its events give the
  // client.  Once Failed, always Failed; after Ended it only sees whether more comes.
  Step feed(std::string_view bytes, std::string& out);
  // The body is over: an event that lacks its blank line counts.
  Step finish(std::string& out);

  // A content event was appended to `out` at some time: from now on another
  // endpoint cannot take over unseen.
  [[nodiscard]] bool content_sent() const noexcept { return content_sent_; }
  // The answer came to its end: it had a finish reason, or [DONE] after content.
  [[nodiscard]] bool is_complete() const noexcept { return finished_ || (ended_ && content_sent_); }

  // [DONE] has come.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  // An event came after [DONE]: nobody knows what it belongs to, so the connection
  // that it came on is good for nothing more.
  [[nodiscard]] bool spoke_after_end() const noexcept { return spoke_after_end_; }

  [[nodiscard]] const std::optional<dialects::Usage>& usage() const noexcept { return usage_; }
  [[nodiscard]] dialects::UsageFault usage_fault() const noexcept {
    return dialects::check_output(usage_fault_, usage_, output_bytes_);
  }
  [[nodiscard]] std::uint64_t output_bytes() const noexcept { return output_bytes_; }
  [[nodiscard]] const std::string& upstream_id() const noexcept { return upstream_id_; }
  [[nodiscard]] const dialects::StreamSummary& summary() const noexcept { return summary_; }
  // Why feed() failed; its texts are empty unless an error event said so.
  [[nodiscard]] const dialects::UpstreamFault& fault() const noexcept { return fault_; }
  [[nodiscard]] bool failed_by_error_event() const noexcept { return error_event_; }

  // Appends the usage chunk.
  void write_usage(std::string& out, const dialects::ReplyBill& bill) const;
  // Appends the chunk that says the answer broke off.
  void write_error(std::string& out, const dialects::StreamError& error) const;

 private:
  Step take(const http::SseEvent& event, std::string& out);
  void observe(std::string_view data, const dialects::ChunkFacts& facts);

  http::SseParser events_;
  dialects::UsageQuirks quirks_;
  dialects::ReplyIdentity identity_;
  dialects::StreamSummary summary_;
  std::string held_;
  std::string upstream_id_;
  std::optional<dialects::Usage> usage_;
  dialects::UsageFault usage_fault_ = dialects::UsageFault::Missing;
  dialects::UpstreamFault fault_;
  std::uint64_t output_bytes_ = 0;
  bool content_sent_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool spoke_after_end_ = false;
  bool error_event_ = false;
  bool failed_ = false;
};

inline constexpr std::string_view kStreamDone = "data: [DONE]\n\n";

}  // namespace waybill::gateway
