// A provider's stream through the whole pipeline, cut at every byte.

#include <string>

#include <gtest/gtest.h>

#include "bench.hpp"

namespace waybill::gateway {
namespace {

using test::Answer;
using test::Bench;
using test::Json;

// What the client saw, without what differs between two requests.
std::string seen(const Answer& answer) {
  std::string out = std::to_string(answer.status()) + (answer.whole ? " whole\n" : " broken\n");
  out += answer.body;
  const std::string id(answer.head.header("X-Generation-Id"));
  for (std::size_t at = out.find(id); at != std::string::npos; at = out.find(id)) {
    out.replace(at, id.size(), "ID");
  }
  return out;
}

void expect_no_cut_shows(const std::string& stream, std::size_t step) {
  Bench bench;
  const auto ask = [&] { return bench.post(Bench::chat("a/one", {{"stream", true}})); };
  bench.one.stream({stream});
  const Answer whole = ask();
  const ledger::Settlement row = bench.booked(whole);
  for (std::size_t cut = 0; cut < stream.size(); cut += step) {
    bench.one.stream({stream.substr(0, cut), stream.substr(cut)});
    const Answer answer = ask();
    ASSERT_EQ(seen(answer), seen(whole)) << "cut at " << cut;
    const ledger::Settlement again = bench.booked(answer);
    ASSERT_EQ(again.counts, row.counts) << "cut at " << cut;
    ASSERT_EQ(again.cost, row.cost) << "cut at " << cut;
    ASSERT_EQ(again.outcome, row.outcome) << "cut at " << cut;
  }
  std::vector<std::string> bytes;
  for (const char c : stream) {
    bytes.emplace_back(1, c);
  }
  bench.one.stream(bytes);
  EXPECT_EQ(seen(ask()), seen(whole));
}

TEST(StreamCuts, AGoodStream) {
  expect_no_cut_shows(": hello\r\n\r\n" + test::content_event("h\xC3\xA9") + test::finish_event() +
                          test::usage_event({{"prompt_tokens", 7}, {"completion_tokens", 2}}) +
                          std::string(test::kDone),
                      1);
}

TEST(StreamCuts, AStreamThatFailsAfterContent) {
  expect_no_cut_shows(test::content_event("x") + ":\n\n" +
                          test::event({{"error", {{"message", "no"}, {"code", 503}}}}) +
                          test::content_event("never"),
                      1);
}

TEST(StreamCuts, AStreamWithoutItsDone) {
  expect_no_cut_shows(test::content_event("x") + test::finish_event() +
                          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
                          "\"completion_tokens\":1}}",
                      1);
}

}  // namespace
}  // namespace waybill::gateway
