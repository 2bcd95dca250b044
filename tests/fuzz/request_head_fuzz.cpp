// Properties: scanning for the end of a head byte by byte says what scanning it whole
// says; a request that is taken holds one sound host, one sort of framing and nothing
// that could start another line, and written anew it is read as the same request.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "waybill/base/text.hpp"
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
  const HeadScan whole = find_head_end(bytes);
  HeadScan scan;
  for (std::size_t i = 1; i <= size && scan.state == HeadScan::State::NeedMore; ++i) {
    scan = find_head_end(bytes.substr(0, i), scan.size);
  }
  require(scan.state == whole.state && scan.size == whole.size);
  if (whole.state != HeadScan::State::Complete) {
    return 0;
  }
  const auto parsed = parse_request_head(bytes.substr(0, whole.size));
  if (const auto* const rejection = std::get_if<Rejection>(&parsed)) {
    require(rejection->status >= 400 && rejection->status <= 505);
    return 0;
  }
  const auto& head = std::get<RequestHead>(parsed);
  require(head.path == "*" || head.path.starts_with('/'));
  require(head.version == 10 || head.version == 11);
  require(head.version == 11 || (head.framing.kind != Framing::Kind::Chunked && !head.keep_alive));
  require(head.framing.kind != Framing::Kind::UntilClose);
  require(head.framing.kind != Framing::Kind::Length || head.framing.length > 0);
  for (const auto [name, value] : head.fields) {
    require(is_token(name) && is_field_value(value));
  }

  if (head.version == 10 || head.method == Verb::unknown) {
    return 0;
  }
  std::string copy;
  const std::string target = head.path + (head.query.empty() ? "" : "?" + head.query);
  const auto method = boost::beast::http::to_string(head.method);
  HeadWriter writer =
      HeadWriter::request(copy, {method.data(), method.size()}, target, head.header(Field::host));
  for (const auto [name, value] : head.fields) {
    if (!waybill::iequals(name, "Host")) {
      writer.add(name, value);
    }
  }
  require(writer.finish().has_value());
  HeadLimits wide;
  wide.max_bytes *= 2;  // a blank after each colon may make it longer
  const auto again = parse_request_head(copy, wide);
  require(std::holds_alternative<RequestHead>(again));
  const auto& other = std::get<RequestHead>(again);
  require(other.path == head.path && other.query == head.query && other.method == head.method &&
          other.framing == head.framing && other.keep_alive == head.keep_alive &&
          other.expects_continue == head.expects_continue &&
          other.fields.size() == head.fields.size());
  return 0;
}
