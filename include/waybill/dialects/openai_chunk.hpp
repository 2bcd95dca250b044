// OpenAI stream chunks: the `data:` payload of one server-sent event.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/splice.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::dialects {

enum class ChunkKind : std::uint8_t {
  Preamble,   // role only, empty delta, no choices: held back until content
  Content,    // text, reasoning, refusal, audio, image or a tool call
  Finish,     // no content, a finish reason
  UsageOnly,  // no content, no finish reason, but a `usage` object: not relayed
  Error,      // top-level `error`
  Done,       // [DONE]
  Malformed,  // not a JSON object: ends the attempt
};

// What one chunk holds.  `kind` names the most important part; a chunk with
// content can have a finish reason, and any chunk can have usage.
struct ChunkFacts {
  ChunkKind kind = ChunkKind::Malformed;

  // The event that commits the client's 200.
  [[nodiscard]] bool is_content_event() const noexcept {
    return kind == ChunkKind::Content || kind == ChunkKind::Finish;
  }

  std::uint64_t output_bytes = 0;  // decoded text, reasoning and tool calls
  std::string finish_reason;       // of the last choice that has one; at most 64 bytes
  std::optional<Usage> usage;      // see ReplyFacts
  UsageFault usage_fault = UsageFault::Missing;
  UpstreamFault fault;  // where kind is Error

  // JSON values as they stand in the data; empty if absent or null.
  ByteRange usage_value;
  ByteRange id_value;
  ByteRange model_value;
  ByteRange created;
  ByteRange object;
  ByteRange service_tier;
  ByteRange system_fingerprint;
  ByteRange native_finish_reason;

  // For write_chunk().
  SpliceList splices;
  bool has_id = false;
  bool has_model = false;
  bool has_provider = false;
  bool has_members = false;
};

// Reads one event's data.  Never fails: what is not JSON is Malformed.
[[nodiscard]] ChunkFacts read_chunk(std::string_view data, const UsageQuirks& quirks = {});

// Appends the payload for the client (no "data: ", no line end): id, model and
// provider are ours, usage and a null system_fingerprint are cut, everything
// else stays byte for byte.
// Requires: `facts` came from read_chunk(data) and is not Done or Malformed.
void write_chunk(std::string& out,
                 std::string_view data,
                 const ChunkFacts& facts,
                 const ReplyIdentity& identity);

// What the chunks that Waybill writes itself repeat of those it relayed.
// A value; one per attempt.
struct StreamSummary {
  RequestKind kind = RequestKind::Chat;
  std::int64_t created = 0;          // unix seconds; set it for streams that end before a chunk
  std::string service_tier;          // JSON value, "" for null
  std::string system_fingerprint;    // JSON string, "" for none
  std::string finish_reason;         // decoded, "" for null
  std::string native_finish_reason;  // JSON string, "" for: as finish_reason
  std::string usage;                 // the last usage object, as it stood

  // Takes what `facts` of `data` tells.
  void observe(std::string_view data, const ChunkFacts& facts);
};

// Appends the last chunk of a stream: usage beside one choice without content
// that repeats the finish reason, because clients crash on, or skip, a chunk
// with no choices.  The counts are those of summary.usage unless `bill` is an
// estimate; see append_usage().
void write_usage_chunk(std::string& out,
                       const StreamSummary& summary,
                       const ReplyIdentity& identity,
                       const ReplyBill& bill);

struct StreamError {
  int code = 502;                    // HTTP status it would have been
  std::string_view message{};        // one sentence
  std::string_view error_type{};     // OpenRouter's vocabulary: "provider_unavailable", ...
  std::string_view provider_code{};  // the upstream's own code, "" for none
};

// Appends the chunk that ends a stream which failed: top-level `error` beside a
// choice with finish_reason "error".
void write_error_chunk(std::string& out,
                       const StreamSummary& summary,
                       const ReplyIdentity& identity,
                       const StreamError& error);

}  // namespace waybill::dialects
