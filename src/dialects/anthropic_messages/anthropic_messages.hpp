// Anthropic Messages (https://docs.anthropic.com/en/api/messages, "Streaming messages",
// "Extended thinking", "Prompt caching", "Tool use", "Structured outputs", "Errors").

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects {

extern const Dialect kAnthropicMessages;

namespace anthropic {

inline constexpr std::string_view kName = "anthropic_messages";
// OpenRouter's name for thoughts of Claude in `reasoning_details`.
inline constexpr std::string_view kReasoningFormat = "anthropic-claude-v1";

Result<Conversation> decode_request(std::string_view body);
Result<EncodedRequest> encode_request(const Conversation& conversation, const EncodeTarget& target);
Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks& quirks,
                               std::optional<UpstreamFault>& fault);
void encode_response(const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out);
UpstreamFault decode_error(std::string_view body);
void encode_error(const ErrorNote& error, std::string& out);
std::unique_ptr<EventReader> make_reader(const UsageQuirks& quirks);
std::unique_ptr<EventWriter> make_writer(const ReplyContext& context, std::string& out);
Result<std::string> pass_request(std::string_view body, const EncodeTarget& target);
void pass_response(std::string_view body,
                   const ReplyContext& context,
                   const ReplyBill& bill,
                   std::string& out);
std::unique_ptr<FrameWriter> make_passer(const ReplyContext& context, std::string& out);

// --- shared by the files of this folder

// A block of an assistant's content; also those that only Anthropic knows.
[[nodiscard]] Part read_block(const JsonRef& block);
[[nodiscard]] Citation read_citation(const JsonRef& citation);
[[nodiscard]] CacheMark read_cache_mark(const JsonRef& holder);
[[nodiscard]] UpstreamFault read_fault(const JsonRef& error);

[[nodiscard]] FinishReason finish_of(std::string_view stop_reason) noexcept;
[[nodiscard]] std::string_view stop_reason_of(FinishReason finish,
                                              std::string_view native,
                                              std::string_view stop_sequence) noexcept;

// The counts of a `usage` object as they come, in a stream piece by piece.
class UsageCounts {
 public:
  void read(const JsonRef& usage);
  [[nodiscard]] bool known() const noexcept { return known_; }
  // Anthropic's input_tokens leave out what was read from or written to the cache.
  [[nodiscard]] Usage usage() const noexcept;
  [[nodiscard]] UsageFault fault() const noexcept;
  [[nodiscard]] const std::string& service_tier() const noexcept { return service_tier_; }

 private:
  void read_count(const JsonRef& value, std::uint64_t& count);

  std::uint64_t input_ = 0;
  std::uint64_t output_ = 0;
  std::uint64_t cache_read_ = 0;
  std::uint64_t cache_write_ = 0;
  std::uint64_t cache_write_1h_ = 0;
  std::uint64_t thinking_ = 0;
  std::string service_tier_;
  UsageFault fault_ = UsageFault::None;
  bool known_ = false;
};

// Arguments as the object that `input` must be.
[[nodiscard]] std::string input_of(std::string_view arguments);

void write_citation(JsonWriter& json, const Citation& citation);
// The member `usage` for clients, with what it cost.
void write_usage(JsonWriter& json, const ReplyBill& bill, std::string_view service_tier);

}  // namespace anthropic
}  // namespace waybill::dialects
