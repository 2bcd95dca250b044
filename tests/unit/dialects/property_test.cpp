// Properties over random documents: what is not ours comes out as it went in.

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "waybill/dialects/openai_chunk.hpp"
#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/openai_request.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::ordered_json;

constexpr ReplyIdentity kIdentity{"gen-1", "a/b", "P"};

// Random JSON text with random blanks, escapes and number forms.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }

  std::string blank() {
    static const std::vector<std::string> blanks{"", "", "", " ", "\n", "\t ", "\r\n"};
    return blanks[below(blanks.size())];
  }

  std::string value(unsigned depth = 0) {
    static const std::vector<std::string> scalars{
        "0",    "-0",   "1.0",   "1e5",     "9007199254740993", "true",         "false",
        "null", "\"\"", "\"x\"", "\"\\n\"", "\"\\u0041\"",      "\"\xC3\xA9\"", "\"a\\\"b,}]\""};
    const std::size_t choice = below(depth < 3 ? 10 : 6);
    if (choice < 6) {
      return scalars[below(scalars.size())];
    }
    const bool object = choice < 8;
    std::string out(1, object ? '{' : '[');
    const std::size_t count = below(4);
    for (std::size_t i = 0; i < count; ++i) {
      out += (i == 0 ? "" : ",") + blank();
      out += object ? "\"k" + std::to_string(i) + "\":" : "";
      out += blank() + value(depth + 1) + blank();
    }
    return out + blank() + (object ? '}' : ']');
  }

  // An object of `members` (name and value) and some of its own, shuffled.
  std::string object(std::vector<std::string> members) {
    for (std::size_t i = below(4); i > 0; --i) {
      members.push_back("\"z" + std::to_string(i) + "\":" + blank() + value());
    }
    std::shuffle(members.begin(), members.end(), random_);
    std::string out = blank() + '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      out += (i == 0 ? "" : ",") + blank() + members[i] + blank();
    }
    return out + '}' + blank();
  }

  // Each of `members` with a chance of one half.
  std::vector<std::string> some_of(const std::vector<std::string>& members) {
    std::vector<std::string> chosen;
    for (const std::string& member : members) {
      if (below(2) == 0) {
        chosen.push_back(member);
      }
    }
    return chosen;
  }

 private:
  std::mt19937 random_;
};

// Names in order, and values as they stand; blanks between members go.
std::string foreign(const std::string& text, const std::vector<std::string>& ours) {
  Json document = Json::parse(text);
  for (const std::string& member : ours) {
    document.erase(member);
  }
  return document.dump();
}

TEST(Properties, J17RequestsKeepAllThatIsNotOurs) {
  const std::vector<std::string> ours{"model", "stream_options", "models",     "provider",
                                      "route", "plugins",        "session_id", "trace"};
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Generator generate(seed);
    auto members = generate.some_of(
        {R"("model":"m")", R"("models":["a","b"])", "\"provider\":" + std::string("{}"),
         R"("route" : "fallback")", "\"plugins\":" + generate.value(), R"("session_id":"s")",
         "\"trace\":" + generate.value(), R"("stream":true)",
         generate.below(2) == 0 ? R"("stream_options":{})"
                                : R"("stream_options":{"a":1, "include_usage":false})",
         R"("temperature":1.0)"});
    members.emplace_back(R"("messages":[{"role":"user","content":"hi"}])");
    const std::string body = generate.object(members);
    const auto facts = read_request(RequestKind::Chat, body);
    ASSERT_TRUE(facts) << body << facts.error().detail();
    for (const UsageRequest usage :
         {UsageRequest::Ask, UsageRequest::Leave, UsageRequest::Remove}) {
      std::string out;
      write_upstream_request(out, body, *facts, {.upstream_model = "up", .usage = usage});
      ASSERT_TRUE(Json::accept(out)) << body << '\n' << out;
      ASSERT_EQ(foreign(out, ours), foreign(body, ours));
      const Json sent = Json::parse(out);
      EXPECT_EQ(sent.at("model"), "up");
      EXPECT_FALSE(sent.contains("models") || sent.contains("provider") || sent.contains("trace"));
      EXPECT_EQ(sent.contains("stream_options"),
                facts->stream && (usage == UsageRequest::Ask ||
                                  (usage == UsageRequest::Leave && facts->has_stream_options)));
      const auto again = read_request(RequestKind::Chat, out);
      ASSERT_TRUE(again);
      EXPECT_EQ(again->stream, facts->stream);
      EXPECT_EQ(again->text_bytes, facts->text_bytes);
    }
  }
}

TEST(Properties, J17RepliesAndChunksKeepAllThatIsNotOurs) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Generator generate(seed);
    const std::string body = generate.object(generate.some_of(
        {"\"id\":" + generate.value(), "\"model\":" + generate.value(),
         "\"provider\":" + generate.value(), "\"choices\":" + generate.value(),
         "\"system_fingerprint\":" + std::string(generate.below(2) == 0 ? "null" : "\"f\""),
         "\"usage\":" + (generate.below(2) == 0
                             ? generate.value()
                             : generate.object({R"("prompt_tokens":1)", R"("cost":3)"}))}));
    const auto facts = read_reply(RequestKind::Chat, body);
    ASSERT_TRUE(facts) << body;
    std::string out;
    write_reply(out, body, *facts, kIdentity, ReplyBill{});
    ASSERT_TRUE(Json::accept(out)) << body << '\n' << out;
    const std::vector<std::string> ours{"id", "model", "provider", "system_fingerprint", "usage"};
    ASSERT_EQ(foreign(out, ours), foreign(body, ours));
    const Json reply = Json::parse(out);
    EXPECT_TRUE(reply.at("usage").contains("cost"));
    EXPECT_TRUE(reply.contains("system_fingerprint"));

    const ChunkFacts chunk = read_chunk(body);
    ASSERT_NE(chunk.kind, ChunkKind::Malformed) << body;
    std::string sent;
    write_chunk(sent, body, chunk, kIdentity);
    ASSERT_TRUE(Json::accept(sent)) << body << '\n' << sent;
    ASSERT_EQ(foreign(sent, ours), foreign(body, ours));
    const Json event = Json::parse(sent);
    EXPECT_FALSE(event.contains("usage"));
    EXPECT_EQ(event.at("id"), "gen-1");
    EXPECT_EQ(event.at("model"), "a/b");
    EXPECT_EQ(event.at("provider"), "P");
  }
}

TEST(Properties, EveryTruncationOfAReplyIsRefused) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Generator generate(seed);
    std::string body = generate.object({R"("id":"x")", "\"choices\":" + generate.value()});
    body.erase(body.find_last_of('}') + 1);
    for (std::size_t size = 0; size < body.size(); ++size) {
      EXPECT_FALSE(read_reply(RequestKind::Chat, body.substr(0, size)));
      EXPECT_EQ(read_chunk(body.substr(0, size)).kind, ChunkKind::Malformed);
    }
  }
}

}  // namespace
}  // namespace waybill::dialects
