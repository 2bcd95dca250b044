// Property: a reply that is accepted is written as a reply that is accepted, with
// our identity and a usage object, and the same text.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "waybill/dialects/openai_reply.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace waybill::dialects;
  if (size < 1) {
    return 0;
  }
  const auto kind = static_cast<RequestKind>(data[0] % 3);
  const UsageQuirks quirks{.envelope = (data[0] & 0x80U) != 0 ? "x_groq" : ""};
  const std::string body(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto facts = read_reply(kind, body, quirks);
  if (!facts || body.find('{') == std::string::npos || facts->splices.size() == 0) {
    return 0;  // no reply, or an error in a list, which is never written
  }
  ReplyBill bill;
  if (facts->usage) {
    bill.usage = *facts->usage;
  } else {
    bill.charge.counted_by = CountedBy::Estimate;
  }
  std::string out;
  write_reply(out, body, *facts, {"gen-1", "a/b", "P"}, bill);
  const auto again = read_reply(kind, out, quirks);
  if (!again || again->upstream_id != "gen-1" || again->upstream_model != "a/b" ||
      !again->has_provider || again->usage_value.empty() ||
      again->output_bytes != facts->output_bytes || again->finish_reason != facts->finish_reason ||
      again->is_error != facts->is_error) {
    std::abort();
  }
  return 0;
}
