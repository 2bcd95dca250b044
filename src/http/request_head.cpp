#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"
#include "waybill/base/url.hpp"

#include "head_check.hpp"

namespace waybill::http {
namespace {

namespace beast_http = boost::beast::http;

Rejection reject(unsigned status, std::string_view code, std::string detail) {
  return {status, Error(ErrorKind::InvalidRequest, code, std::move(detail))};
}

Rejection malformed(std::string detail) {
  return reject(400, "malformed_request", std::move(detail));
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  unsigned version = 11;
};

std::variant<RequestLine, Rejection> read_request_line(std::string_view line,
                                                       const HeadLimits& limits) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == 0 || last == first) {
    return malformed("The request line has no method, target and version.");
  }
  RequestLine out;
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!std::all_of(out.method.begin(), out.method.end(), is_token_char)) {
    return malformed("The request's method is not a token.");
  }
  if (out.target.size() > limits.max_target) {
    return reject(414, "target_too_long", "The request's target is too long.");
  }
  if (version == "HTTP/1.1" || version == "HTTP/1.0") {
    out.version = version.back() == '1' ? 11 : 10;
    return out;
  }
  const bool other_version = version.size() == 8 && version.starts_with("HTTP/") &&
                             version[6] == '.' && is_digit(version[5]) && is_digit(version[7]);
  if (other_version) {
    return reject(505, "unsupported_http_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  }
  return malformed("The request line does not end in an HTTP version.");
}

// Visible ASCII without '#', quotes, brackets and the like, percent-encoding whole
// (RFC 3986 §3.3 and §3.4).
bool is_target_text(std::string_view text) noexcept {
  constexpr std::string_view kRefused = "\"#<>\\^`{|}";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c <= 0x20 || c >= 0x7F || kRefused.find(c) != std::string_view::npos) {
      return false;
    }
    if (c == '%' &&
        (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)) {
      return false;
    }
  }
  return true;
}

bool is_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  return ec == std::errc() && end == text.data() + text.size() && text.size() <= 5 && port > 0;
}

// `uri-host [":" port]` of RFC 9110 §7.2.  Wider than parse_authority(), which is for
// hosts that we call: the port may be empty, and the labels of a name may hold any
// unreserved character or sub-delimiter.  Only ',' (two Hosts joined to a list) and '%'
// (a second spelling of the same host) are refused although the grammar has them.
bool is_host(std::string_view text) noexcept {
  constexpr std::string_view kMarks = "-._~!$&'()*+;=";
  if (text.ends_with(':')) {
    text.remove_suffix(1);
  }
  if (parse_authority(text)) {
    return true;
  }
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) {
    return false;
  }
  const std::string_view name = text.substr(0, colon);
  if (name.empty() || name.front() == '.' || name.find("..") != std::string_view::npos) {
    return false;
  }
  return std::ranges::all_of(
      name, [&](char c) { return is_alphanumeric(c) || kMarks.find(c) != std::string_view::npos; });
}

// Fills path and query from the target; false where its form is none that a server
// takes (RFC 9112 §3.2).
bool read_target(std::string_view target, std::string_view host, RequestHead& out) {
  if (!is_target_text(target)) {
    return false;
  }
  if (target == "*") {
    out.path = "*";
    return out.method == Verb::options;
  }
  for (const std::string_view scheme :
       {std::string_view("http://"), std::string_view("https://")}) {
    if (target.size() > scheme.size() && iequals(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      const std::string_view authority = target.substr(0, target.find_first_of("/?"));
      if (!is_host(authority) || !iequals(authority, host)) {
        return false;
      }
      target.remove_prefix(authority.size());
      out.path = target.starts_with('/') ? "" : "/";
      break;
    }
  }
  if (out.path.empty() && !target.starts_with('/')) {
    return false;
  }
  const std::size_t question = target.find('?');
  out.path += target.substr(0, question);
  if (question != std::string_view::npos) {
    out.query = target.substr(question + 1);
  }
  return true;
}

std::optional<Rejection> check_host(const Fields& fields,
                                    unsigned version,
                                    std::string_view& host) {
  const Fields::Found found = fields.find("Host");
  host = found.value;
  if (found.count > 1 || (found.count == 0 && version == 11)) {
    return malformed("The request must have exactly one Host field.");
  }
  if (found.count == 1 && !is_host(host)) {
    return malformed("The Host field names no valid host.");
  }
  return std::nullopt;
}

std::optional<Rejection> check_credentials(const Fields& fields) {
  constexpr std::array<std::string_view, 4> kNames{"Authorization", "X-Api-Key", "Api-Key",
                                                   "X-Goog-Api-Key"};
  for (const std::string_view name : kNames) {
    const Fields::Found found = fields.find(name);
    if (found.count < 2) {
      continue;
    }
    for (const Fields::Line line : fields) {
      if (iequals(line.name, name) && line.value != found.value) {
        return reject(400, "ambiguous_credentials",
                      "The request carries different keys in one header; send one.");
      }
    }
  }
  return std::nullopt;
}

std::optional<Rejection> set_framing(RequestHead& out) {
  const FramingFields framing = read_framing(out.fields, out.version);
  switch (framing.fault) {
    case FramingFault::None: break;
    case FramingFault::BadLength:
      return malformed("The Content-Length field is not one plain number.");
    case FramingFault::Both:
      return malformed("Content-Length and Transfer-Encoding exclude each other.");
    case FramingFault::BadCoding:
      return malformed("The Transfer-Encoding field is not valid here.");
    case FramingFault::UnknownCoding:
      return reject(501, "unsupported_transfer_coding",
                    "The only transfer coding taken is 'chunked'.");
  }
  if (framing.chunked) {
    out.framing.kind = Framing::Kind::Chunked;
  } else if (framing.length && *framing.length > 0) {
    out.framing = {Framing::Kind::Length, *framing.length};
  }
  return std::nullopt;
}

std::optional<Rejection> set_expectation(RequestHead& out) {
  const Fields::Found expect = out.fields.find("Expect");
  if (expect.count == 0) {
    return std::nullopt;
  }
  if (expect.count > 1 || !iequals(expect.value, "100-continue")) {
    return reject(417, "expectation_failed", "The only expectation known is '100-continue'.");
  }
  out.expects_continue = out.version == 11;
  return std::nullopt;
}

}  // namespace

std::variant<RequestHead, Rejection> parse_request_head(std::string_view head,
                                                        const HeadLimits& limits) {
  if (head.size() > limits.max_bytes) {
    return oversized_head(head);
  }
  if (head.starts_with("\r\n")) {
    head.remove_prefix(2);
  }
  SplitHead split = split_head(head, limits.max_fields);
  switch (split.state) {
    case SplitHead::State::Good: break;
    case SplitHead::State::TooMany: return oversized_head(head);
    case SplitHead::State::Malformed: return malformed("A header field breaks HTTP's grammar.");
  }
  auto line = read_request_line(split.first_line, limits);
  if (auto* const rejection = std::get_if<Rejection>(&line)) {
    return std::move(*rejection);
  }
  const RequestLine& request = std::get<RequestLine>(line);
  RequestHead out;
  out.fields = std::move(split.fields);
  out.version = request.version;
  out.method = beast_http::string_to_verb({request.method.data(), request.method.size()});
  std::string_view host;
  if (auto rejection = check_host(out.fields, out.version, host)) {
    return std::move(*rejection);
  }
  if (out.method == Verb::connect) {
    const std::size_t colon = request.target.rfind(':');  // RFC 9112 §3.2.3
    if (colon == std::string_view::npos || !is_port(request.target.substr(colon + 1)) ||
        !is_host(request.target)) {
      return malformed("CONNECT's target is not a host with a port.");
    }
    return reject(405, "method_not_allowed", "This is no proxy: CONNECT is not served here.");
  }
  if (!read_target(request.target, host, out)) {
    return malformed("The request's target is not a valid path.");
  }
  if (auto rejection = check_credentials(out.fields)) {
    return std::move(*rejection);
  }
  if (auto rejection = set_framing(out)) {
    return std::move(*rejection);
  }
  if (auto rejection = set_expectation(out)) {
    return std::move(*rejection);
  }
  out.keep_alive = out.version == 11 && !has_list_member(out.fields, "Connection", "close");
  return out;
}

std::string_view RequestHead::header(Field name) const {
  return header(to_string(name));
}

std::string_view RequestHead::header(std::string_view name) const {
  return fields.find(name).value;
}

std::optional<unsigned> refused_method(Verb method) noexcept {
  switch (method) {
    case Verb::get:
    case Verb::head:
    case Verb::post:
    case Verb::put:
    case Verb::patch:
    case Verb::delete_:
    case Verb::options: return std::nullopt;
    case Verb::trace:
    case Verb::connect: return 405;
    default: return 501;
  }
}

}  // namespace waybill::http
