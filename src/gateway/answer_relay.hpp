// What becomes of one upstream's stream on its way to the client, whichever way it goes.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/openai_chunk.hpp"

namespace waybill::gateway {

// The relay of one attempt, sans-I/O: the provider's bytes go in, bytes for the client come
// out, and what metering needs is kept.  What comes before the first content is held: if the
// attempt fails before it, it is forgotten, and the client sees the preamble of the endpoint
// that wins.
//
// Thread safety: none; one per attempt.
class AnswerRelay {
 public:
  enum class Step : unsigned char {
    Continue,
    Ended,
    Failed
  };

  AnswerRelay() = default;
  AnswerRelay(const AnswerRelay&) = delete;
  AnswerRelay& operator=(const AnswerRelay&) = delete;
  virtual ~AnswerRelay() = default;

  // Takes what came of the body, cut anywhere, and appends what its events give the
  // client.  Once Failed, always Failed; after Ended it only sees whether more comes.
  virtual Step feed(std::string_view bytes, std::string& out) = 0;
  // The body is over: a last event that lacks its end may count.
  virtual Step finish(std::string& out) = 0;

  // A content event was appended to `out` at some time: from now on another
  // endpoint cannot take over unseen.
  [[nodiscard]] virtual bool content_sent() const noexcept = 0;
  // The answer came to its end: it had a finish reason, or its last event after content.
  [[nodiscard]] virtual bool is_complete() const noexcept = 0;
  // Something came after the last event: nobody knows what it belongs to, so the connection
  // that it came on is good for nothing more.
  [[nodiscard]] virtual bool spoke_after_end() const noexcept = 0;

  [[nodiscard]] virtual const std::optional<dialects::Usage>& usage() const noexcept = 0;
  [[nodiscard]] virtual dialects::UsageFault usage_fault() const noexcept = 0;
  // The counts are of what came so far: the answer's own is still less than it will be.
  [[nodiscard]] virtual bool usage_so_far() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t output_bytes() const noexcept = 0;
  [[nodiscard]] virtual std::string_view upstream_id() const noexcept = 0;
  [[nodiscard]] virtual std::string_view finish_reason() const noexcept = 0;
  [[nodiscard]] virtual std::string_view native_finish_reason() const noexcept = 0;
  // Why feed() failed; its texts are empty unless an error event said so.
  [[nodiscard]] virtual const dialects::UpstreamFault& fault() const noexcept = 0;
  [[nodiscard]] virtual bool failed_by_error_event() const noexcept = 0;

  // Appends the end of an answer that is whole: usage and what ends a stream.
  virtual void write_end(std::string& out, const dialects::ReplyBill& bill) = 0;
  // Appends the end of one that broke off.
  virtual void write_error(std::string& out, const dialects::StreamError& error) = 0;
};

}  // namespace waybill::gateway
