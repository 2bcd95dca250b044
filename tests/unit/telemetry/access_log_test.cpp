#include "waybill/telemetry/access_log.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace waybill::telemetry {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

constexpr WallTime kEvening{std::chrono::sys_days{std::chrono::year{2026} / 11 / 25} + 22h + 41min +
                            15s + 42ms};

constexpr std::array<AccessAttempt, 2> kFailedOver{{{"openai", "status", 429}, {"azure", ""}}};
constexpr std::array<AccessAttempt, 1> kServed{{{"anthropic", ""}}};
constexpr std::array<AccessAttempt, 1> kBroken{{{"openai", "timeout"}}};

AccessRecord failed_over() {
  return {.time = kEvening,
          .generation_id = "gen-1787300000-0123456789abcdefghij",
          .key = "laptop",
          .model_requested = "gpt-4o-mini",
          .model_served = "openai/gpt-4o-mini",
          .provider = "azure",
          .attempts = kFailedOver,
          .prompt_tokens = 1100,
          .completion_tokens = 90,
          .cost = Money::picodollars(219'000'000),
          .ttft = 550ms,
          .duration = 1400ms,
          .status = 200,
          .streamed = true};
}

std::string human(const AccessRecord& record) {
  std::string line;
  append_human_line(line, record);
  return line;
}

TEST(HumanLine, LooksAsTailShowsIt) {
  AccessRecord cached = failed_over();
  cached.model_served = "anthropic/claude-sonnet-4.6";
  cached.attempts = kServed;
  cached.prompt_tokens = 1900;
  cached.completion_tokens = 412;
  cached.cached_tokens = 1600;
  cached.cost = Money::picodollars(8'214'000'000);
  cached.ttft = 610ms;
  cached.duration = 7200ms;
  EXPECT_EQ(human(cached),
            "22:41:15  laptop     anthropic/claude-sonnet-4.6 → anthropic       1.9k→412 tok (1.6k "
            "cached)   "
            "ttft 0.61 s   7.2 s   $0.008214\n");
  EXPECT_EQ(human(failed_over()),
            "22:41:15  laptop     openai/gpt-4o-mini → openai ✗429 → azure      1.1k→90 tok        "
            "          "
            "ttft 0.55 s   1.4 s   $0.000219\n");
}

TEST(HumanLine, SaysWhatWentWrong) {
  AccessRecord record = failed_over();
  record.attempts = kBroken;
  record.provider = {};
  record.prompt_tokens = 0;
  record.completion_tokens = 0;
  record.cost = Money{};
  record.ttft.reset();
  record.status = 504;
  record.error_code = "upstream_timeout";
  record.cancelled = true;
  const std::string line = human(record);
  EXPECT_NE(line.find("→ openai ✗timeout "), std::string::npos) << line;
  EXPECT_NE(line.find("ttft –"), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with("free   cancelled   504 upstream_timeout\n")) << line;
}

TEST(HumanLine, TimesAreShownInTheAskedZone) {
  std::string line;
  append_human_line(line, failed_over(), 3h + 30min);
  EXPECT_TRUE(line.starts_with("02:11:15  ")) << line;
}

struct CostCase {
  std::int64_t picodollars;
  std::string expected;
};

TEST(HumanLine, CostsHaveSixDecimals) {
  const std::vector<CostCase> cases{
      {0, "free"},
      {1, "<$0.000001"},
      {500'000, "$0.000001"},
      {1'499'999, "$0.000001"},
      {1'500'000, "$0.000002"},
      {999'999'500'000, "$1.000000"},
      {1'000'000'000'000'000'000, "$1000000.000000"},
      {-2'500'000'000'000, "-$2.500000"},
      {std::numeric_limits<std::int64_t>::min(), "-$9223372.036855"},
  };
  for (const auto& [picodollars, expected] : cases) {
    AccessRecord record = failed_over();
    record.cost = Money::picodollars(picodollars);
    EXPECT_TRUE(human(record).ends_with("   " + expected + "\n")) << human(record);
  }
  AccessRecord record = failed_over();
  record.estimated = true;
  EXPECT_TRUE(human(record).ends_with("   ~$0.000219\n"));
}

struct TokenCase {
  std::uint64_t tokens;
  std::string expected;
};

TEST(HumanLine, TokenCountsFitTheirColumn) {
  const std::vector<TokenCase> cases{
      {0, "0"},
      {999, "999"},
      {1000, "1.0k"},
      {1049, "1.0k"},
      {1050, "1.1k"},
      {99'949, "99.9k"},
      {99'950, "100k"},
      {120'400, "120k"},
      {120'500, "121k"},
      {999'499, "999k"},
      {999'500, "1.0M"},
      {3'400'000, "3.4M"},
      {2'000'000'000, "2000M"},
  };
  for (const auto& [tokens, expected] : cases) {
    AccessRecord record = failed_over();
    record.prompt_tokens = tokens;
    EXPECT_NE(human(record).find("   " + expected + "→90 tok"), std::string::npos) << human(record);
  }
}

TEST(JsonLine, HoldsEverythingExactly) {
  std::string line;
  append_json_line(line, failed_over());
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json, nlohmann::json::parse(R"({
    "time":"2026-11-25T22:41:15.042Z","event":"generation","id":"gen-1787300000-0123456789abcdefghij",
    "key":"laptop","model_requested":"gpt-4o-mini","model":"openai/gpt-4o-mini","provider":"azure",
    "attempts":[{"provider":"openai","outcome":"429"},{"provider":"azure","outcome":"succeeded"}],
    "attempt_count":2,"prompt_tokens":1100,"completion_tokens":90,"cached_tokens":0,"cost":"0.000219",
    "estimated":false,"ttft_us":550000,"duration_us":1400000,"status":200,"streamed":true,
    "cancelled":false,"error":null})"));
}

// Whatever a text holds, the record stays one line that moves no cursor.
TEST(AccessLine, L2OneRecordIsOneLine) {
  const std::vector<std::string> hostile{
      "a\r\nb",
      "a\n{\"event\":\"generation\",\"key\":\"admin\"}",
      "\x1b[2J\x1b]0;owned\x07",
      "\",\"cost\":\"0",
      "back\\slash\\",
      std::string("nul\0byte", 8),
      "\xC2\x9B[31m",              // CSI as a C1 control
      "\xE2\x80\xA8\xE2\x80\xA9",  // line and paragraph separator
      "\xE2\x80\xAE gnp.exe",      // right-to-left override
      "\xE2\x81\xA6 isolate",
      "\xFF\xFE\xC0\xAF",
      std::string(100'000, 'x'),
      std::string(3000, '\x01'),
      "22:41:15  admin      openai/o1 → openai",
  };
  for (const std::string& text : hostile) {
    const std::vector<AccessAttempt> attempts(40, AccessAttempt{text, text});
    AccessRecord record = failed_over();
    record.generation_id = record.key = record.model_requested = record.provider =
        record.error_code = text;
    record.model_served = {};
    record.attempts = attempts;
    for (const LogFormat format : {LogFormat::Human, LogFormat::Json}) {
      std::string line;
      format == LogFormat::Human ? append_human_line(line, record) : append_json_line(line, record);
      EXPECT_EQ(
          std::count_if(line.begin(), line.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }),
          1)
          << line;
      EXPECT_EQ(line.back(), '\n');
      EXPECT_LT(line.size(), 5000U);
      for (const std::string_view control :
           {"\xC2\x9B", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAE", "\xE2\x81\xA6"}) {
        EXPECT_EQ(line.find(control), std::string::npos);
      }
      if (format == LogFormat::Json) {
        const auto json = nlohmann::json::parse(line, nullptr, false);
        ASSERT_FALSE(json.is_discarded()) << line;
        EXPECT_EQ(json["cost"], "0.000219");
        EXPECT_EQ(json["attempt_count"], 40);
      }
    }
  }
}

class Collector final : public LineSink {
 public:
  void write_lines(std::string_view lines) noexcept override { blocks.emplace_back(lines); }

  std::vector<std::string> blocks;
};

TEST(AccessLog, HandsOnABlockWhenItIsLargeOrOld) {
  Collector sink;
  const TimePoint start{1h};
  {
    AccessLog log(sink, {.flush_bytes = 500, .flush_after = 250ms});
    log.append(failed_over(), start);
    log.flush_if_due(start + 249ms);
    EXPECT_TRUE(sink.blocks.empty());
    log.flush_if_due(start + 250ms);
    EXPECT_EQ(sink.blocks.size(), 1U);

    for (int i = 0; i < 4; ++i) {
      log.append(failed_over(), start + 300ms);
    }
    ASSERT_EQ(sink.blocks.size(), 2U);
    EXPECT_EQ(std::count(sink.blocks[1].begin(), sink.blocks[1].end(), '\n'), 4);

    log.append(failed_over(), start + 400ms);
    log.append(failed_over(), start + 650ms);  // the first is due
    EXPECT_EQ(sink.blocks.size(), 3U);
    log.append(failed_over(), start + 700ms);
  }
  ASSERT_EQ(sink.blocks.size(), 4U);
  EXPECT_EQ(sink.blocks[3], human(failed_over()));
}

}  // namespace
}  // namespace waybill::telemetry
