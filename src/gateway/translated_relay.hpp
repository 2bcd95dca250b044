// The relay of a stream from one dialect into another.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/codec.hpp"

#include "answer_relay.hpp"

namespace waybill::gateway {

// Decodes what comes, meters it, and writes it as the client reads it; where both sides speak
// the same dialect the messages themselves are passed on.
class TranslatedRelay final : public AnswerRelay, private dialects::EventSink {
 public:
  TranslatedRelay(const dialects::Dialect& upstream,
                  const dialects::Dialect& client,
                  const dialects::UsageQuirks& quirks,
                  const dialects::ReplyContext& context);

  Step feed(std::string_view bytes, std::string& out) override;
  Step finish(std::string& out) override;
  [[nodiscard]] bool content_sent() const noexcept override { return content_sent_; }
  [[nodiscard]] bool is_complete() const noexcept override {
    return finish_ != dialects::FinishReason::None || (decoder_.ended() && content_sent_);
  }
  [[nodiscard]] bool spoke_after_end() const noexcept override { return spoke_after_end_; }
  [[nodiscard]] const std::optional<dialects::Usage>& usage() const noexcept override {
    return usage_;
  }
  [[nodiscard]] dialects::UsageFault usage_fault() const noexcept override {
    return dialects::check_output(usage_fault_, usage_, output_bytes_);
  }
  [[nodiscard]] bool usage_so_far() const noexcept override { return so_far_; }
  [[nodiscard]] std::uint64_t output_bytes() const noexcept override { return output_bytes_; }
  [[nodiscard]] std::string_view upstream_id() const noexcept override { return upstream_id_; }
  [[nodiscard]] std::string_view finish_reason() const noexcept override {
    return dialects::name(finish_);
  }
  [[nodiscard]] std::string_view native_finish_reason() const noexcept override {
    return native_finish_;
  }
  [[nodiscard]] const dialects::UpstreamFault& fault() const noexcept override { return fault_; }
  [[nodiscard]] bool failed_by_error_event() const noexcept override { return error_event_; }
  void write_end(std::string& out, const dialects::ReplyBill& bill) override;
  void write_error(std::string& out, const dialects::StreamError& error) override;

 private:
  // Hands frames on, but not what says that the provider failed: the client is told by us.
  class Tap final : public dialects::FrameWriter {
   public:
    explicit Tap(TranslatedRelay& owner) noexcept : owner_(owner) {}
    void take(const dialects::Frame& frame) override;
    void end(const dialects::ReplyBill&) override {}
    void fail(const dialects::StreamError&) override {}

   private:
    TranslatedRelay& owner_;
  };

  void take(const dialects::Event& event) override;
  void meter(const dialects::Event& event);
  Step step_after(bool good, std::string& out);

  std::string written_;  // by the writer: held until content, then passed on with each feed
  dialects::StreamDecoder decoder_;
  std::unique_ptr<dialects::EventWriter> writer_;  // one of the two
  std::unique_ptr<dialects::FrameWriter> passer_;
  Tap tap_{*this};
  std::string upstream_id_;
  std::string native_finish_;
  std::optional<dialects::Usage> usage_;
  dialects::UsageFault usage_fault_ = dialects::UsageFault::Missing;
  dialects::UpstreamFault fault_;
  std::uint64_t output_bytes_ = 0;
  dialects::FinishReason finish_ = dialects::FinishReason::None;
  bool so_far_ = false;
  bool content_sent_ = false;
  bool spoke_after_end_ = false;
  bool error_event_ = false;
  bool failed_ = false;
};

}  // namespace waybill::gateway
