#include "waybill/net/timer_wheel.hpp"

#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::net {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

class Probe final : public TimerWheel::Entry {
 public:
  int fired = 0;
  TimerWheel* rearm_in = nullptr;
  TimePoint rearm_at{};

 private:
  void on_deadline() override {
    ++fired;
    if (rearm_in != nullptr) {
      rearm_in->arm(*this, rearm_at);
    }
  }
};

TEST(TimerWheelEntry, FiresOnceAtItsDeadlineAndNeverBefore) {
  TimerWheel wheel(kStart);
  Probe probe;
  wheel.arm(probe, kStart + 220ms);
  wheel.advance(kStart + 219ms);
  EXPECT_EQ(probe.fired, 0);
  wheel.advance(kStart + 220ms + TimerWheel::kTick);
  EXPECT_EQ(probe.fired, 1);
  EXPECT_FALSE(probe.armed());
  wheel.advance(kStart + 10s);
  EXPECT_EQ(probe.fired, 1);
}

TEST(TimerWheelEntry, DeadlinesBeyondOneTurnWaitTheirTurns) {
  TimerWheel wheel(kStart);
  Probe probe;
  wheel.arm(probe, kStart + 15min);
  for (TimePoint now = kStart; now < kStart + 15min; now += 30s) {
    wheel.advance(now);
  }
  EXPECT_EQ(probe.fired, 0);
  wheel.advance(kStart + 15min + 1s);
  EXPECT_EQ(probe.fired, 1);
}

TEST(TimerWheelEntry, ALongPauseFiresEverythingThatIsDue) {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 100; ++i) {
    probes.push_back(std::make_unique<Probe>());
    wheel.arm(*probes.back(), kStart + i * 1s);
  }
  wheel.advance(kStart + 24h);
  for (const auto& probe : probes) {
    EXPECT_EQ(probe->fired, 1);
  }
}

TEST(TimerWheelEntry, MayRearmItselfWhileFiring) {
  TimerWheel wheel(kStart);
  Probe probe;
  probe.rearm_in = &wheel;
  probe.rearm_at = kStart + 1h;
  wheel.arm(probe, kStart + 1s);
  wheel.advance(kStart + 2s);
  EXPECT_EQ(probe.fired, 1);
  EXPECT_TRUE(probe.armed());
}

TEST(TimerWheelEntry, DestroyedOrUnlinkedNeverFires) {
  TimerWheel wheel(kStart);
  Probe kept;
  {
    Probe destroyed;
    wheel.arm(destroyed, kStart + 1s);
    wheel.arm(kept, kStart + 1s);
  }
  kept.unlink();
  wheel.advance(kStart + 1h);
  EXPECT_EQ(kept.fired, 0);
}

// Against the plain rule: due at the first advance() at or after the deadline,
// within a tick; next_tick() never later than that.
TEST(TimerWheelProperty, AgreesWithAListOfDeadlines) {
  std::mt19937_64 random(7);  // NOLINT(bugprone-random-generator-seed): repeatable on purpose
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Probe>> probes;
  std::vector<TimePoint> deadlines;
  TimePoint now = kStart;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 3 != 0) {
      probes.push_back(std::make_unique<Probe>());
      deadlines.push_back(now + std::chrono::milliseconds(random() % 120'000));
      wheel.arm(*probes.back(), deadlines.back());
    }
    now += std::chrono::milliseconds(random() % 400);
    wheel.advance(now);
    bool any_armed = false;
    for (std::size_t i = 0; i < probes.size(); ++i) {
      if (deadlines[i] + 2 * TimerWheel::kTick <= now) {
        ASSERT_EQ(probes[i]->fired, 1) << step;
      } else if (deadlines[i] > now) {
        ASSERT_EQ(probes[i]->fired, 0) << step;
      }
      any_armed = any_armed || probes[i]->armed();
    }
    ASSERT_EQ(wheel.next_tick().has_value(), any_armed);
  }
}

}  // namespace
}  // namespace waybill::net
