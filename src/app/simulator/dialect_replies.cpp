#include "dialect_replies.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/dialects/codec.hpp"

#include "conversation.hpp"
#include "event_stream.hpp"
#include "provider_writers.hpp"

namespace waybill::app::simulator {
namespace {

using dialects::EventKind;

// Tokens of thoughts where they are asked for and nothing says how many.
constexpr std::size_t kThoughts = 20;
// Anthropic's models sign their thoughts, on every cloud.
constexpr std::string_view kSignature = "c2ltdWxhdGVkIHNpZ25hdHVyZQ==";

bool signs(const DialectRoute& route) {
  return route.dialect.starts_with("anthropic") || route.dialect == "bedrock_converse";
}

ProviderWriter writer_of(const DialectRoute& route) {
  if (route.dialect == "bedrock_converse") {
    return bedrock_writer();
  }
  if (route.dialect == "cohere_chat") {
    return cohere_writer();
  }
  const dialects::Dialect* const dialect = dialects::find_dialect(
      route.dialect.starts_with("anthropic") ? "anthropic_messages" : route.dialect);
  return {.encode_response = dialect->encode_response, .make_writer = dialect->make_writer};
}

std::string_view id_prefix(const DialectRoute& route) {
  if (route.dialect.starts_with("anthropic")) {
    return "msg_";
  }
  return route.dialect == "openai_responses" ? "resp_" : "";
}

std::string_view stream_type(Wire wire) {
  switch (wire) {
    case Wire::Sse: break;
    case Wire::Lines: return "application/x-ndjson";
    case Wire::JsonArray: return "application/json";
    case Wire::AwsEvents:
    case Wire::AwsChunks: return "application/vnd.amazon.eventstream";
  }
  return "text/event-stream";
}

// --- what a provider does not say -----------------------------------------------------

// The codecs write for Waybill's clients; this takes out what is Waybill's, and the counts
// where none are wanted.
void as_provider(Json& value, bool without_usage) {
  constexpr std::array<const char*, 4> kOurs{"provider", "cost", "cost_details", "is_byok"};
  constexpr std::array<const char*, 4> kCounts{"usage", "usageMetadata", "prompt_eval_count",
                                               "eval_count"};
  if (!value.is_object()) {
    return;
  }
  for (const char* const name : kOurs) {
    value.erase(name);
  }
  for (const char* const name : kCounts) {
    if (without_usage) {
      value.erase(name);
    }
  }
  for (const char* const name : {"message", "response", "delta", "usage", "usageMetadata"}) {
    if (value.contains(name)) {
      as_provider(value[name], without_usage);
    }
  }
}

std::string as_provider(std::string_view text, const DialectRoute& route, bool without_usage) {
  const bool has_ours = text.find("\"provider\"") != std::string_view::npos ||
                        text.find("\"cost\"") != std::string_view::npos;
  Json json = has_ours || without_usage ? Json::parse(text, nullptr, false) : Json();
  if (!json.is_object()) {
    return std::string(text);
  }
  as_provider(json, without_usage);
  if (route.family == Family::Ollama) {
    json.erase("usage");
    json.erase("id");
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// --- streams --------------------------------------------------------------------------

// A server-sent event, as its writer made it.
struct Message {
  std::string_view name;
  std::string_view data;
};

Message message_in(std::string_view text, Wire wire) {
  constexpr std::string_view kName = "event: ";
  constexpr std::string_view kData = "data: ";
  if (wire == Wire::Lines) {
    return {{}, text};
  }
  Message message;
  if (text.starts_with(kName)) {
    const std::size_t end = text.find('\n');
    message.name = text.substr(kName.size(), end - kName.size());
    text.remove_prefix(end + 1);
  }
  message.data = text.substr(std::min(kData.size(), text.size()));
  return message;
}

std::string on_wire(Wire wire, std::string_view name, const std::string& data, bool first) {
  switch (wire) {
    case Wire::Sse: break;
    case Wire::Lines: return data + "\n";
    case Wire::JsonArray: return (first ? "[" : ",\r\n") + data;
    case Wire::AwsEvents: return aws_event(name, data);
    case Wire::AwsChunks: return aws_event("chunk", R"({"bytes":")" + to_base64(data) + "\"}");
  }
  return (name.empty() ? "" : "event: " + std::string(name) + "\n") + "data: " + data + "\n\n";
}

// Tells a writer what OpenAI's events say, and keeps the count.
class Retold final : public dialects::EventSink {
 public:
  Retold(const DialectRoute& route, const dialects::ReplyContext& context, bool without_usage)
      : route_(route),
        without_usage_(without_usage),
        writer_(writer_of(route).make_writer(context, written_)) {}

  void take(const dialects::Event& event) override {
    if (event.kind == EventKind::Usage && event.usage != nullptr) {
      bill_.usage = *event.usage;
    }
    const bool content = event.kind == EventKind::Text || event.kind == EventKind::ToolCall ||
                         event.kind == EventKind::Finish;
    if (event.kind == EventKind::Reasoning) {
      unsigned_ = signs(route_);
    } else if (content && std::exchange(unsigned_, false)) {
      writer_->take({.kind = EventKind::Reasoning, .signature = kSignature});
    }
    writer_->take(event);
  }

  // What was written since, each message an event; the first after `wait`.
  void collect(Duration& wait, std::vector<Event>& events) {
    const std::string_view end = route_.wire == Wire::Lines ? "\n" : "\n\n";
    std::string_view rest = written_;
    for (std::size_t at = rest.find(end); at != std::string_view::npos; at = rest.find(end)) {
      const Message message = message_in(rest.substr(0, at), route_.wire);
      rest.remove_prefix(at + end.size());
      if (message.data == "[DONE]") {
        continue;  // for Waybill's clients; no provider of these dialects sends it
      }
      events.push_back(
          {std::exchange(wait, Duration(0)),
           on_wire(route_.wire, message.name, as_provider(message.data, route_, without_usage_),
                   events.empty())});
    }
    written_.erase(0, written_.size() - rest.size());
  }

  void end() { writer_->end(bill_); }

 private:
  const DialectRoute& route_;
  bool without_usage_;
  std::string written_;
  std::unique_ptr<dialects::EventWriter> writer_;
  dialects::ReplyBill bill_;
  bool unsigned_ = false;  // thoughts came whose signature did not
};

void stream_shape(const DialectRoute& route, Reply& reply) {
  reply.streams = true;
  reply.content_type = stream_type(route.wire);
  reply.broken_event = broken_message(route);
  reply.error_event = error_message(route, {.status = 500,
                                            .type = "server_error",
                                            .code = "server_error",
                                            .message = std::string(kErrorInStream)});
  reply.ending = route.wire == Wire::AwsEvents ? 2 : 1;
  if (route.wire == Wire::JsonArray && !reply.events.empty()) {
    reply.events.back().bytes += "]";
  }
}

void retell_stream(const DialectRoute& route,
                   const dialects::ReplyContext& context,
                   const Reply& plain,
                   bool without_usage,
                   Reply& reply) {
  Retold retold(route, context, without_usage);
  dialects::StreamDecoder decoder(*dialects::find_dialect("openai_chat"), {});
  Duration wait(0);
  for (const Event& event : plain.events) {
    wait += event.wait;
    decoder.feed(event.bytes, retold);
    retold.collect(wait, reply.events);
  }
  decoder.finish(retold);
  retold.end();
  retold.collect(wait, reply.events);
  stream_shape(route, reply);
}

// --- whole ----------------------------------------------------------------------------

std::string retell_whole(const DialectRoute& route,
                         const dialects::ReplyContext& context,
                         std::string_view body,
                         bool without_usage) {
  std::optional<dialects::UpstreamFault> fault;
  auto answer = dialects::find_dialect("openai_chat")->decode_response(body, {}, fault);
  if (!answer) {
    return {};
  }
  for (dialects::Choice& choice : answer->choices) {
    for (dialects::Part& part : choice.parts) {
      auto* const thought = std::get_if<dialects::ReasoningPart>(&part.value);
      if (thought != nullptr && signs(route)) {
        thought->signature = kSignature;
      }
    }
  }
  std::string out;
  writer_of(route).encode_response(
      *answer, context, {.usage = answer->usage.value_or(dialects::Usage{}), .charge = {}}, out);
  return as_provider(out, route, without_usage);
}

}  // namespace

Reply answer_in(const DialectRoute& route,
                Asked asked,
                const DialectRequest& request,
                const Behaviour& behaviour) {
  Behaviour always = behaviour;
  always.usage = UsageReport::Always;  // only OpenAI's chat has to be asked for it
  always.reasoning = request.thinks && always.reasoning == 0 ? kThoughts : always.reasoning;
  const std::string id = std::string(id_prefix(route)) + asked.id;
  asked.id.insert(0, "chatcmpl-");
  const Reply plain = answer(asked, request.chat, always);
  const std::size_t prompt = read_conversation(request.chat, behaviour.seed).prompt_tokens;
  const dialects::ReplyContext context{.id = id,
                                       .model = asked.model,
                                       .provider = {},
                                       .created = asked.created,
                                       .prompt_estimate = prompt};
  const bool without_usage = behaviour.usage == UsageReport::Never;
  Reply reply{.wait = plain.wait, .id = id};
  if (plain.streams) {
    retell_stream(route, context, plain, without_usage, reply);
  } else {
    reply.body = retell_whole(route, context, plain.body, without_usage);
  }
  return reply;
}

Reply empty_answer_in(const DialectRoute& route, const Reply& whole) {
  const dialects::ReplyContext context{.id = whole.id, .model = "none", .provider = {}};
  Reply reply;
  if (!whole.streams) {
    dialects::Answer answer;
    answer.choices.emplace_back();
    std::string body;
    writer_of(route).encode_response(answer, context, {}, body);
    reply.body = as_provider(body, route, true);
    return reply;
  }
  Retold retold(route, context, true);
  Duration wait(0);
  retold.end();
  retold.collect(wait, reply.events);
  stream_shape(route, reply);
  return reply;
}

}  // namespace waybill::app::simulator
