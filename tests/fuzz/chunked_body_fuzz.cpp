// Properties: how a body is split changes neither its data, nor its end, nor its fault;
// no more than the limit comes out; what is decoded, framed anew, decodes to itself.
// The first byte chooses the framing, the second where the bytes are cut.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "waybill/http/body.hpp"
#include "waybill/http/message.hpp"

namespace {

using namespace waybill::http;

constexpr std::size_t kMaxBody = 4096;

struct Decoded {
  std::string data;
  std::size_t consumed = 0;
  unsigned fault = 0;
  bool done = false;
  bool clean_end = false;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(Framing framing, std::string_view bytes, std::size_t step_size) {
  BodyLimits limits;
  limits.max_body = kMaxBody;
  BodyDecoder decoder(framing, limits);
  Decoded out;
  while (out.consumed < bytes.size() && !decoder.done() && !decoder.fault()) {
    const auto step = decoder.feed(bytes.substr(out.consumed, step_size));
    out.data += step.data;
    out.consumed += step.consumed;
  }
  out.fault = decoder.fault() ? decoder.fault()->status : 0;
  out.done = decoder.done();
  out.clean_end = decoder.at_clean_end();
  return out;
}

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  Framing framing{Framing::Kind::Chunked, 0};
  if (data[0] % 4 == 1) {
    framing = {Framing::Kind::Length, data[1]};
  } else if (data[0] % 4 == 2) {
    framing = {Framing::Kind::UntilClose, 0};
  }
  const Decoded whole = decode(framing, bytes, std::string_view::npos);
  require(whole.data.size() <= kMaxBody && (!whole.done || whole.fault == 0));
  require(decode(framing, bytes, 1) == whole);
  require(decode(framing, bytes, 1U + data[1]) == whole);

  std::string framed;
  if (!whole.data.empty()) {
    append_chunk_header(framed, whole.data.size());
    framed.append(whole.data).append("\r\n");
  }
  framed += kLastChunk;
  const Decoded again = decode({Framing::Kind::Chunked, 0}, framed, std::string_view::npos);
  require(again.done && again.data == whole.data && again.consumed == framed.size());
  return 0;
}
