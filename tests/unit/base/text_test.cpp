#include "waybill/base/text.hpp"

#include <array>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "waybill/base/secret.hpp"
#include "waybill/base/time.hpp"

namespace waybill {
namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonString, EscapesWhatMustBeEscaped) {
  EXPECT_EQ(json("a\"b\\c\n\r\t\x01"), R"("a\"b\\c\n\r\t\u0001")");
  EXPECT_EQ(json("h\xC3\xA9 \xF0\x9F\x98\x80"), "\"h\xC3\xA9 \xF0\x9F\x98\x80\"");
}

TEST(JsonString, FindsSpecialBytesAtEveryOffset) {
  for (std::size_t before = 0; before < 40; ++before) {
    for (std::size_t after = 0; after < 20; ++after) {
      const std::string head(before, '\x7F');
      const std::string tail(after, ' ');
      EXPECT_EQ(json(head + '"' + tail), '"' + head + "\\\"" + tail + '"');
      EXPECT_EQ(json(head + "\x1F" + tail), '"' + head + "\\u001f" + tail + '"');
      EXPECT_EQ(json(head + "\x80" + tail), '"' + head + "\xEF\xBF\xBD" + tail + '"');
    }
  }
}

TEST(JsonString, InvalidUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(json("a\xFF"), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(json("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // a surrogate
}

TEST(Printable, CutsAtCharactersAndHidesControls) {
  EXPECT_EQ(printable("a\nb"), "a?b");
  EXPECT_EQ(printable("h\xC3\xA9llo", 2), "h...");
  EXPECT_EQ(printable("hello", 3), "hel...");
}

TEST(Closest, FindsTheLikelyWordOnly) {
  constexpr std::array<std::string_view, 3> kNames{"upstream_model", "provider", "price"};
  EXPECT_EQ(closest("up_stream_model", kNames), "upstream_model");
  EXPECT_EQ(closest("prcie", kNames), "price");
  EXPECT_FALSE(closest("temperature", kNames));
  // What differs in length by more than may differ at all is not compared.
  EXPECT_EQ(closest("pricee", kNames), "price");
  EXPECT_FALSE(closest(std::string(256, 'p'), kNames));
  EXPECT_FALSE(closest("", kNames));
}

TEST(Utf8, TableOfForms) {
  EXPECT_TRUE(is_valid_utf8("ascii \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  EXPECT_FALSE(is_valid_utf8("\xC0\xAF"));          // overlong
  EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // above 10FFFF
  EXPECT_FALSE(is_valid_utf8("\xE2\x82"));          // cut
}

TEST(SecretText, L4NothingIsLeftWhereItWasMovedFrom) {
  alignas(Secret) std::array<char, sizeof(Secret)> memory{};
  Secret* const secret = std::construct_at(reinterpret_cast<Secret*>(memory.data()),  // NOLINT
                                           std::string("sk-short"));
  const Secret taken(std::move(*secret));
  EXPECT_EQ(std::string_view(memory.data(), memory.size()).find("k-short"), std::string::npos);
  std::destroy_at(secret);
  EXPECT_EQ(taken.reveal(), "sk-short");
}

TEST(SecretText, MovedFromHoldsNothing) {
  Secret a(std::string("sk-short"));
  const Secret b(std::move(a));
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(b.reveal(), "sk-short");
}

TEST(SecretText, L4NothingIsLeftInItsMemory) {
  // Short enough to live inside the object, whose memory stays ours to look at.
  alignas(Secret) std::array<char, sizeof(Secret)> memory{};
  Secret* const secret = std::construct_at(reinterpret_cast<Secret*>(memory.data()),  // NOLINT
                                           std::string("sk-short"));
  const auto seen = [&memory] {
    return std::string_view(memory.data(), memory.size()).find("sk-short") != std::string::npos;
  };
  ASSERT_TRUE(seen());
  std::destroy_at(secret);
  EXPECT_FALSE(seen());
}

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

TEST(SecretText, L6CannotBeWrittenToAStreamByMistake) {
  EXPECT_TRUE(Printable<std::string>);
  EXPECT_FALSE(Printable<Secret>);
  EXPECT_FALSE((std::is_convertible_v<Secret, std::string_view>));
  EXPECT_FALSE((std::is_convertible_v<Secret, std::string>));
}

TEST(FreeMemory, LeavesNoBuffer) {
  std::string text(100'000, 'a');
  free_memory(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.capacity(), std::string().capacity());
}

TEST(Base64, IsThatOfRfc4648) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_base64(std::string_view("\0\xFB\xFF", 3)), "APv/");
  EXPECT_EQ(to_base64(std::string(300, 'a')).find('\n'), std::string::npos);
}

TEST(Base64, IsReadBackWithOrWithoutItsPadding) {
  for (const std::string& bytes :
       {std::string(), std::string("f"), std::string("fo"), std::string("foo"),
        std::string("\0\xFB\xFF\x10", 4), std::string(1'000, '\x9C')}) {
    std::string text = to_base64(bytes);
    EXPECT_EQ(from_base64(text), bytes);
    text.resize(text.find_last_not_of('=') + 1);
    EXPECT_EQ(from_base64(text), bytes);
  }
  for (const std::string_view text :
       {"Zg=", "Z", "Zm9v Zg==", "Zm9v\n", "Zg==Zg==", "Zm-_", "====", "=", "Zm9=v"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(Rfc3339, IsUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(WallTime(std::chrono::milliseconds(1'787'300'000'123))),
            "2026-08-21T08:13:20.123Z");
}

}  // namespace
}  // namespace waybill
