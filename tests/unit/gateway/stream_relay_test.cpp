#include "stream_relay.hpp"

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waybill::gateway {
namespace {

using dialects::UsageFault;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Step = StreamRelay::Step;

constexpr dialects::ReplyIdentity kIdentity{"gen-1", "a/one", "Provider One"};

constexpr std::string_view kRole =
    R"(data: {"id":"c","model":"m","choices":[{"delta":{"role":"assistant","content":""}}]})"
    "\n\n";
constexpr std::string_view kHello =
    R"(data: {"id":"c","model":"m","choices":[{"delta":{"content":"héllo"}}]})"
    "\n\n";
constexpr std::string_view kStop =
    R"(data: {"id":"c","model":"m","choices":[{"delta":{},"finish_reason":"stop"}]})"
    "\n\n";
constexpr std::string_view kUsage =
    R"(data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}})"
    "\n\n";
constexpr std::string_view kDone = "data: [DONE]\n\n";

// What one stream became.
struct Relayed {
  std::string out;
  Step step = Step::Continue;
  bool content = false;
  bool complete = false;
  std::optional<dialects::Usage> usage;
  UsageFault fault = UsageFault::Missing;
  std::uint64_t output_bytes = 0;
  std::string finish_reason;
  std::string upstream_id;

  friend bool operator==(const Relayed&, const Relayed&) = default;
};

Relayed relay_pieces(const std::vector<std::string>& pieces) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  Relayed into;
  for (const std::string& piece : pieces) {
    if (into.step == Step::Continue) {
      into.step = relay.feed(piece, into.out);
    }
  }
  if (into.step == Step::Continue) {
    into.step = relay.finish(into.out);
  }
  into.content = relay.content_sent();
  into.complete = relay.is_complete();
  into.usage = relay.usage();
  into.fault = relay.usage_fault();
  into.output_bytes = relay.output_bytes();
  into.finish_reason = std::string(relay.finish_reason());
  into.upstream_id = std::string(relay.upstream_id());
  return into;
}

Relayed relay_text(const std::string& text) {
  return relay_pieces({text});
}

std::string concat(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) {
    out += part;
  }
  return out;
}

std::size_t occurrences(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

TEST(StreamRelay, PreambleWaitsForContentAndThenGoesFirst) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  Relayed got;
  got.step = relay.feed(kRole, got.out);
  EXPECT_EQ(got.out, "");
  EXPECT_FALSE(relay.content_sent());
  got.step = relay.feed(kHello, got.out);
  EXPECT_TRUE(relay.content_sent());
  EXPECT_EQ(got.out,
            "data: {\"id\":\"gen-1\",\"model\":\"a/one\",\"provider\":\"Provider One\",\"choices\":"
            "[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
            "data: {\"id\":\"gen-1\",\"model\":\"a/one\",\"provider\":\"Provider One\",\"choices\":"
            "[{\"delta\":{\"content\":\"héllo\"}}]}\n\n");
  EXPECT_FALSE(relay.is_complete());
}

TEST(StreamRelay, UsageIsKeptAndNotSent) {
  const Relayed got = relay_text(concat({kRole, kHello, kStop, kUsage, kDone}));
  EXPECT_EQ(got.step, Step::Ended);
  EXPECT_TRUE(got.complete);
  EXPECT_THAT(got.out, Not(HasSubstr("usage")));
  EXPECT_THAT(got.out, Not(HasSubstr("[DONE]")));
  EXPECT_EQ(got.usage, (dialects::Usage{.prompt = 7, .completion = 2}));
  EXPECT_EQ(got.fault, UsageFault::None);
  EXPECT_EQ(got.finish_reason, "stop");
  EXPECT_EQ(got.upstream_id, "c");
  EXPECT_EQ(got.output_bytes, 6U);
}

TEST(StreamRelay, TheLastOfCumulativeCountsStands) {
  std::string stream;
  for (int i = 1; i <= 5; ++i) {
    stream += R"(data: {"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":7,)"
              R"("completion_tokens":)" +
              std::to_string(i) + "}}\n\n";
  }
  const Relayed got = relay_text(stream + std::string(kStop) + std::string(kDone));
  EXPECT_EQ(got.usage, (dialects::Usage{.prompt = 7, .completion = 5}));
  EXPECT_THAT(got.out, Not(HasSubstr("usage")));
  EXPECT_EQ(occurrences(got.out, "data: "), 6U);
}

// E19: counts of no output at all are not believed where text came.
TEST(StreamRelay, ZeroCountsBesideTextAreNotBelieved) {
  const std::string zero =
      R"(data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}})"
      "\n\n";
  EXPECT_EQ(relay_text(concat({kHello, kStop, zero, kDone})).fault, UsageFault::Empty);
  EXPECT_EQ(relay_text(concat({kStop, zero, kDone})).fault, UsageFault::None);
}

TEST(StreamRelay, AnEndNeedsAFinishReasonOrDoneAfterContent) {
  struct Case {
    std::string stream;
    bool content;
    bool complete;
    Step step;
  };
  const std::vector<Case> cases{
      {"", false, false, Step::Continue},
      {concat({kRole}), false, false, Step::Continue},
      {concat({kRole, kUsage}), false, false, Step::Continue},
      {concat({kDone}), false, false, Step::Ended},
      {concat({kRole, kDone}), false, false, Step::Ended},
      {concat({kHello}), true, false, Step::Continue},
      {concat({kHello, kDone}), true, true, Step::Ended},
      {concat({kHello, kStop}), true, true, Step::Continue},
      {concat({kStop}), true, true, Step::Continue},
      {concat({kHello, "data: [DONE]"}), true, true, Step::Ended},
      {concat({kHello, "data: [DONE]\n\n", kHello}), true, true, Step::Ended},
  };
  for (const Case& one : cases) {
    const Relayed got = relay_text(one.stream);
    EXPECT_EQ(got.content, one.content) << one.stream;
    EXPECT_EQ(got.complete, one.complete) << one.stream;
    EXPECT_EQ(got.step, one.step) << one.stream;
    EXPECT_EQ(got.out.empty(), !one.content) << one.stream;
  }
}

TEST(StreamRelay, WhatIsNoJsonFailsAndTellsNothingOfIt) {
  for (const std::string_view bad :
       {"data: {\n\n", "data: hello\n\n", "data: [1]\n\n", "data: 7\n\n", "data: {\"a\":1}}\n\n",
        "data: {\"a\":\"\xFF\"}\n\n"}) {
    for (const std::string_view before : {std::string_view(""), kHello}) {
      StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
      const std::string stream = concat({before, bad});
      Relayed got;
      got.step = relay.feed(stream, got.out);
      EXPECT_EQ(got.step, Step::Failed) << stream;
      EXPECT_FALSE(relay.failed_by_error_event()) << stream;
      EXPECT_EQ(relay.fault().message, "") << stream;
      EXPECT_EQ(relay.content_sent(), !before.empty()) << stream;
      EXPECT_EQ(occurrences(got.out, "data: "), before.empty() ? 0U : 1U) << stream;
    }
  }
}

// What stands behind the bad event, and what comes later, is read no more.
TEST(StreamRelay, OnceFailedItStaysSo) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  std::string out;
  EXPECT_EQ(relay.feed(concat({kHello, "data: hello\n\n", kHello}), out), Step::Failed);
  const std::string before = out;
  const std::uint64_t counted = relay.output_bytes();
  EXPECT_EQ(relay.feed(kHello, out), Step::Failed);
  EXPECT_EQ(relay.feed(kDone, out), Step::Failed);
  EXPECT_EQ(out, before);
  EXPECT_EQ(relay.output_bytes(), counted);
  EXPECT_FALSE(relay.ended());
}

TEST(StreamRelay, AnErrorEventFailsWithWhatItSays) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  const std::string stream = concat(
      {kHello, "event: error\ndata: {\"error\":{\"message\":\"Overloaded\",\"code\":529}}\n\n"});
  Relayed got;
  got.step = relay.feed(stream, got.out);
  EXPECT_EQ(got.step, Step::Failed);
  EXPECT_TRUE(relay.failed_by_error_event());
  EXPECT_EQ(relay.fault().message, "Overloaded");
  EXPECT_EQ(relay.fault().status, 529);
  EXPECT_THAT(got.out, Not(HasSubstr("Overloaded")));
}

TEST(StreamRelay, AnEndlessPreambleIsNotHeldForEver) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  std::string out;
  Step step = Step::Continue;
  std::size_t events = 0;
  while (step == Step::Continue && events < 100'000) {
    step = relay.feed(kRole, out);
    ++events;
  }
  EXPECT_EQ(step, Step::Failed);
  EXPECT_LT(events * kRole.size(), 1UL << 20U);
  EXPECT_EQ(out, "");
}

TEST(StreamRelay, EveryLineOfAnEventGoesOutAsADataLine) {
  const Relayed got = relay_text(
      "data: {\"id\":\"c\",\"model\":\"m\",\ndata: \"choices\":[{\"delta\":\ndata: "
      "{\"content\":\"x\"}}]}\n\n");
  EXPECT_EQ(got.step, Step::Continue);
  http::SseParser again;
  again.feed(got.out);
  const auto event = again.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(dialects::read_chunk(event->data).kind, dialects::ChunkKind::Content);
  EXPECT_FALSE(again.next());
  for (std::size_t at = got.out.find('\n'); at + 2 < got.out.size();
       at = got.out.find('\n', at + 1)) {
    EXPECT_THAT(got.out.substr(at + 1), StartsWith("data: "));
  }
}

// Minutes, if each line moved all that follow it.
TEST(StreamRelay, AnEventOfAMillionLinesIsRelayedLikeAnyOther) {
  constexpr std::size_t kLines = 1'000'000;
  std::string stream = "data: {\"id\":\"c\",\"model\":\"m\",\n";
  for (std::size_t i = 0; i < kLines; ++i) {
    stream += "data:\n";
  }
  stream += "data: \"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
  const Relayed got = relay_text(stream);
  EXPECT_EQ(got.step, Step::Continue);
  EXPECT_GT(got.out.size(), kLines * std::string_view("data: \n").size());
  EXPECT_TRUE(got.out.ends_with("\n\n"));
}

// The usage that is told repeats the provider's members, lines and all.
TEST(StreamRelay, UsageOnSeveralLinesIsToldWhole) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  Relayed got;
  got.step =
      relay.feed(concat({kHello, kStop,
                         "data: {\"choices\":[],\"usage\":{\ndata: \"prompt_tokens\":1,\ndata: "
                         "\"completion_tokens\":1}}\n\n"}),
                 got.out);
  ASSERT_TRUE(relay.usage());
  dialects::ReplyBill bill;
  bill.usage = *relay.usage();
  std::string out;
  relay.write_end(out, bill);
  http::SseParser again;
  again.feed(out);
  const auto event = again.next();
  ASSERT_TRUE(event);
  const auto read = dialects::read_chunk(event->data);
  ASSERT_TRUE(read.usage);
  EXPECT_EQ(read.usage->prompt, 1U);
  const auto done = again.next();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->data, "[DONE]");
  EXPECT_FALSE(again.next());
}

TEST(StreamRelay, TheLastChunksAreEventsOfTheirOwn) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  const std::string stream = concat({kHello, kStop, kUsage});
  Relayed got;
  got.step = relay.feed(stream, got.out);
  dialects::ReplyBill bill;
  bill.usage = *relay.usage();
  bill.charge.total = Money::picodollars(1'500'000);
  std::string out;
  relay.write_end(out, bill);
  relay.write_error(out, {502, "It\nbroke.", "provider_unavailable", "x\"y"});
  http::SseParser reader;
  reader.feed(out);
  const auto usage = reader.next();
  ASSERT_TRUE(usage);
  EXPECT_THAT(std::string(usage->data), HasSubstr("\"cost\":0.0000015"));
  EXPECT_THAT(std::string(usage->data), HasSubstr("\"finish_reason\":\"stop\""));
  EXPECT_TRUE(reader.next());  // [DONE]
  const auto error = reader.next();
  ASSERT_TRUE(error);
  EXPECT_EQ(dialects::read_chunk(error->data).kind, dialects::ChunkKind::Error);
  const auto done = reader.next();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->data, "[DONE]");
  EXPECT_FALSE(reader.next());
}

// Streams whose every cut, and whose line ends of every kind, must give one result.
std::vector<std::string> hard_streams() {
  return {
      concat({kRole, kHello, kStop, kUsage, kDone}),
      concat({": ping\n\n", kRole, ":\n", kHello, "id: 7\nretry: 5\n\n", kHello, kStop, kDone}),
      concat({"\xEF\xBB\xBF", kHello, kStop}),
      concat({kHello, "data: {\"choices\":[]}\n\ndata: [DONE]"}),
      concat({kHello, "data: {\"error\":{\"message\":\"no\",\"code\":503}}\n\n", kHello}),
      concat({kHello, "data: {\"choi\n\n", kHello}),
      concat({kRole,
              "event: x\ndata: {\"choices\":\ndata: [{\"delta\":{\"content\":\"\\u00e9\"}}]}",
              "\n\n", kUsage, kDone}),
  };
}

std::string with_line_ends(std::string text, const std::string& end) {
  std::string out;
  for (const char c : text) {
    out += c == '\n' ? end : std::string(1, c);
  }
  return out;
}

TEST(StreamRelayProperty, WhereTheInputIsCutChangesNothing) {
  for (const std::string& stream : hard_streams()) {
    const Relayed whole = relay_text(stream);
    for (const std::string end : {"\n", "\r\n", "\r"}) {
      const std::string text = with_line_ends(stream, end);
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        ASSERT_EQ(relay_pieces({text.substr(0, cut), text.substr(cut)}), whole)
            << "cut at " << cut << " of " << text;
      }
      std::vector<std::string> bytes;
      for (const char c : text) {
        bytes.emplace_back(1, c);
      }
      ASSERT_EQ(relay_pieces(bytes), whole) << text;
    }
  }
}

TEST(StreamRelayProperty, RandomPiecesChangeNothing) {
  std::mt19937_64 random(5);
  for (const std::string& stream : hard_streams()) {
    const Relayed whole = relay_text(stream);
    for (int i = 0; i < 300; ++i) {
      std::vector<std::string> pieces;
      for (std::size_t at = 0; at < stream.size();) {
        const std::size_t size = 1 + random() % 90;
        pieces.push_back(stream.substr(at, size));
        at += size;
      }
      ASSERT_EQ(relay_pieces(pieces), whole) << stream;
    }
  }
}

// A stream that breaks off anywhere is never whole before its finish reason was seen,
// and what went out until then is a prefix of what would have.
TEST(StreamRelayProperty, ABrokenStreamIsAPrefixOfTheWholeOne) {
  const std::string stream = concat({kRole, kHello, kHello, kStop, kUsage, kDone});
  const Relayed whole = relay_text(stream);
  const std::size_t finish = stream.find("\"stop\"}]}") + std::string_view("\"stop\"}]}").size();
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
    const std::string text = stream.substr(0, cut);
    Relayed got;
    got.step = relay.feed(text, got.out);
    ASSERT_THAT(whole.out, StartsWith(got.out)) << cut;
    ASSERT_NE(got.step, Step::Failed) << cut;
    if (cut < finish) {
      ASSERT_FALSE(relay.is_complete()) << cut;
    }
  }
}

TEST(StreamRelay, E8WhatFollowsDoneIsDroppedAndTold) {
  StreamRelay relay(dialects::RequestKind::Chat, {}, kIdentity);
  std::string out;
  relay.feed(std::string(kHello) + std::string(kStop), out);
  EXPECT_EQ(relay.feed(kDone, out), Step::Ended);
  const std::string before = out;
  relay.feed(": a comment is no event\n\n\n", out);
  EXPECT_FALSE(relay.spoke_after_end());
  EXPECT_EQ(relay.feed(kHello, out), Step::Ended);
  EXPECT_TRUE(relay.spoke_after_end());
  EXPECT_EQ(out, before);
}

}  // namespace
}  // namespace waybill::gateway
