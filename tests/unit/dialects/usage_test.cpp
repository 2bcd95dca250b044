#include "waybill/dialects/usage.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "usage_reader.hpp"

namespace waybill::dialects {
namespace {

struct Case {
  std::string_view json;
  UsageFault fault;
  std::optional<Usage> usage;
  UsageQuirks quirks{};
};

UsageReading read(std::string_view json, const UsageQuirks& quirks = {}) {
  JsonWalker walker(json, JsonOrigin::Upstream);
  const UsageReading reading = read_usage(walker, quirks);
  EXPECT_TRUE(walker.finish()) << json;
  return reading;
}

TEST(ReadUsage, E19TableOfShapes) {
  using enum UsageFault;
  using Quirks = UsageQuirks;
  const std::vector<Case> cases{
      {"null", Missing, std::nullopt},
      {"{}", Missing, std::nullopt},
      {"[1]", NotInteger, std::nullopt},
      {"5", NotInteger, std::nullopt},
      {R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15})", None,
       Usage{.prompt = 10, .completion = 5}},
      {R"({"prompt_tokens":10,"total_tokens":10})", None, Usage{.prompt = 10}},
      {R"({"prompt_tokens":10,"completion_tokens":null,"total_tokens":14})", None,
       Usage{.prompt = 10, .completion = 4}},
      {R"({"completion_tokens":4,"total_tokens":14})", None, Usage{.prompt = 10, .completion = 4}},
      {R"({"prompt_tokens":-1,"completion_tokens":5})", Negative, std::nullopt},
      {R"({"prompt_tokens":-0,"completion_tokens":5})", None, Usage{.completion = 5}},
      {R"({"prompt_tokens":1.5,"completion_tokens":5})", NotInteger, std::nullopt},
      {R"({"prompt_tokens":1e2,"completion_tokens":5})", NotInteger, std::nullopt},
      {R"({"prompt_tokens":"1","completion_tokens":5})", NotInteger, std::nullopt},
      {R"({"prompt_tokens":1,"prompt_tokens":2,"completion_tokens":5})", Repeated, std::nullopt},
      {R"({"prompt_tokens":99999999999999999999999,"completion_tokens":5})", TooLarge,
       Usage{.prompt = kLargestCount, .completion = 5}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4,)"
       R"("cache_write_tokens":3,"audio_tokens":1},"completion_tokens_details":)"
       R"({"reasoning_tokens":2,"audio_tokens":1,"image_tokens":1}})",
       None, Usage{10, 5, 4, 3, 2, 1, 1, 1}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":50}})",
       Contradictory, Usage{.prompt = 10, .completion = 5, .cached_read = 10}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":-5}})",
       Contradictory, Usage{.prompt = 10, .completion = 5}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":null})", None,
       Usage{.prompt = 10, .completion = 5}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,)"
       R"("completion_tokens_details":{"reasoning_tokens":50}})",
       Contradictory, Usage{.prompt = 10, .completion = 5, .reasoning = 5}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":65,)"
       R"("completion_tokens_details":{"reasoning_tokens":50}})",
       None, Usage{.prompt = 10, .completion = 55, .reasoning = 50}},
      // Mistral's: audio beside the text of the prompt.
      {R"({"prompt_tokens":9,"completion_tokens":248,"total_tokens":632,)"
       R"("prompt_tokens_details":{"audio_tokens":375}})",
       None, Usage{.prompt = 384, .completion = 248, .audio_prompt = 375}},
      {R"({"prompt_tokens":9,"completion_tokens":248,"total_tokens":257,)"
       R"("prompt_tokens_details":{"audio_tokens":375}})",
       Contradictory, Usage{.prompt = 9, .completion = 248, .audio_prompt = 9}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"reasoning_tokens":3})",
       None,
       Usage{.prompt = 10, .completion = 8, .reasoning = 3},
       {.reasoning = Quirks::Reasoning::BesideCompletion}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":4})", None,
       Usage{.prompt = 10, .completion = 5, .cached_read = 4}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"cached_tokens":4})", None,
       Usage{.prompt = 10, .completion = 5, .cached_read = 4}},
      {R"({"prompt_tokens":10,"completion_tokens":5,"cached_tokens":40})",
       None,
       Usage{.prompt = 50, .completion = 5, .cached_read = 40},
       {.cached = Quirks::Cached::BesidePrompt}},
      {R"({"prompt_tokens":0,"completion_tokens":0})", None, Usage{}},
  };
  for (const Case& one : cases) {
    const UsageReading reading = read(one.json, one.quirks);
    EXPECT_EQ(name(reading.fault), name(one.fault)) << one.json;
    EXPECT_EQ(reading.usage, one.usage) << one.json;
  }
}

TEST(UsageFaults, SayHowToBill) {
  EXPECT_EQ(bill_by(UsageFault::None), BillBy::Usage);
  EXPECT_EQ(bill_by(UsageFault::Contradictory), BillBy::Usage);
  EXPECT_EQ(bill_by(UsageFault::TooLarge), BillBy::Cap);
  for (const auto fault :
       {UsageFault::Missing, UsageFault::Negative, UsageFault::NotInteger, UsageFault::Empty}) {
    EXPECT_EQ(bill_by(fault), BillBy::Estimate);
  }
}

TEST(UsageFaults, NoOutputCountedIsNotBelievedWhereTextCame) {
  EXPECT_EQ(check_output(UsageFault::None, Usage{.prompt = 3}, 10), UsageFault::Empty);
  EXPECT_EQ(check_output(UsageFault::None, Usage{.prompt = 3}, 0), UsageFault::None);
  EXPECT_EQ(check_output(UsageFault::None, Usage{.completion = 1}, 10), UsageFault::None);
  EXPECT_EQ(check_output(UsageFault::Negative, std::nullopt, 10), UsageFault::Negative);
}

TEST(EstimateTokens, IsAThirdOfTheBytesRoundedUp) {
  EXPECT_EQ(estimate_tokens(0), 0U);
  EXPECT_EQ(estimate_tokens(1), 1U);
  EXPECT_EQ(estimate_tokens(3), 1U);
  EXPECT_EQ(estimate_tokens(4), 2U);
}

Charge some_charge() {
  Charge charge;
  charge.total = Money::picodollars(3'300'000);
  charge.prompt = Money::picodollars(1'500'000);
  charge.completion = Money::picodollars(1'800'001);
  return charge;
}

constexpr std::string_view kCost =
    R"("cost":0.0000033,"is_byok":false,"cost_details":{"upstream_inference_cost":0.000003300001,)"
    R"("upstream_inference_prompt_cost":0.0000015,)"
    R"("upstream_inference_completions_cost":0.000001800001})";

std::string written(std::string_view upstream, const Charge& charge) {
  std::string out;
  append_usage(out, upstream, Usage{10, 3, 2, 1, 1, 0, 0, 0}, charge);
  return out;
}

TEST(AppendUsage, KeepsTheProvidersMembersAndAddsTheCost) {
  const std::string cost(kCost);
  EXPECT_EQ(written(R"({"prompt_tokens":10 , "x":1.0})", some_charge()),
            R"({"prompt_tokens":10 , "x":1.0,)" + cost + "}");
  EXPECT_EQ(
      written(R"({"cost":5,"is_byok":true,"a":1,"cost_details":{"b":[]},"c":2})", some_charge()),
      R"({"a":1,"c":2,)" + cost + "}");
}

TEST(AppendUsage, BuildsTheWholeObjectWhereThereIsNone) {
  const std::string built =
      R"({"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,"cost":0.0000033,)"
      R"("is_byok":false,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":1,)"
      R"("audio_tokens":0,"video_tokens":0},"cost_details":{"upstream_inference_cost":)"
      R"(0.000003300001,"upstream_inference_prompt_cost":0.0000015,)"
      R"("upstream_inference_completions_cost":0.000001800001},"completion_tokens_details":)"
      R"({"reasoning_tokens":1,"image_tokens":0,"audio_tokens":0}})";
  for (const char* none : {"", "null", "{}", "[1]", "{\"cost\":1}", "{\"broken\":"}) {
    EXPECT_EQ(written(none, some_charge()), built) << none;
  }
  Charge estimated = some_charge();
  estimated.counted_by = CountedBy::Estimate;
  EXPECT_EQ(written(R"({"prompt_tokens":-10})", estimated), built);
}

TEST(AppendUsage, NeedsNoWalkOverAPlainObject) {
  for (const char* plain : {R"({"prompt_tokens":10})", R"({"a":{"cost":1}, "b":[] })"}) {
    std::string out;
    append_usage(out, plain, Usage{}, some_charge(), UsageForm::Plain);
    EXPECT_EQ(out, written(plain, some_charge()));
  }
}

TEST(AppendUsage, TellsWhoseKeyPaid) {
  Charge charge;
  charge.key = KeyOwner::Client;
  EXPECT_NE(written("", charge).find(R"("cost":0,"is_byok":true)"), std::string::npos);
}

}  // namespace
}  // namespace waybill::dialects
