// The `response` object: what stands around the output.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "openai_responses.hpp"

namespace waybill::dialects::responses {

enum class ResponseStatus : std::uint8_t {
  InProgress,
  Completed,
  Incomplete,
  Failed,
};
[[nodiscard]] std::string_view name(ResponseStatus status) noexcept;

// What one state of the answer is told with.
struct ResponseState {
  ResponseStatus status = ResponseStatus::InProgress;
  std::string_view output{};       // the items, each after a comma but the first
  std::string_view output_text{};  // escaped; told where the answer is over
  std::string_view incomplete_reason{};
  std::string_view service_tier{};  // escaped
  const StreamError* error = nullptr;
  const ReplyBill* bill = nullptr;
};

// Writes the response object of one answer, in its states.
class ResponseObject {
 public:
  // Copies what of `context` it needs.
  explicit ResponseObject(const ReplyContext& context);

  void write(std::string& out, const ResponseState& state) const;
  // What ids of items are made from.
  [[nodiscard]] const std::string& stem() const noexcept { return stem_; }

 private:
  std::string id_;
  std::string model_;
  std::string provider_;
  std::string stem_;
  std::string repeated_;  // members of the request, each after a comma
  std::int64_t created_;
};

}  // namespace waybill::dialects::responses
