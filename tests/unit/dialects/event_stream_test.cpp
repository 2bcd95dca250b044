// The framing of AWS's event streams: what is told, whatever the cuts, and what fails.

#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "event_stream_bytes.hpp"
#include "frames.hpp"

namespace waybill::dialects::test {
namespace {

using Told = std::vector<std::tuple<std::string, std::string, bool>>;

struct Read {
  Told frames;
  bool failed = false;
};

template <class NextSize>
Read read(std::string_view bytes, NextSize next_size) {
  Read out;
  const auto source = make_frames(Framing::AwsEventStream);
  while (!bytes.empty() && !source->failed()) {
    const std::string piece(bytes.substr(0, next_size()));  // its end is the end of memory
    bytes.remove_prefix(piece.size());
    source->feed(piece);
    while (const auto frame = source->next()) {
      out.frames.emplace_back(frame->name, frame->data, frame->is_exception);
    }
  }
  EXPECT_FALSE(source->finish());
  out.failed = source->failed();
  return out;
}

Read read(std::string_view bytes) {
  return read(bytes, [] { return std::size_t{1} << 30U; });
}

std::string some_stream() {
  std::string bytes = event_message("messageStart", R"({"role":"assistant"})");
  bytes += event_message("empty", "");
  bytes += message_with(std::string("\1b\0\1t\1\1n\2\x7F\1s\3\0\1", 15) +
                            std::string("\1i\4\0\0\0\1\1l\5\0\0\0\0\0\0\0\1", 18) +
                            std::string("\1y\6\0\2\0\xFF\1d\x8\0\0\0\0\0\0\0\0", 18) +
                            std::string("\1u\x9", 3) + std::string(16, 'u') +
                            string_header(":event-type", "every header type") +
                            string_header(":message-type", "event"),
                        "x");
  bytes += exception_message("throttlingException", R"({"message":"slow"})");
  bytes += message_with(string_header(":message-type", "error") +
                            string_header(":error-code", "InternalFailure") +
                            string_header(":error-message", "it broke"),
                        "");
  bytes += message_with(string_header(":message-type", "a kind to come"), "unseen");
  bytes += message_with("", "no headers");
  bytes += event_message("large", std::string(7'000, 'a'));
  return bytes;
}

const Told kTold{
    {"messageStart", R"({"role":"assistant"})", false},
    {"empty", "", false},
    {"every header type", "x", false},
    {"throttlingException", R"({"message":"slow"})", true},
    {"InternalFailure", "it broke", true},
    {"", "no headers", false},
    {"large", std::string(7'000, 'a'), false},
};

TEST(EventStream, TellsItsMessages) {
  const Read all = read(some_stream());
  EXPECT_FALSE(all.failed);
  EXPECT_EQ(all.frames, kTold);
}

TEST(EventStream, CutsChangeNothing) {
  const std::string bytes = some_stream();
  EXPECT_EQ(read(bytes, [] { return std::size_t{1}; }).frames, kTold);
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same cuts each time
  for (int i = 0; i < 200; ++i) {
    const Read cut = read(bytes, [&random] { return 1 + random() % 300; });
    EXPECT_FALSE(cut.failed);
    EXPECT_EQ(cut.frames, kTold);
  }
}

TEST(EventStream, EveryChangedBitFails) {
  const std::string whole = event_message("contentBlockDelta", R"({"delta":{"text":"a"}})");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ (1U << bit));
      for (const std::size_t size : {bytes.size(), std::size_t{1}}) {
        const Read changed = read(bytes, [size] { return size; });
        EXPECT_TRUE(changed.failed) << i;
        EXPECT_TRUE(changed.frames.empty()) << i;
      }
    }
  }
}

TEST(EventStream, AMessageThatIsCutOffFails) {
  const std::string whole = event_message("messageStop", R"({"stopReason":"end_turn"})");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_TRUE(read(whole.substr(0, size)).failed) << size;
    const Read second = read(whole + whole.substr(0, size));
    EXPECT_TRUE(second.failed) << size;
    EXPECT_EQ(second.frames.size(), 1U) << size;
  }
  EXPECT_FALSE(read("").failed);
}

TEST(EventStream, LengthsOutOfRangeFail) {
  const std::string headers = string_header(":message-type", "event");
  const std::vector<std::pair<const char*, std::string>> cases{
      {"nothing", raw_message(0, 0, "")},
      {"less than its frame", raw_message(15, 0, "")},
      {"larger than allowed", raw_message(FrameSource::kMaxFrame + 1, 0, "")},
      {"as large as can be said", raw_message(UINT32_MAX, 0, "")},
      {"headers beyond the message", raw_message(16 + headers.size(), headers.size() + 1, headers)},
      {"headers as large as can be said", raw_message(16, UINT32_MAX, "")},
      {"too many headers", raw_message(16 + 140'000, 140'000, std::string(140'000, '\0'))},
      {"a name beyond the headers", message_with("\xFF:message-type\7", "")},
      {"a header that is only a name", message_with(std::string("\1a", 2), "")},
      {"a value beyond the headers", message_with(std::string("\1a\7\0\5abcd", 9), "")},
      {"a length beyond the headers", message_with(std::string("\1a\7\0", 4), "")},
      {"a number beyond the headers", message_with(std::string("\1a\5\0\0\0", 6), "")},
      {"a type that is none", message_with(std::string("\1a\x0A", 3), "")},
      {"text", "event: message_start\ndata: {}\n\n"},
      {"JSON", R"({"message":"The security token included in the request is expired"})"},
  };
  for (const auto& [what, bytes] : cases) {
    SCOPED_TRACE(what);
    for (const std::size_t size : {bytes.size(), std::size_t{1}}) {
      const Read bad = read(bytes, [size] { return size; });
      EXPECT_TRUE(bad.failed);
      EXPECT_TRUE(bad.frames.empty());
    }
  }
}

TEST(EventStream, FailureStays) {
  const auto source = make_frames(Framing::AwsEventStream);
  const std::string bad = raw_message(0, 0, "");
  source->feed(bad);
  EXPECT_FALSE(source->next());
  EXPECT_TRUE(source->failed());
  const std::string good = event_message("a", "b");
  source->feed(good);
  EXPECT_FALSE(source->next());
  EXPECT_TRUE(source->failed());
}

}  // namespace
}  // namespace waybill::dialects::test
