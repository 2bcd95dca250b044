#include "chat.hpp"

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "conversation.hpp"
#include "wording.hpp"

namespace waybill::app::simulator {
namespace {

constexpr std::string_view kFingerprint = "fp_simulator";

// One of the n answers, ready to be told.
struct Choice {
  std::vector<std::string> reasoning;
  std::vector<std::string> words;
  std::vector<ToolCall> calls;
  std::string_view finish_reason = "stop";

  [[nodiscard]] std::size_t tokens() const {
    std::size_t count = reasoning.size() + words.size();
    for (const ToolCall& call : calls) {
      count += 4 + pieces(call.arguments).size();
    }
    return count;
  }
};

std::string joined(const std::vector<std::string>& words, std::size_t from, std::size_t count) {
  std::string text;
  for (std::size_t i = from; i < std::min(words.size(), from + count); ++i) {
    text += words[i];
  }
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  return joined(words, 0, words.size());
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

void stop_at(const std::vector<std::string>& stops, std::vector<std::string>& words) {
  if (stops.empty()) {
    return;
  }
  const std::string text = joined(words);
  std::size_t end = text.size();
  for (const std::string& stop : stops) {
    end = std::min(end, text.find(stop));
  }
  if (end < text.size()) {
    words = pieces(std::string_view(text).substr(0, end));
  }
}

Choice make_choice(const Asked& asked,
                   const Conversation& said,
                   const Behaviour& behaviour,
                   std::size_t index) {
  Choice choice;
  choice.reasoning = write_reasoning(behaviour.reasoning);
  if (!asked.echoed.empty()) {
    choice.words = pieces(asked.echoed);
  } else if (!said.tool_calls.empty()) {
    choice.calls = said.tool_calls;
    choice.finish_reason = "tool_calls";
  } else if (said.structured) {
    choice.words = pieces(*said.structured);
  } else if (!said.tool_result.empty()) {
    choice.words = pieces("Here is what I found: " + said.tool_result);
  } else {
    choice.words = write_answer({.voice = asked.voice,
                                 .prompt = said.prompt,
                                 .seed = behaviour.seed + index,
                                 .tokens = behaviour.tokens});
    stop_at(said.stops, choice.words);
  }
  if (said.max_tokens && choice.calls.empty()) {
    const std::size_t thought = std::min(choice.reasoning.size(), *said.max_tokens);
    if (choice.tokens() > *said.max_tokens) {
      choice.finish_reason = "length";
      choice.reasoning.resize(thought);
      choice.words.resize(std::min(choice.words.size(), *said.max_tokens - thought));
    }
  }
  return choice;
}

std::string usage_of(const Conversation& said,
                     const std::vector<Choice>& choices,
                     const Behaviour& behaviour) {
  std::size_t completion = 0;
  std::size_t reasoning = 0;
  for (const Choice& choice : choices) {
    completion += choice.tokens();
    reasoning += choice.reasoning.size();
  }
  const std::size_t prompt = std::max(said.prompt_tokens, behaviour.cached.value_or(0));
  std::string usage = R"({"prompt_tokens":)" + std::to_string(prompt) + R"(,"completion_tokens":)" +
                      std::to_string(completion) + R"(,"total_tokens":)" +
                      std::to_string(prompt + completion);
  if (behaviour.cached) {
    usage +=
        R"(,"prompt_tokens_details":{"cached_tokens":)" + std::to_string(*behaviour.cached) + "}";
  }
  if (behaviour.reasoning > 0) {
    usage +=
        R"(,"completion_tokens_details":{"reasoning_tokens":)" + std::to_string(reasoning) + "}";
  }
  return usage + "}";
}

std::string call_json(const Asked& asked, const ToolCall& call, std::size_t position) {
  return R"("id":"call_)" + asked.id.substr(asked.id.find('-') + 1) + "_" +
         std::to_string(position) + R"(","type":"function","function":{"name":)" +
         json_text(call.name) + R"(,"arguments":)";
}

// --- whole --------------------------------------------------------------------

std::string message_of(const Asked& asked, const Choice& choice) {
  std::string message = R"({"role":"assistant","content":)";
  message += choice.calls.empty() ? json_text(joined(choice.words)) : "null";
  message += R"(,"refusal":null)";
  if (!choice.reasoning.empty()) {
    message += R"(,"reasoning_content":)" + json_text(joined(choice.reasoning));
  }
  if (!choice.calls.empty()) {
    message += R"(,"tool_calls":[)";
    for (std::size_t i = 0; i < choice.calls.size(); ++i) {
      message += (i == 0 ? "{" : ",{") + call_json(asked, choice.calls[i], i) +
                 json_text(choice.calls[i].arguments) + "}}";
    }
    message += "]";
  }
  return message + "}";
}

std::string opening(const Asked& asked, std::string_view object) {
  std::string text = R"({"id":")" + asked.id + R"(","object":")";
  text.append(object).append(R"(","created":)").append(std::to_string(asked.created));
  text.append(R"(,"model":)").append(json_text(asked.model));
  text.append(R"(,"system_fingerprint":")").append(kFingerprint).append(R"(","choices":[)");
  return text;
}

std::string whole_body(const Asked& asked,
                       const std::vector<Choice>& choices,
                       const std::string& usage) {
  const bool is_chat = asked.endpoint == Endpoint::Chat;
  std::string body = opening(asked, is_chat ? "chat.completion" : "text_completion");
  for (std::size_t i = 0; i < choices.size(); ++i) {
    body += (i == 0 ? R"({"index":)" : R"(,{"index":)") + std::to_string(i);
    body += is_chat ? R"(,"message":)" + message_of(asked, choices[i])
                    : R"(,"text":)" + json_text(joined(choices[i].words));
    body += R"(,"logprobs":null,"finish_reason":")";
    body.append(choices[i].finish_reason).append(R"("})");
  }
  body += "]";
  if (!usage.empty()) {
    body += R"(,"usage":)" + usage;
  }
  return body + "}";
}

// --- streamed -----------------------------------------------------------------

// Writes events, and knows how long each token takes.
class Teller {
 public:
  Teller(const Asked& asked, const Behaviour& behaviour, std::string_view usage_member)
      : asked_(asked),
        behaviour_(behaviour),
        opening_("data: " + opening(asked,
                                    asked.endpoint == Endpoint::Chat ? "chat.completion.chunk"
                                                                     : "text_completion")),
        usage_member_(usage_member) {}

  // `payload` is the delta, or the text of a completion.
  void tell(std::size_t index,
            std::string_view payload,
            std::size_t tokens,
            std::string_view finish = {}) {
    std::string event = opening_ + R"({"index":)" + std::to_string(index);
    event += asked_.endpoint == Endpoint::Chat ? R"(,"delta":)" : R"(,"text":)";
    event.append(payload).append(R"(,"logprobs":null,"finish_reason":)");
    event += finish.empty() ? "null" : json_text(finish);
    event.append("}]").append(usage_member_).append("}\n\n");
    push(std::move(event), tokens);
  }

  void tell_usage(const std::string& usage) {
    push(opening_ + R"(],"usage":)" + usage + "}\n\n", 0);
  }

  std::vector<Event> finish() {
    push("data: [DONE]\n\n", 0);
    return std::move(events_);
  }

 private:
  void push(std::string event, std::size_t tokens) {
    Duration wait(0);
    // The first token's time is the time to first token.
    if (behaviour_.rate > 0 && tokens > 0 && std::exchange(told_tokens_, true)) {
      wait =
          Duration(static_cast<std::int64_t>(1e6 * static_cast<double>(tokens) / behaviour_.rate));
    }
    events_.push_back({wait, std::move(event)});
  }

  const Asked& asked_;
  const Behaviour& behaviour_;
  std::string opening_;
  std::string_view usage_member_;
  std::vector<Event> events_;
  bool told_tokens_ = false;
};

void tell_words(Teller& teller,
                const Asked& asked,
                const std::vector<Choice>& choices,
                std::size_t step) {
  const bool is_chat = asked.endpoint == Endpoint::Chat;
  const auto tell_all = [&](auto words_of, std::string_view member) {
    std::size_t longest = 0;
    for (const Choice& choice : choices) {
      longest = std::max(longest, words_of(choice).size());
    }
    const auto tell_step = [&](std::size_t choice, std::size_t at) {
      const std::vector<std::string>& words = words_of(choices[choice]);
      if (at < words.size()) {
        const std::string text = json_text(joined(words, at, step));
        teller.tell(choice, is_chat ? "{\"" + std::string(member) + "\":" + text + "}" : text,
                    std::min(step, words.size() - at));
      }
    };
    for (std::size_t at = 0; at < longest; at += step) {
      for (std::size_t i = 0; i < choices.size(); ++i) {
        tell_step(i, at);
      }
    }
  };
  if (is_chat) {
    tell_all([](const Choice& c) -> const auto& { return c.reasoning; }, "reasoning_content");
  }
  tell_all([](const Choice& c) -> const auto& { return c.words; }, "content");
}

void tell_calls(Teller& teller, const Asked& asked, const Choice& choice, std::size_t index) {
  for (std::size_t position = 0; position < choice.calls.size(); ++position) {
    const ToolCall& call = choice.calls[position];
    const std::string start = R"({"tool_calls":[{"index":)" + std::to_string(position) + ",";
    teller.tell(index, start + call_json(asked, call, position) + R"(""}}]})", 4);
    for (const std::string& piece : pieces(call.arguments)) {
      teller.tell(index, start + R"("function":{"arguments":)" + json_text(piece) + "}}]}", 1);
    }
  }
}

std::vector<Event> tell(const Asked& asked,
                        const Conversation& said,
                        const std::vector<Choice>& choices,
                        const Behaviour& behaviour) {
  const bool asked_for = said.wants_usage && behaviour.usage != UsageReport::Never;
  // As OpenAI: whoever asks for usage gets the member, null, in every other chunk.
  Teller teller(asked, behaviour, asked_for ? R"(,"usage":null)" : "");
  const bool is_chat = asked.endpoint == Endpoint::Chat;
  for (std::size_t i = 0; is_chat && i < choices.size(); ++i) {
    teller.tell(i,
                choices[i].calls.empty() ? R"({"role":"assistant","content":"","refusal":null})"
                                         : R"({"role":"assistant","content":null})",
                0);
  }
  tell_words(teller, asked, choices, behaviour.chunk_tokens);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    tell_calls(teller, asked, choices[i], i);
    teller.tell(i, is_chat ? "{}" : "\"\"", 0, choices[i].finish_reason);
  }
  if (asked_for || behaviour.usage == UsageReport::Always) {
    teller.tell_usage(usage_of(said, choices, behaviour));
  }
  return teller.finish();
}

}  // namespace

Reply answer(const Asked& asked, const Json& body, const Behaviour& behaviour) {
  const Conversation said = read_conversation(body, behaviour.seed);
  std::vector<Choice> choices;
  choices.reserve(said.choices);
  for (std::size_t i = 0; i < said.choices; ++i) {
    choices.push_back(make_choice(asked, said, behaviour, i));
  }
  Reply reply;
  reply.id = asked.id;
  reply.wait = behaviour.ttft;
  reply.streams = said.streams;
  if (said.streams) {
    reply.content_type = "text/event-stream";
    reply.fields = "Cache-Control: no-cache\r\n";
    reply.events = tell(asked, said, choices, behaviour);
    return reply;
  }
  if (behaviour.rate > 0) {
    std::size_t tokens = 0;
    for (const Choice& choice : choices) {
      tokens += choice.tokens();
    }
    reply.wait +=
        Duration(static_cast<std::int64_t>(1e6 * static_cast<double>(tokens) / behaviour.rate));
  }
  const std::string usage =
      behaviour.usage == UsageReport::Never ? std::string() : usage_of(said, choices, behaviour);
  reply.body = whole_body(asked, choices, usage);
  return reply;
}

}  // namespace waybill::app::simulator
