// Properties: an answer that is taken has a status from 100 to 599 but not 101, no body
// where there can be none, keeps no connection whose end is the body's end, and holds
// nothing that could start another line; to the same head a HEAD request gets no body.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "waybill/http/head.hpp"
#include "waybill/http/message.hpp"

namespace {

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace waybill::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const HeadScan scan = find_head_end(bytes);
  if (scan.state != HeadScan::State::Complete) {
    return 0;
  }
  const std::string_view head = bytes.substr(0, scan.size);
  const auto parsed = parse_response_head(head, Verb::post);
  const auto to_head = parse_response_head(head, Verb::head);
  require(parsed.index() == to_head.index());
  if (const auto* const rejection = std::get_if<Rejection>(&parsed)) {
    require(rejection->status == 502 &&
            rejection->error.kind() == waybill::ErrorKind::UpstreamFailed);
    return 0;
  }
  const auto& answer = std::get<ResponseHead>(parsed);
  require(answer.status >= 100 && answer.status <= 599 && answer.status != 101);
  const bool bodiless = answer.interim() || answer.status == 204 || answer.status == 304;
  require(!bodiless || answer.framing == Framing{});
  require(answer.framing.kind != Framing::Kind::UntilClose || !answer.keep_alive);
  require(answer.framing.kind != Framing::Kind::Length || answer.framing.length > 0);
  require(std::get<ResponseHead>(to_head).framing == Framing{});
  for (const auto [name, value] : answer.fields) {
    require(is_token(name) && is_field_value(value));
  }
  return 0;
}
