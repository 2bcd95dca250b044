#include "waybill/routing/attempt_planner.hpp"

#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::routing {
namespace {

using namespace std::chrono_literals;
using ::testing::TestParamInfo;
using ::testing::TestWithParam;
using ::testing::ValuesIn;

constexpr TimePoint kStart{};

// "try 1", "resend 1", "wait 2000ms" or "give up: final": what a reader needs.
std::string summary(TimePoint now, const Action& action) {
  struct Visitor {
    TimePoint now;
    std::string operator()(const Attempt& a) const {
      const std::string_view verb = a.kind == AttemptKind::Resend      ? "resend "
                                    : a.kind == AttemptKind::AfterWait ? "try again "
                                                                       : "try ";
      return std::string(verb) + std::to_string(a.candidate);
    }
    std::string operator()(const Pause& p) const {
      return "wait " + std::to_string((p.until - now) / 1ms) + "ms";
    }
    std::string operator()(const GiveUp& g) const {
      return "give up: " + std::string(name(g.reason));
    }
  };
  return std::visit(Visitor{now}, action);
}

AttemptOutcome status(int code, std::optional<std::chrono::seconds> retry_after = std::nullopt) {
  return {.kind = OutcomeKind::Status, .status = code, .retry_after = retry_after};
}

AttemptOutcome of(OutcomeKind kind) {
  return {.kind = kind};
}

// A request with two candidates and 60 s to live, every attempt failing after 1 s.
struct Script {
  std::string_view name;
  std::vector<AttemptOutcome> outcomes;
  std::vector<std::string> expected;  // the actions, the first one included

  friend void PrintTo(const Script& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Script> kScripts{
    {"fallback_goes_to_the_next_candidate_at_once", {status(500)}, {"try 0", "try 1"}},
    {"each_candidate_is_tried_once",
     {of(OutcomeKind::ConnectFailed), of(OutcomeKind::Timeout)},
     {"try 0", "try 1", "give up: exhausted"}},
    {"a_client_mistake_is_not_retried", {status(400)}, {"try 0", "give up: final"}},
    {"a_provider_s_broken_key_moves_on", {status(401)}, {"try 0", "try 1"}},
    {"a_gone_client_ends_it", {of(OutcomeKind::ClientGone)}, {"try 0", "give up: final"}},
    {"a_stale_connection_is_resent_to_the_same_candidate",
     {of(OutcomeKind::StaleConnection), status(500)},
     {"try 0", "resend 0", "try 1"}},
    {"a_resend_that_is_stale_again_moves_on",
     {of(OutcomeKind::StaleConnection), of(OutcomeKind::StaleConnection)},
     {"try 0", "resend 0", "try 1"}},
    {"each_candidate_may_be_resent",
     {of(OutcomeKind::StaleConnection), status(500), of(OutcomeKind::StaleConnection)},
     {"try 0", "resend 0", "try 1", "resend 1"}},
    {"retry_after_is_not_waited_for_while_one_is_untried", {status(429, 7s)}, {"try 0", "try 1"}},
    {"retry_after_is_waited_for_when_none_is_left",
     {status(500), status(429, 7s)},
     {"try 0", "try 1", "wait 7000ms", "try again 1"}},
    {"the_earliest_retry_after_wins",
     {status(429, 3s), status(429, 7s)},
     {"try 0", "try 1", "wait 2000ms", "try again 0"}},
    {"a_retry_after_that_has_passed_is_not_waited_for",
     {status(429, 1s), status(429, 7s)},
     {"try 0", "try 1", "wait 0ms", "try again 0"}},
    {"one_wait_is_enough",
     {status(429, 3s), status(429, 7s), status(429, 3s)},
     {"try 0", "try 1", "wait 2000ms", "try again 0", "give up: exhausted"}},
    {"a_retry_after_beyond_the_deadline_gives_up",
     {status(429, 60s), status(429, 59s)},
     {"try 0", "try 1", "give up: exhausted"}},
};

class AttemptPlannerScript : public TestWithParam<Script> {};

TEST_P(AttemptPlannerScript, TakesTheExpectedActions) {
  AttemptPlanner planner({}, 2, kStart + 60s);
  TimePoint now = kStart;
  std::vector<std::string> seen;

  Action action = planner.start(now);
  seen.push_back(summary(now, action));
  for (const AttemptOutcome& outcome : GetParam().outcomes) {
    now += 1s;
    action = planner.failed(now, outcome);
    seen.push_back(summary(now, action));
    if (const auto* pause = std::get_if<Pause>(&action)) {
      now = pause->until;
      action = planner.resume(now);
      seen.push_back(summary(now, action));
    }
  }
  EXPECT_EQ(seen, GetParam().expected);
}

std::string script_name(const TestParamInfo<Script>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Policy, AttemptPlannerScript, ValuesIn(kScripts), script_name);

TEST(AttemptPlanner, NothingIsRetriedOnceContentReachedTheClient) {
  AttemptPlanner planner({}, 2, kStart + 60s);
  EXPECT_EQ(summary(kStart, planner.start(kStart)), "try 0");
  planner.commit();
  EXPECT_EQ(planner.failed(kStart, of(OutcomeKind::StreamBroken)),
            Action(GiveUp{GiveUpReason::Committed}));
}

TEST(AttemptPlanner, AnAttemptEndsWithTheRequestAtTheLatest) {
  AttemptPlanner planner({.attempt_timeout = 10s}, 2, kStart + 13s);
  EXPECT_EQ(planner.start(kStart), Action(Attempt{0, kStart + 10s}));
  EXPECT_EQ(planner.failed(kStart + 10s, of(OutcomeKind::Timeout)),
            Action(Attempt{1, kStart + 13s}));
}

TEST(AttemptPlanner, NothingIsTriedAfterTheDeadline) {
  AttemptPlanner planner({}, 2, kStart + 5s);
  EXPECT_EQ(summary(kStart, planner.start(kStart)), "try 0");
  EXPECT_EQ(planner.failed(kStart + 5s, of(OutcomeKind::Timeout)),
            Action(GiveUp{GiveUpReason::Deadline}));
}

TEST(AttemptPlanner, AttemptsAreBoundedWhateverThePlanHas) {
  AttemptPlanner planner({.max_attempts = 2}, 5, kStart + 60s);
  EXPECT_EQ(summary(kStart, planner.start(kStart)), "try 0");
  EXPECT_EQ(summary(kStart, planner.failed(kStart, status(500))), "try 1");
  EXPECT_EQ(summary(kStart, planner.failed(kStart, status(500))), "give up: exhausted");
  EXPECT_EQ(planner.attempts_made(), 2U);
}

TEST(AttemptPlanner, AProvidersOwnRulesDecideWhatMovesOn) {
  constexpr std::uint16_t kMovesOn[] = {400};
  AttemptPlanner planner({}, 2, kStart + 60s);
  EXPECT_EQ(summary(kStart, planner.start(kStart)), "try 0");
  EXPECT_EQ(summary(kStart, planner.failed(kStart, status(400), {.move_on = kMovesOn})), "try 1");
}

}  // namespace
}  // namespace waybill::routing
