#include <limits>
#include <random>
#include <string>

#include "bytes.hpp"
#include "frames.hpp"
#include "queue.hpp"
#include "settlement_codec.hpp"
#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

std::string encoded(const Settlement& s) {
  std::string out;
  encode_settlement(s, out);
  return out;
}

TEST(SettlementCodec, RoundTrips) {
  Settlement s = settlement(3);
  EXPECT_EQ(*decode_settlement(encoded(s)), s);
  s.first_token.reset();
  s.cancelled = s.anomaly = true;
  s.streamed = false;
  s.created = WallTime(microseconds(-5));
  s.counts.prompt = std::numeric_limits<std::uint64_t>::max();
  s.cost.total = Money::picodollars(std::numeric_limits<std::int64_t>::min());
  s.failed_attempts.resize(3);
  s.failed_attempts[1].error_code = std::string("a\0b", 3);
  EXPECT_EQ(*decode_settlement(encoded(s)), s);
}

TEST(SettlementCodec, EveryCutAndEveryAddedByteIsRefused) {
  Settlement s = settlement(3);
  s.failed_attempts.resize(2);
  const std::string whole = encoded(s);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_settlement(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_settlement(whole + '\0'));
}

// Canonical: no other bytes mean the same settlement.
TEST(SettlementCodec, WhatDecodesEncodesToTheSameBytes) {
  std::mt19937 random(5);
  const std::string whole = encoded(settlement(3));
  for (int i = 0; i < 50'000; ++i) {
    std::string changed = whole;
    changed[random() % changed.size()] = static_cast<char>(random());
    if (const auto decoded = decode_settlement(changed)) {
      ASSERT_EQ(encoded(*decoded), changed);
    }
  }
}

TEST(Bytes, IntegersRoundTripAtTheirLimits) {
  std::string out;
  ByteWriter writer(out);
  const std::vector<std::int64_t> values{0,
                                         1,
                                         -1,
                                         63,
                                         64,
                                         -64,
                                         -65,
                                         std::numeric_limits<std::int64_t>::max(),
                                         std::numeric_limits<std::int64_t>::min()};
  for (const std::int64_t value : values) {
    writer.signed_number(value);
  }
  ByteReader reader(out);
  for (const std::int64_t value : values) {
    EXPECT_EQ(reader.signed_number(), value);
  }
  EXPECT_TRUE(reader.finished());
}

TEST(Bytes, MalformedNumbersAreRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("\x80", 1), std::string("\x80\0", 2), std::string(10, '\xff'),
        std::string(9, '\x80') + '\x02', std::string(11, '\x80')}) {
    ByteReader reader(bytes);
    reader.number();
    EXPECT_FALSE(reader.finished())
        << to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
}

TEST(Bytes, BalancesRoundTrip) {
  for (const Int128 value :
       {Int128{0}, Int128{1}, Int128{-1}, Int128{1} << 100, -(Int128{1} << 100),
        Int128{std::numeric_limits<std::int64_t>::min()}}) {
    EXPECT_TRUE(from_bytes(to_bytes(value)) == value);
  }
}

TEST(Frames, ATornOrDamagedFrameEndsTheReading) {
  std::string bytes;
  for (const std::string payload : {"one", "two", "three"}) {
    const std::size_t start = begin_frame(bytes);
    bytes += payload;
    end_frame(bytes, start);
  }
  const auto read = [](const std::string& input, FrameEnd expected) {
    std::string seen;
    EXPECT_EQ(read_frames(input,
                          [&](std::string_view payload) {
                            seen.append(payload).append(" ");
                            return true;
                          }),
              expected);
    return seen;
  };
  EXPECT_EQ(read(bytes, FrameEnd::Clean), "one two three ");
  EXPECT_EQ(read(bytes + std::string(100, '\0'), FrameEnd::Clean), "one two three ");
  EXPECT_EQ(read(bytes.substr(0, bytes.size() - 1), FrameEnd::Damaged), "one two ");
  EXPECT_EQ(read(bytes + "x", FrameEnd::Damaged), "one two three ");
  std::string flipped = bytes;
  flipped[kFrameHead + 3 + kFrameHead] ^= 1;
  EXPECT_EQ(read(flipped, FrameEnd::Damaged), "one ");
  EXPECT_EQ(read(std::string("\xff\xff\xff\xff", 4) + bytes, FrameEnd::Damaged), "");
}

TEST(BoundedQueue, KeepsEachProducersOrderUnderContention) {
  struct Item {
    int producer;
    int number;
  };
  BoundedQueue<Item> queue(64);
  constexpr int kEach = 20'000;
  std::vector<std::thread> producers;
  for (int producer = 0; producer < 3; ++producer) {
    producers.emplace_back([&, producer] {
      for (int number = 0; number < kEach; ++number) {
        auto item = std::make_unique<Item>(Item{producer, number});
        while (!queue.push(item)) {
          std::this_thread::yield();
        }
      }
    });
  }
  std::vector<int> next(3, 0);
  for (int taken = 0; taken < 3 * kEach;) {
    const auto item = queue.pop();
    if (!item) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(item->number, next[static_cast<std::size_t>(item->producer)]++);
    ++taken;
  }
  for (auto& producer : producers) {
    producer.join();
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.depth(), 0U);
}

}  // namespace
}  // namespace waybill::ledger
