// Heads of HTTP/1 messages: found, checked strictly against RFC 9110 and RFC 9112, and
// turned into fields.  Boost.Beast's parser is not asked: it accepts what two programs can
// read in two ways (obfuscated Transfer-Encoding, bad Host, folded lines), so the strict
// check does its whole work already.  From Beast come the names of methods, fields and
// statuses.  docs/decisions/0010-own-fields.md has the reasons and the figures.
//
// Everything here is sans-I/O and stateless: safe from any thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>  // for Boost 1.81, whose field.hpp writes to one without including it
#include <string>
#include <string_view>
#include <variant>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

#include "waybill/base/error.hpp"
#include "waybill/http/fields.hpp"

namespace waybill::http {

using Verb = boost::beast::http::verb;
using Field = boost::beast::http::field;

struct HeadLimits {
  std::size_t max_bytes = std::size_t{32} * 1024;  // the whole head, its blank line included
  std::size_t max_fields = 100;
  std::size_t max_target = std::size_t{16} * 1024;
};

// Why a message is not taken, and with which status a server answers.  After one of
// these the place of the next message is unknown: the connection must be closed.
// For a message from an upstream the status is always 502.
struct Rejection {
  unsigned status = 400;
  Error error;
};

// --- finding the end -------------------------------------------------------------

struct HeadScan {
  enum class State : std::uint8_t {
    NeedMore,   // no fault yet; `size` is where the next scan may start
    Complete,   // `size` bytes are the head, its blank line included
    Malformed,  // the byte at `size` can be in no head: answer 400 without waiting
  };
  State state = State::NeedMore;
  std::size_t size = 0;
};

// Looks for the blank line.  A control character other than HTAB, a CR without its
// LF and a LF without its CR are faults as soon as they are seen, so neither a TLS
// hello nor a client that ends lines with LF alone holds a connection until its
// timeout.  One blank line before the first line belongs to the head, since some clients
// send one after a body (RFC 9112 §2.2); an answer that starts so is refused later.
// `from` is the `size` of the last scan over a prefix of `bytes`, or 0.
// How the bytes were split never changes the outcome.
[[nodiscard]] HeadScan find_head_end(std::string_view bytes, std::size_t from = 0) noexcept;

// What to answer after HeadScan::State::Malformed, and when max_bytes arrived without
// a blank line (431, or 414 while the request line is still incomplete).
[[nodiscard]] Rejection malformed_head();
[[nodiscard]] Rejection oversized_head(std::string_view bytes);

// --- what a checked head says ------------------------------------------------------

// Where the body ends (RFC 9112 §6.3).
struct Framing {
  enum class Kind : std::uint8_t {
    None,
    Length,
    Chunked,
    UntilClose,  // responses only
  };
  Kind kind = Kind::None;
  std::uint64_t length = 0;  // bytes, with Kind::Length; below 2^63

  friend bool operator==(const Framing&, const Framing&) = default;
};

// Owns all it says; nothing refers to the bytes it was parsed from.
struct RequestHead {
  // Verb::unknown where the method is a token that Beast has no name for.
  Verb method = Verb::unknown;
  unsigned version = 11;  // 10 or 11

  // As sent, still percent-encoded; starts with '/', or is "*" (with OPTIONS only).
  // The host of an absolute-form target is the Host field's and left out.
  std::string path;
  std::string query;  // what follows the first '?', as sent; without the '?'
  Fields fields;
  Framing framing;
  bool keep_alive = true;         // HTTP/1.1 without `Connection: close`; else false
  bool expects_continue = false;  // `Expect: 100-continue` in HTTP/1.1

  // The value of the first field of that name, or empty.  Valid while this lives.
  [[nodiscard]] std::string_view header(Field name) const;
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

// Checks and parses a whole head, as delimited by find_head_end().
//
// Refused with 400 besides every breach of the grammar: anything but exactly one
// valid Host in HTTP/1.1, duplicate Content-Length (equal ones too), Transfer-Encoding
// other than one `chunked`, beside Content-Length or in HTTP/1.0, a target with a
// fragment, raw non-ASCII or bad percent-encoding, an absolute-form target of another
// host, and different values of one credential field.  405: CONNECT.  414: the target
// is too long.  417: an expectation other than 100-continue.  431: too many fields or
// bytes.  501: a transfer coding we do not have.  505: a version other than 1.0 and 1.1.
//
// Other methods pass, so that the connection stays usable: see refused_method().
[[nodiscard]] std::variant<RequestHead, Rejection> parse_request_head(
    std::string_view head, const HeadLimits& limits = {});

// The status for a method that no resource of ours has: 405 for one that HTTP knows
// (TRACE among them, whose answer never repeats the request), 501 for the others,
// nothing for GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.
[[nodiscard]] std::optional<unsigned> refused_method(Verb method) noexcept;

struct ResponseHead {
  unsigned status = 200;  // 100-599
  unsigned version = 11;  // 10 or 11
  Fields fields;
  Framing framing;
  bool keep_alive = true;  // false also where the body ends with the connection

  // 1xx: another head follows.  Callers skip a bounded number of them.
  [[nodiscard]] bool interim() const noexcept { return status < 200; }

  [[nodiscard]] std::string_view header(Field name) const;
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

// Checks and parses the head of an upstream's answer to `request_method`, which
// decides with the status whether there is a body.  The same rules as for requests;
// a 101 is refused, since we never ask for another protocol.  The status of a
// rejection is 502, its kind UpstreamFailed.
[[nodiscard]] std::variant<ResponseHead, Rejection> parse_response_head(
    std::string_view head, Verb request_method, const HeadLimits& limits = {});

// --- paths ---------------------------------------------------------------------------

// One path segment with its percent-encoding decoded, once.  Nothing where the result
// holds a control character or is not UTF-8, and where the encoding is broken.  A
// decoded '/' stays in the result: only a model id may hold one, so the caller decides
// (elsewhere "%2F" is 404).
[[nodiscard]] std::optional<std::string> decode_segment(std::string_view segment);

}  // namespace waybill::http
