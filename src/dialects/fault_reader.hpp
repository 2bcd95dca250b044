// What a provider says of its own failure, in whichever of the shapes it says it.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "waybill/dialects/openai_reply.hpp"

#include "json_walk.hpp"

namespace waybill::dialects {

enum class FaultMember : std::uint8_t {
  Message,
  Code,
  Type,
  Status,
};

// Fills `fault` with printable text, cut to what it may hold.  Both must outlive the reader.
class FaultReader {
 public:
  FaultReader(JsonWalker& walker, UpstreamFault& fault) noexcept : walker_(walker), fault_(fault) {}

  // The value of `error` comes next: an object, or the message by itself.
  void read();
  // The value of one member comes next.
  void read_member(FaultMember member);

 private:
  std::string take_scalar();
  void note_status(std::string_view text) noexcept;

  JsonWalker& walker_;
  UpstreamFault& fault_;
};

}  // namespace waybill::dialects
