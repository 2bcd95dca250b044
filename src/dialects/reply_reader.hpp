// The walk over a reply or a chunk: both have the same top-level members.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "waybill/dialects/openai_reply.hpp"

#include "choice_reader.hpp"
#include "json_walk.hpp"
#include "reply_form.hpp"
#include "usage_reader.hpp"

namespace waybill::dialects {

// What stands at the top of a body; ranges are empty where it does not.  The
// larger parts go where the caller keeps them.
struct ReplyMembers {
  ReplyMembers(UpstreamFault& fault_of_body, SpliceList& splices_of_body) noexcept
      : fault(fault_of_body),
        splices(splices_of_body) {}

  UpstreamFault& fault;
  SpliceList& splices;
  bool is_object = false;  // else nothing below but `fault` is known
  ByteRange id;            // strings with their quotes
  ByteRange model;
  ByteRange system_fingerprint;
  ByteRange created;
  ByteRange object;
  ByteRange service_tier;
  ByteRange usage_value;
  UsageReading usage;
  ChoiceFacts choices;
  std::uint64_t vectors = 0;  // elements of `data`
  bool has_error = false;

  bool has_id = false;
  bool has_model = false;
  bool has_provider = false;
  bool has_fingerprint = false;
  bool has_members = false;
};

// False where `walker` holds a fault, or where a member that is ours repeats.
bool read_reply_members(JsonWalker& walker,
                        ReplyForm form,
                        const UsageQuirks& quirks,
                        ReplyMembers& members);

// A JSON string as text of at most `most` bytes; "" for an empty range.
std::string decoded_value(JsonWalker& walker, ByteRange value, std::size_t most);

}  // namespace waybill::dialects
