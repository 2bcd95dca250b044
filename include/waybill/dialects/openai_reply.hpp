// OpenAI replies that are not streamed: read once, and spliced for the client.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"
#include "waybill/dialects/splice.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::dialects {

// What an upstream says went wrong.  Bounded; may repeat parts of a prompt, so
// it is for the client that sent it, never for a log.
struct UpstreamFault {
  static constexpr std::size_t kMaxBytes = 500;

  std::string message;        // at most kMaxBytes
  std::string code;           // at most 64 bytes; a number as its digits
  std::string type;           // at most 64 bytes
  std::optional<int> status;  // `code` or `status` where it is an HTTP status
};

struct ReplyFacts {
  RequestKind kind = RequestKind::Chat;
  bool has_choices = false;  // a choice (chat, completion) or a vector (embedding) is there
  bool is_error = false;     // top-level `error`, or nothing that answers: fall back
  UpstreamFault fault;       // where is_error, as far as it is known

  std::optional<Usage> usage;  // none where bill_by(usage_fault) is Estimate
  UsageFault usage_fault = UsageFault::Missing;
  ByteRange usage_value;  // as it stands in the body
  UsageForm usage_form = UsageForm::Unknown;
  std::string finish_reason;         // of the first choice that has one; at most 64 bytes
  std::string native_finish_reason;  // likewise
  std::string upstream_id;           // at most 128 bytes
  std::string upstream_model;        // at most 256 bytes: E32, another model than asked
  std::uint64_t output_bytes = 0;    // decoded text, reasoning and tool calls

  // For write_reply().
  SpliceList splices;
  bool has_id = false;
  bool has_model = false;
  bool has_provider = false;
  bool has_fingerprint = false;
  bool has_members = false;  // some member stays
};

// Reads the body of an upstream's 200 (or, for its `fault`, of an error).
// Fails with UpstreamFailed: "upstream_invalid_json", "upstream_not_an_object".
Result<ReplyFacts> read_reply(RequestKind kind,
                              std::string_view body,
                              const UsageQuirks& quirks = {});

// What of a reply is ours.
struct ReplyIdentity {
  std::string_view id;        // generation id
  std::string_view model;     // canonical
  std::string_view provider;  // display name
};

// What was counted and what it costs.
struct ReplyBill {
  Usage usage;
  Charge charge;
};

// Appends the body for the client: id, model, provider, usage and a missing
// system_fingerprint are ours, everything else stays byte for byte.
// Requires: `facts` came from read_reply(body).
void write_reply(std::string& out,
                 std::string_view body,
                 const ReplyFacts& facts,
                 const ReplyIdentity& identity,
                 const ReplyBill& bill);

}  // namespace waybill::dialects
