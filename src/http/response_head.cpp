#include "head_check.hpp"

namespace waybill::http {
namespace {

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

}  // namespace

std::variant<ResponseHead, Rejection> parse_response_head(std::string_view head,
                                                          Verb request_method,
                                                          const HeadLimits& limits) {
  if (head.size() > limits.max_bytes) {
    return refuse("its head is too large.");
  }
  SplitHead split = split_head(head, limits.max_fields);
  if (split.state != SplitHead::State::Good) {
    return refuse("a header field breaks the grammar, or there are too many.");
  }
  ResponseHead out;
  out.fields = std::move(split.fields);
  if (!read_status_line(split.first_line, out)) {
    return refuse("the status line is not valid.");
  }
  if (out.status == 101) {
    return refuse("it switches protocols although nobody asked.");
  }
  const FramingFields framing = read_framing(out.fields, out.version);
  if (framing.fault != FramingFault::None) {
    return refuse("its framing can be read in two ways.");
  }
  out.keep_alive = out.version == 11 && !has_list_member(out.fields, "Connection", "close");
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
  return out;
}

std::string_view ResponseHead::header(Field name) const {
  return header(to_string(name));
}

std::string_view ResponseHead::header(std::string_view name) const {
  return fields.find(name).value;
}

}  // namespace waybill::http
