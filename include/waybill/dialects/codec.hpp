// A dialect: how one wire format says what a conversation and an answer hold.
//
// A codec is one folder below src/dialects and one line in registry.cpp.  It is pure:
// bytes in, values out; no socket, no clock, no provider's name.  docs/dialects.md shows
// how to add one.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/error.hpp"
#include "waybill/base/result.hpp"
#include "waybill/dialects/conversation.hpp"
#include "waybill/dialects/event.hpp"
#include "waybill/dialects/feature.hpp"
#include "waybill/dialects/openai_chunk.hpp"
#include "waybill/dialects/openai_request.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::dialects {

// How the messages of a streamed answer are told apart.
enum class Framing : std::uint8_t {
  Sse,
  Ndjson,          // one JSON value a line
  SseOrJsonArray,  // Gemini answers either, by what it was asked
  AwsEventStream,  // application/vnd.amazon.eventstream
};

// One message of a stream.
struct Frame {
  std::string_view name;      // the event's name; "" where the framing or the provider has none
  std::string_view data;      // its payload: JSON, or what the dialect ends with
  bool is_exception = false;  // AWS: the frame is an error, `name` its type
};

// Reads the messages of one stream.  It is told them in order.
//
// Thread safety: none; one per attempt.
class EventReader {
 public:
  EventReader() = default;
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;
  virtual ~EventReader() = default;

  // Tells `sink` what `frame` says.  False: it is not what the dialect allows (not JSON,
  // not an object), and the attempt ends.  Members and event types that it does not know
  // are passed over: providers add new ones.
  virtual bool read(const Frame& frame, EventSink& sink) = 0;

  // The message that ends an answer has come ([DONE], message_stop, ...).  What comes
  // after it belongs to nobody.
  [[nodiscard]] virtual bool ended() const noexcept = 0;

  // The body is over.  Tells what only the end tells.
  virtual void finish(EventSink& sink) { static_cast<void>(sink); }
};

// What an answer repeats of its request, and what of it is ours.
struct ReplyContext {
  std::string_view id;        // generation id
  std::string_view model;     // canonical
  std::string_view provider;  // display name
  std::int64_t created = 0;   // unix seconds
  // Tokens of the prompt, by estimate: for dialects that tell them before they are known.
  std::uint64_t prompt_estimate = 0;
  // Of a stream that is written on behind what a provider wrote: how many events were sent.
  std::uint64_t begun_frames = 0;
  bool hide_reasoning = false;  // the client asked not to see thoughts (reasoning.exclude)
  bool tell_usage = true;       // chat streams may be asked for no usage
  // The client's body, for dialects whose answers repeat some of it.  Valid during the call
  // it is given to.
  std::string_view request{};
};

// Writes a stream in one dialect.  It appends to the string that it was made with.
//
// What carries a cost or ends the answer (Usage, Finish, and what the dialect sends after
// them) is kept until end(): it may not leave before the settlement is durable.
//
// Thread safety: none; one per attempt.
class EventWriter : public EventSink {
 public:
  // Writes the end of an answer that is whole.
  virtual void end(const ReplyBill& bill) = 0;
  // Writes the end of one that broke off.  Valid at any time, also as the only event.
  virtual void fail(const StreamError& error) = 0;
};

// Passes a stream on in its own dialect, but for what of it is Waybill's.  As EventWriter
// keeps what carries a cost or ends the answer until end().
//
// Thread safety: none; one per attempt.
class FrameWriter {
 public:
  FrameWriter() = default;
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;
  virtual ~FrameWriter() = default;

  virtual void take(const Frame& frame) = 0;
  virtual void end(const ReplyBill& bill) = 0;
  virtual void fail(const StreamError& error) = 0;
};

// How an error is told to a client.
struct ErrorNote {
  unsigned status = 500;
  std::string_view code{};        // ours, stable: "model_not_found"
  std::string_view message{};     // a sentence
  std::string_view error_type{};  // OpenRouter's vocabulary: "not_found"
  std::string_view id{};          // generation id; "" for none
  std::string_view metadata{};    // further members, each after a comma: `,"provider_name":"x"`
};

// How a provider of OpenAI's chat dialect differs: data of its preset.
struct ChatQuirks {
  std::string_view limit_member{};      // "max_tokens", "max_completion_tokens"; "": the latter
  std::string_view reasoning_member{};  // what takes earlier thoughts back: "reasoning_content",
                                        // "reasoning_details"; "": nothing does
  std::string_view cache_member{};      // "cache_control", "prompt_cache_breakpoint"; "": none
  bool ask_usage = true;                // stream_options.include_usage is understood
};

// How a provider of OpenAI's Responses dialect differs, and its model.
struct ResponsesQuirks {
  // Encrypted thoughts may be asked for.  OpenAI's models that do not think refuse it
  // ("Encrypted content is not supported with this model").
  bool encrypted_reasoning = true;
  // Earlier thoughts may be sent back in plain text.  OpenAI refuses it ("Invalid
  // 'input[1].content': array too long"): they are then sent as summaries.
  bool plain_reasoning = true;
};

// What a request becomes on its way to one endpoint.
struct EncodeTarget {
  std::string_view upstream_model;
  bool stream = false;
  // The endpoint's largest answer, where it is known: for dialects that demand a limit.
  std::optional<std::uint64_t> max_output{};
  // Upper bound of the answer that Waybill sets: replaces a larger one.
  std::optional<std::uint64_t> output_cap{};
  ChatQuirks chat{};
  ResponsesQuirks responses{};
  // Thinking is asked for as an effort, not as a budget (newer Anthropic models).
  bool adaptive_reasoning = false;
};

// What was left out or changed.  Members are named as the client's dialect does where it
// has a word, else as feature.hpp does; no member twice.
class Losses {
 public:
  void drop(std::string_view member);
  void drop(Feature feature) { drop(name(feature)); }
  // `what` is a sentence without its full stop: "temperature 1.5 was lowered to 1".
  void change(std::string_view member, std::string what);

  [[nodiscard]] const std::vector<std::string>& dropped() const noexcept { return dropped_; }
  struct Change {
    std::string member;
    std::string what;
  };
  [[nodiscard]] const std::vector<Change>& changed() const noexcept { return changed_; }
  [[nodiscard]] bool empty() const noexcept { return dropped_.empty() && changed_.empty(); }

 private:
  std::vector<std::string> dropped_;
  std::vector<Change> changed_;
};

struct EncodedRequest {
  std::string body;
  Losses losses;
};

// One dialect.  Every function may be called from any thread.
//
// Functions that a dialect does not have are null: one that only providers speak decodes
// no requests and writes no answers.
struct Dialect {
  std::string_view name;  // "anthropic_messages": what settings call it
  FeatureSet expresses;   // what its requests have a place for
  Framing framing = Framing::Sse;

  // --- towards providers
  // Where requests go, below the provider's base URL; "{model}" is the upstream's name of
  // the model, with what a path cannot hold percent-encoded.
  std::string_view path{};
  std::string_view stream_path{};  // "": the same
  // Fails with InvalidRequest where the conversation cannot be said at all in this dialect
  // (its features were looked at before, so that is rare).
  Result<EncodedRequest> (*encode_request)(const Conversation& conversation,
                                           const EncodeTarget& target) = nullptr;
  // Reads the body of a 200.  Fails with UpstreamFailed "upstream_invalid_json" or
  // "upstream_not_an_object"; an error in it is a fault: `fault` is set, the answer empty.
  Result<Answer> (*decode_response)(std::string_view body,
                                    const UsageQuirks& quirks,
                                    std::optional<UpstreamFault>& fault) = nullptr;
  std::unique_ptr<EventReader> (*make_reader)(const UsageQuirks& quirks) = nullptr;
  // What the body of any other status says; empty where it says nothing.
  UpstreamFault (*decode_error)(std::string_view body) = nullptr;

  // --- towards clients
  std::string_view stream_type = "text/event-stream";  // media type of a streamed answer
  std::string_view id_field{};  // header field in which its SDKs look for the answer's id
  // Keeps a quiet stream open and says nothing; "" where the framing has no room for that.
  // The comment is OpenRouter's, so that clients which know those know ours.
  std::string_view keep_alive = ": OPENROUTER PROCESSING\n\n";
  // Checks and reads a client's body.  Fails with InvalidRequest "invalid_json" where it is
  // not JSON, "invalid_request" for all else; the sentence names the wrong member by its
  // path (messages[3].content[0].source) and what is allowed.
  Result<Conversation> (*decode_request)(std::string_view body) = nullptr;
  void (*encode_response)(const Answer& answer,
                          const ReplyContext& context,
                          const ReplyBill& bill,
                          std::string& out) = nullptr;
  // `out` outlives the writer.
  std::unique_ptr<EventWriter> (*make_writer)(const ReplyContext& context,
                                              std::string& out) = nullptr;
  void (*encode_error)(const ErrorNote& error, std::string& out) = nullptr;

  // Header fields of a client's request that belong to the dialect and go to the provider.
  std::span<const std::string_view> passed_fields{};

  // --- between two sides that both speak it; null where everything is translated
  // The body of a request, byte for byte but for the model's name and what is the router's.
  Result<std::string> (*pass_request)(std::string_view body, const EncodeTarget& target) = nullptr;
  // Likewise an answer that decode_response() took.
  void (*pass_response)(std::string_view body,
                        const ReplyContext& context,
                        const ReplyBill& bill,
                        std::string& out) = nullptr;
  std::unique_ptr<FrameWriter> (*make_passer)(const ReplyContext& context,
                                              std::string& out) = nullptr;
};

// dialect.encode_request(), without the tools that only another dialect knows: they are
// dropped, and told.  `conversation` is as before when it returns.
Result<EncodedRequest> translate(const Dialect& dialect,
                                 Conversation& conversation,
                                 const EncodeTarget& target);

// What routing, holds and billing need to know of a conversation; nothing of it can be
// spliced.
[[nodiscard]] RequestFacts facts_of(const Conversation& conversation);

// The text of a top-level member of a JSON object; "" where there is none.
[[nodiscard]] std::string text_member(std::string_view body, std::string_view member);

// Every dialect there is, by name; null for a name that is none.
[[nodiscard]] const Dialect* find_dialect(std::string_view name) noexcept;
[[nodiscard]] std::span<const Dialect* const> all_dialects() noexcept;

// Turns the bytes of a stream into frames, and tells an EventReader.
//
//   decoder.feed(bytes, sink) ... decoder.finish(sink)
//
// Where the bytes are cut never changes what is told.
//
// Thread safety: none; one per attempt.
class StreamDecoder {
 public:
  StreamDecoder(const Dialect& dialect, const UsageQuirks& quirks);
  ~StreamDecoder();
  StreamDecoder(const StreamDecoder&) = delete;
  StreamDecoder& operator=(const StreamDecoder&) = delete;

  // False: what came is not in the dialect; no further call is allowed.  `tap`, where it is
  // given, is handed each frame once it was told.
  bool feed(std::string_view bytes, EventSink& sink, FrameWriter* tap = nullptr);
  bool finish(EventSink& sink, FrameWriter* tap = nullptr);
  [[nodiscard]] bool ended() const noexcept;

 private:
  class Frames;
  std::unique_ptr<Frames> frames_;
  std::unique_ptr<EventReader> reader_;
};

}  // namespace waybill::dialects
