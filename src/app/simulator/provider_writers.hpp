// Answers in dialects that Waybill itself only reads: it has no writers for them.

#pragma once

#include <memory>
#include <string>

#include "waybill/dialects/codec.hpp"

namespace waybill::app::simulator {

// How a dialect's answers are written.
struct ProviderWriter {
  void (*encode_response)(const dialects::Answer& answer,
                          const dialects::ReplyContext& context,
                          const dialects::ReplyBill& bill,
                          std::string& out) = nullptr;
  std::unique_ptr<dialects::EventWriter> (*make_writer)(const dialects::ReplyContext& context,
                                                        std::string& out) = nullptr;
};

// Bedrock's Converse.  Streams are written as server-sent events with the names of AWS's.
[[nodiscard]] ProviderWriter bedrock_writer() noexcept;
// Cohere's chat, version 2.
[[nodiscard]] ProviderWriter cohere_writer() noexcept;

// Which kind of block a stream is in.
enum class BlockKind : std::uint8_t {
  None,
  Text,
  Thoughts,
  Call,
};

}  // namespace waybill::app::simulator
