// Property: a request that is accepted is written as JSON that is accepted again
// with the same facts, and a second writing changes nothing.  The first byte
// chooses the kind and the upstream's wishes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "waybill/dialects/openai_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace waybill::dialects;
  if (size < 1) {
    return 0;
  }
  const auto kind = static_cast<RequestKind>(data[0] % 3);
  UpstreamRequest upstream{.upstream_model = "up",
                           .usage = static_cast<UsageRequest>(data[0] / 3 % 3)};
  if ((data[0] & 0x40U) != 0) {
    upstream.output_cap = 100;
  }
  if ((data[0] & 0x80U) != 0) {
    upstream.limit_member = "max_completion_tokens";
  }
  // An exact copy, so that a read past the end is seen.
  const std::string body(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto facts = read_request(kind, body);
  if (!facts) {
    return 0;
  }
  std::string once;
  write_upstream_request(once, body, *facts, upstream);
  const auto again = read_request(kind, once);
  if (!again || again->model != "up" || again->stream != facts->stream ||
      again->text_bytes != facts->text_bytes || !again->models.empty()) {
    std::abort();
  }
  std::string twice;
  write_upstream_request(twice, once, *again, upstream);
  if (twice != once) {
    std::abort();
  }
  return 0;
}
