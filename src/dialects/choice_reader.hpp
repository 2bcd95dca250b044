// Reads `choices` in passing, of replies and of chunks alike.

#pragma once

#include <cstdint>

#include "json_walk.hpp"
#include "reply_form.hpp"

namespace waybill::dialects {

struct ChoiceFacts {
  std::uint64_t count = 0;         // elements that are objects
  std::uint64_t output_bytes = 0;  // decoded text, reasoning, refusals and tool calls
  bool has_content = false;
  JsonText first_finish;  // strings that are not empty; raw.end == 0: none
  JsonText last_finish;
  ByteRange first_native;  // JSON strings, with their quotes
  ByteRange last_native;
};

// The value of `choices` comes next; it may be of any type, and so may all in
// it.  Check walker.ok() after.  A choice that has `message` and `delta` (Perplexity's
// do, and a chunk's `message` holds all that came so far) is counted by the one of `form`.
void read_choices(JsonWalker& walker, ReplyForm form, ChoiceFacts& facts);

}  // namespace waybill::dialects
