// What the tests of the Responses dialect share.

#pragma once

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "fixtures.hpp"

namespace waybill::dialects::test::responses {

using Json = nlohmann::ordered_json;

inline const Dialect& dialect() {
  return *find_dialect("openai_responses");
}

inline ReplyBill some_bill() {
  ReplyBill bill;
  bill.usage = {.prompt = 10, .completion = 7, .cached_read = 4, .cache_write = 1, .reasoning = 2};
  bill.charge.total = Money::picodollars(123'456);
  bill.charge.prompt = Money::picodollars(23'456);
  bill.charge.completion = Money::picodollars(100'000);
  return bill;
}

inline ReplyContext some_context(std::string_view request = "{}") {
  return {.id = "gen-1787300000-abc",
          .model = "author/slug",
          .provider = "A \"B\"",
          .created = 1787300000,
          .request = request};
}

struct Streamed {
  Answer answer;
  std::optional<UpstreamFault> fault;
  bool good = true;
  bool ended = false;
};

// `cuts`: the lengths that the bytes are fed in, over and over; empty: at once.
inline Streamed decode_stream(std::string_view bytes, const std::vector<std::size_t>& cuts = {}) {
  StreamDecoder decoder(dialect(), {});
  AnswerBuilder builder;
  Streamed out;
  std::size_t turn = 0;
  while (!bytes.empty() && out.good) {
    const std::size_t size =
        cuts.empty() ? bytes.size() : std::min(bytes.size(), cuts[turn++ % cuts.size()]);
    out.good = decoder.feed(bytes.substr(0, size), builder);
    bytes.remove_prefix(size);
  }
  out.good = out.good && decoder.finish(builder);
  out.ended = decoder.ended();
  out.answer = builder.finish();
  out.fault = builder.fault();
  return out;
}

inline Answer decode_whole(std::string_view body) {
  std::optional<UpstreamFault> fault;
  auto read = dialect().decode_response(body, {}, fault);
  EXPECT_TRUE(read) << (read ? "" : read.error().detail());
  EXPECT_FALSE(fault) << fault->message;
  return read ? *std::move(read) : Answer{};
}

inline std::string sse(std::initializer_list<std::string_view> events) {
  std::string out;
  for (const std::string_view event : events) {
    out.append("data: ").append(event).append("\n\n");
  }
  return out;
}

inline std::string encode_whole(const Answer& answer,
                                const ReplyContext& context = some_context()) {
  std::string out;
  dialect().encode_response(answer, context, some_bill(), out);
  return out;
}

inline std::string encode_stream(const Answer& answer,
                                 const ReplyContext& context = some_context()) {
  std::string out;
  const auto writer = dialect().make_writer(context, out);
  tell(answer, *writer);
  writer->end(some_bill());
  return out;
}

// The events of a written stream, each checked for its form.
inline std::vector<Json> events_of(const std::string& stream) {
  std::vector<Json> events;
  std::istringstream lines(stream);
  std::string name;
  std::string blank;
  bool done = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("event: ")) {
      name = line.substr(7);
      continue;
    }
    EXPECT_TRUE(line.starts_with("data: ")) << line;
    EXPECT_FALSE(done) << "something follows [DONE]";
    EXPECT_TRUE(std::getline(lines, blank) && blank.empty());
    const std::string data = line.substr(6);
    done = data == "[DONE]";
    if (!done) {
      EXPECT_TRUE(Json::accept(data)) << data;
      events.push_back(Json::parse(data, nullptr, false));
      EXPECT_EQ(events.back().value("type", ""), name);
      EXPECT_EQ(events.back().value("sequence_number", std::size_t{9999}), events.size() - 1);
    }
  }
  EXPECT_TRUE(done) << "no [DONE]";
  return events;
}

// The grammar of the stream: items and parts open and close in order, ids and indexes stay,
// and the deltas add up to what is done; returns the last event's response.
class StreamGrammar {
 public:
  Json check(const std::vector<Json>& events) {
    EXPECT_GE(events.size(), 3U);
    EXPECT_EQ(events[0]["type"], "response.created");
    EXPECT_EQ(events[1]["type"], "response.in_progress");
    for (std::size_t i = 2; i + 1 < events.size(); ++i) {
      step(events[i]);
    }
    const Json last = events.back().value("response", Json());
    EXPECT_FALSE(open_) << "an item was left open";
    if (last["status"] != "failed") {
      EXPECT_EQ(last["output"], Json(done_));
    }
    return last;
  }

 private:
  void step(const Json& event) {
    const std::string type = event["type"];
    if (type == "response.output_item.added") {
      EXPECT_FALSE(open_);
      open_ = true;
      item_ = event["item"];
      EXPECT_TRUE(ids_.insert(item_["id"].get<std::string>()).second) << "an id twice";
      EXPECT_EQ(event["output_index"], done_.size());
      parts_ = summaries_ = 0;
      text_.clear();
      return;
    }
    EXPECT_TRUE(open_) << event;
    EXPECT_EQ(event["output_index"], done_.size()) << event;
    if (type == "response.output_item.done") {
      EXPECT_EQ(event["item"]["id"], item_["id"]);
      EXPECT_EQ(event["item"]["type"], item_["type"]);
      done_.push_back(event["item"]);
      open_ = false;
      return;
    }
    EXPECT_EQ(event["item_id"], item_["id"]) << event;
    if (event.contains("content_index")) {
      EXPECT_EQ(event["content_index"], parts_) << event;
    }
    if (event.contains("summary_index")) {
      EXPECT_EQ(event["summary_index"], summaries_) << event;
    }
    if (event.contains("delta")) {
      text_ += event["delta"].get<std::string>();
    }
    for (const char* member : {"text", "refusal", "arguments", "input"}) {
      if (event.contains(member)) {
        EXPECT_EQ(event[member], text_) << event;
      }
    }
    if (type == "response.content_part.done") {
      ++parts_;
      text_.clear();
    } else if (type == "response.reasoning_summary_part.done") {
      ++summaries_;
      text_.clear();
    }
  }

  std::vector<Json> done_;
  std::set<std::string> ids_;
  Json item_;
  std::string text_;
  std::size_t parts_ = 0;
  std::size_t summaries_ = 0;
  bool open_ = false;
};

inline Json response_of(const std::string& stream) {
  return StreamGrammar().check(events_of(stream));
}

// As a stream repeats JSON.
inline std::string one_line(std::string json) {
  std::ranges::replace(json, '\n', ' ');
  return json;
}

// What of two answers must be equal: all but what the router writes itself.
inline void expect_same(const Choice& after, const Choice& before, const std::string& where) {
  EXPECT_EQ(after.finish, before.finish) << where;
  EXPECT_EQ(after.logprobs_json.empty(), before.logprobs_json.empty()) << where;
  ASSERT_EQ(after.parts.size(), before.parts.size()) << where;
  for (std::size_t i = 0; i < before.parts.size(); ++i) {
    Part part = before.parts[i];
    if (auto* const native = std::get_if<NativePart>(&part.value)) {
      native->json = one_line(native->json);
    } else if (auto* const text = std::get_if<TextPart>(&part.value)) {
      for (Citation& citation : text->citations) {
        citation.native_json = one_line(citation.native_json);
      }
    }
    if (auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      thought->format = thought->format.empty() ? "openai-responses-v1" : thought->format;
    }
    EXPECT_EQ(after.parts[i], part) << where << ", part " << i;
  }
}

inline Conversation read(std::string_view body) {
  auto read = dialect().decode_request(body);
  EXPECT_TRUE(read) << (read ? "" : read.error().detail()) << '\n' << body;
  return read ? *std::move(read) : Conversation{};
}

inline Json write(const Conversation& conversation,
                  EncodeTarget target = {},
                  Losses* losses = nullptr) {
  if (target.upstream_model.empty()) {
    target.upstream_model = "up/model";
  }
  auto written = dialect().encode_request(conversation, target);
  EXPECT_TRUE(written) << (written ? "" : written.error().detail());
  if (!written) {
    return {};
  }
  EXPECT_TRUE(Json::accept(written->body)) << written->body;
  if (losses != nullptr) {
    *losses = written->losses;
  }
  return Json::parse(written->body);
}

}  // namespace waybill::dialects::test::responses
