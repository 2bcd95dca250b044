// The relay of a stream between two sides that speak OpenAI's dialect.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/openai_chunk.hpp"
#include "waybill/http/sse_parser.hpp"

#include "answer_relay.hpp"

namespace waybill::gateway {

// Every event passes byte for byte, but for what of it is Waybill's.
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
class StreamRelay final : public AnswerRelay {
 public:
  // The views live as long as the relay.
  StreamRelay(dialects::RequestKind kind,
              const dialects::UsageQuirks& quirks,
              dialects::ReplyIdentity identity,
              bool tell_usage = true);

  Step feed(std::string_view bytes, std::string& out) override;
  Step finish(std::string& out) override;
  [[nodiscard]] bool content_sent() const noexcept override { return content_sent_; }
  [[nodiscard]] bool is_complete() const noexcept override {
    return finished_ || (ended_ && content_sent_);
  }
  // [DONE] has come.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] bool spoke_after_end() const noexcept override { return spoke_after_end_; }

  [[nodiscard]] const std::optional<dialects::Usage>& usage() const noexcept override {
    return usage_;
  }
  [[nodiscard]] dialects::UsageFault usage_fault() const noexcept override {
    return dialects::check_output(usage_fault_, usage_, output_bytes_);
  }
  [[nodiscard]] bool usage_so_far() const noexcept override { return false; }
  [[nodiscard]] std::uint64_t output_bytes() const noexcept override { return output_bytes_; }
  [[nodiscard]] std::string_view upstream_id() const noexcept override { return upstream_id_; }
  [[nodiscard]] std::string_view finish_reason() const noexcept override {
    return summary_.finish_reason;
  }
  [[nodiscard]] std::string_view native_finish_reason() const noexcept override;
  [[nodiscard]] const dialects::UpstreamFault& fault() const noexcept override { return fault_; }
  [[nodiscard]] bool failed_by_error_event() const noexcept override { return error_event_; }

  // The usage chunk, unless it is not wanted, and [DONE].
  void write_end(std::string& out, const dialects::ReplyBill& bill) override;
  void write_error(std::string& out, const dialects::StreamError& error) override;

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
  bool tell_usage_;
};

}  // namespace waybill::gateway
