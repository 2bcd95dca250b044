// Properties: no more than the limit and the ratio allow comes out, an error is final,
// and a body that decodes whole decodes to the same in small steps (unless the ratio,
// which looks at what has come so far, cuts it off).  The first byte chooses the coding.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "waybill/http/content_decoder.hpp"

namespace {

using namespace waybill::http;

struct Outcome {
  std::string out;
  std::string code;  // "" where all went well
};

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

DecodeLimits limits() {
  DecodeLimits limits;
  limits.max_output = std::size_t{256} * 1024;
  limits.free_output = std::size_t{4} * 1024;
  limits.max_ratio = 20;
  return limits;
}

Outcome decode(ContentCoding coding, std::string_view bytes, std::size_t step) {
  ContentDecoder decoder(coding, limits());
  Outcome outcome;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (const auto fed = decoder.feed(bytes.substr(at, step), outcome.out); !fed) {
      outcome.code = fed.error().code();
      const std::size_t size = outcome.out.size();
      require(!decoder.feed("x", outcome.out) && !decoder.finish() && outcome.out.size() == size);
      return outcome;
    }
  }
  if (const auto finished = decoder.finish(); !finished) {
    outcome.code = finished.error().code();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) {
    return 0;
  }
  const auto coding = static_cast<ContentCoding>(data[0] % 5);
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const DecodeLimits allowed = limits();
  const Outcome whole = decode(coding, bytes, bytes.size() + 1);
  require(whole.out.size() <= allowed.max_output);
  require(coding == ContentCoding::Identity ||
          whole.out.size() <=
              std::max(allowed.free_output, (bytes.size() + 1) * allowed.max_ratio));
  for (const std::size_t step : {1U, 2U, 3U, 7U}) {
    const Outcome slow = decode(coding, bytes, step);
    require(slow.out.size() <= allowed.max_output);
    if (whole.code.empty()) {
      require(slow.code == "content_too_large" || (slow.code.empty() && slow.out == whole.out));
    } else {
      require(!slow.code.empty());
    }
  }
  return 0;
}
