// Properties of reading an intent log: no input harms, reading ends at the first bad
// frame, and an entry that is read writes back to the same bytes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "frames.hpp"
#include "intent_codec.hpp"
#include "recovery.hpp"

namespace {

using namespace waybill::ledger;  // NOLINT(google-build-using-namespace): what is fuzzed

std::string encoded(const IntentEntry& entry) {
  std::string out;
  if (const auto* intent = std::get_if<Intent>(&entry)) {
    encode_intent(*intent, out);
  } else {
    const auto& mark = std::get<ProgressMark>(entry);
    encode_progress(mark.generation, mark.delivered, out);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The checksum stops nearly every mutation, so the payload is also tried by itself.
  const auto entry = decode_intent_entry(bytes);
  if (entry && encoded(*entry) != bytes) {
    std::abort();
  }
  std::string framed;
  const std::size_t start = begin_frame(framed);
  framed += bytes;
  end_frame(framed, start);
  GenerationMap of_payload;
  const bool readable = read_intent_segment(framed, of_payload);
  const bool framable = !bytes.empty() && bytes.size() <= kLargestFrame;
  if (framable && readable != entry.has_value()) {
    std::abort();
  }
  GenerationMap of_whole;
  (void)read_intent_segment(bytes, of_whole);
  return 0;
}
