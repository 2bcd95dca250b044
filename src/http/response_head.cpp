#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "head_check.hpp"

namespace waybill::http {
namespace {

namespace beast_http = boost::beast::http;

constexpr std::size_t kStatusEnd = 12;  // "HTTP/1.1 200"

Rejection refuse(std::string detail) {
  return {502, Error(ErrorKind::UpstreamFailed, "upstream_malformed", std::move(detail))};
}

// "HTTP/1.1 200 OK"; the reason may be empty, with or without its blank.
bool read_status_line(std::string_view line, ResponseHead& out) {
  const bool v11 = line.starts_with("HTTP/1.1 ");
  if (!v11 && !line.starts_with("HTTP/1.0 ")) {
    return false;
  }
  out.version = v11 ? 11 : 10;
  line.remove_prefix(9);
  if (line.size() < 3 || (line.size() > 3 && line[3] != ' ')) {
    return false;
  }
  unsigned status = 0;
  for (const char c : line.substr(0, 3)) {
    if (c < '0' || c > '9') {
      return false;
    }
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  out.status = status;
  return status >= 100 && status <= 599;
}

bool take_fields(std::string_view head, ResponseHead& out) {
  beast_http::response_parser<beast_http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.body_limit(boost::none);
  parser.eager(false);
  parser.skip(true);
  boost::system::error_code ec;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if ((ec && ec != beast_http::error::need_more) || !parser.is_header_done()) {
    return false;
  }
  out.fields = std::move(parser.release().base());
  return true;
}

}  // namespace

std::variant<ResponseHead, Rejection> parse_response_head(std::string_view head,
                                                          Verb request_method,
                                                          const HeadLimits& limits) {
  FieldLines lines;
  if (head.size() > limits.max_bytes || !lines.split(head, limits.max_fields)) {
    return refuse("a header field breaks the grammar, or there are too many.");
  }
  ResponseHead out;
  if (!read_status_line(lines.first_line(), out)) {
    return refuse("the status line is not valid.");
  }
  if (out.status == 101) {
    return refuse("it switches protocols although nobody asked.");
  }
  const FramingFields framing = read_framing(lines, out.version);
  if (framing.fault != FramingFault::None) {
    return refuse("its framing can be read in two ways.");
  }
  out.keep_alive = out.version == 11 && !has_list_member(lines, "Connection", "close");
  const bool tunnel = request_method == Verb::connect && out.status / 100 == 2;
  const bool no_body =
      out.interim() || out.status == 204 || out.status == 304 || request_method == Verb::head;
  if (no_body || tunnel) {
    out.framing.kind = Framing::Kind::None;
  } else if (framing.chunked) {
    out.framing.kind = Framing::Kind::Chunked;
  } else if (framing.length) {
    out.framing =
        *framing.length == 0 ? Framing{} : Framing{Framing::Kind::Length, *framing.length};
  } else {
    out.framing.kind = Framing::Kind::UntilClose;
    out.keep_alive = false;
  }
  std::string repaired;
  if (lines.first_line().size() == kStatusEnd) {
    // RFC 9112 §4 wants the blank before an empty reason, and so does Beast; some
    // servers leave it out.
    repaired.append(head.substr(0, kStatusEnd)).append(" ").append(head.substr(kStatusEnd));
    head = repaired;
  }
  if (!take_fields(head, out)) {
    return refuse("it is not valid HTTP.");
  }
  return out;
}

std::string_view ResponseHead::header(Field name) const {
  const auto value = fields[name];
  return {value.data(), value.size()};
}

std::string_view ResponseHead::header(std::string_view name) const {
  const auto value = fields[boost::beast::string_view(name.data(), name.size())];
  return {value.data(), value.size()};
}

}  // namespace waybill::http
