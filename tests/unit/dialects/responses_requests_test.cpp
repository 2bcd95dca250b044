// Real requests in the Responses dialect.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "fixtures.hpp"
#include "responses.hpp"

namespace waybill::dialects {
namespace {

using namespace test::responses;  // NOLINT(google-build-using-namespace)

namespace fs = std::filesystem;

TEST(ResponsesRequests, RecordedRequestsComeBack) {
  const fs::path root = test::fixtures() / "public" / "recordings";
  unsigned seen = 0;
  if (fs::exists(root)) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().filename() != "meta.json" ||
          Json::parse(test::read_file(entry.path())).at("dialect") != "openai-responses") {
        continue;
      }
      const fs::path folder = entry.path().parent_path();
      const Json request = fs::exists(folder / "request.json")
                               ? Json::parse(test::read_file(folder / "request.json"))
                               : Json();
      if (!request.contains("body") || !request.at("body").is_object()) {
        continue;
      }
      ++seen;
      const Json& body = request.at("body");
      const auto first = dialect().decode_request(body.dump());
      const bool keeps = body.value("store", Json(false)) == true ||
                         !body.value("previous_response_id", Json()).is_null();
      ASSERT_EQ(first.has_value(), !keeps) << folder << (first ? "" : first.error().detail());
      if (!first) {
        EXPECT_EQ(first.error().code(), "invalid_request");
        continue;
      }
      const auto written = dialect().encode_request(
          *first, {.upstream_model = first->model, .stream = first->stream});
      ASSERT_TRUE(written) << folder;
      EXPECT_TRUE(written->losses.changed().empty()) << folder;
      auto second = dialect().decode_request(written->body);
      ASSERT_TRUE(second) << folder << second.error().detail();
      // strict is written even where it was not, and an id only beside what is encrypted.
      Conversation before = *first;
      before.unknown.clear();
      for (Tool& tool : before.tools) {
        tool.strict =
            tool.native_json.empty() ? std::optional(tool.strict.value_or(false)) : tool.strict;
      }
      EXPECT_EQ(second->messages.size(), before.messages.size()) << folder;
      EXPECT_EQ(second->tools, before.tools) << folder;
      EXPECT_EQ(second->format, before.format) << folder;
      EXPECT_EQ(second->sampling, before.sampling) << folder;
      EXPECT_EQ(second->reasoning, before.reasoning) << folder;
      for (std::size_t i = 0; i < before.messages.size() && i < second->messages.size(); ++i) {
        const auto no_ids = [](Message message) {
          for (Part& part : message.parts) {
            if (auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
              thought->id.clear();
            }
            if (auto* const media = std::get_if<MediaPart>(&part.value)) {
              media->name.clear();  // made up where there is none
            }
          }
          return message;
        };
        EXPECT_EQ(no_ids(second->messages[i]), no_ids(before.messages[i])) << folder << i;
      }
    }
  }
  if (seen == 0) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
  EXPECT_GT(seen, 30U);
}

// Role and text of each message, calls and results.
std::vector<std::string> spoken(const Json& input) {
  std::vector<std::string> out;
  if (input.is_string()) {
    return {"user:" + input.get<std::string>()};
  }
  for (const Json& item : input) {
    const std::string type = item.value("type", "message");
    if (type == "message") {
      std::string text = item.at("role").get<std::string>() + ":";
      text = text == "developer:" ? "system:" : text;
      if (item.at("content").is_string()) {
        text += item.at("content").get<std::string>();
      } else {
        for (const Json& part : item.at("content")) {
          text += part.contains("text")
                      ? part.at("text").get<std::string>()
                      : part.at("type").get<std::string>() + part.value("image_url", std::string());
        }
      }
      out.push_back(text);
    } else if (type == "function_call") {
      out.push_back("call:" + item.at("name").get<std::string>() +
                    Json::parse(item.at("arguments").get<std::string>()).dump());
    } else if (type == "function_call_output") {
      out.push_back("result:" + item.at("output").dump());
    }
  }
  return out;
}

// lingua's translations of the same requests, which the service accepted (fixtures, pairs.md).
TEST(ResponsesRequests, SaysWhatAnotherTranslatorSays) {
  const fs::path root = test::fixtures() / "public" / "pairs";
  unsigned compared = 0;
  const std::vector<std::pair<std::string, std::string>> sources{
      {"chat-completions", "openai_chat"}, {"anthropic", "anthropic_messages"}};
  if (fs::exists(root)) {
    for (const auto& entry : fs::directory_iterator(root)) {
      for (const auto& [source, source_dialect] : sources) {
        const fs::path oracle = entry.path() / "translate" / (source + "__to__responses.json");
        const fs::path native = entry.path() / "native" / source / "request.json";
        if (!fs::exists(oracle) || !fs::exists(native)) {
          continue;
        }
        const Json theirs =
            Json::parse(test::read_file(oracle)).value("request_translated", Json());
        const auto conversation =
            find_dialect(source_dialect)->decode_request(test::read_file(native));
        if (!theirs.is_object() || !conversation) {
          continue;
        }
        const auto written = dialect().encode_request(*conversation, {.upstream_model = "m"});
        if (!written) {
          continue;  // tools that only the other maker has
        }
        ++compared;
        const std::string where = oracle.string();
        const Json ours = Json::parse(written->body);
        EXPECT_EQ(spoken(ours.at("input")), spoken(theirs.at("input"))) << where;
        ASSERT_EQ(ours.value("tools", Json::array()).size(),
                  theirs.value("tools", Json::array()).size())
            << where;
        for (std::size_t i = 0; i < ours.value("tools", Json::array()).size(); ++i) {
          EXPECT_EQ(ours["tools"][i].value("name", ""), theirs["tools"][i].value("name", ""))
              << where;
          EXPECT_EQ(nlohmann::json::parse(ours["tools"][i].value("parameters", Json()).dump()),
                    nlohmann::json::parse(theirs["tools"][i].value("parameters", Json()).dump()))
              << where;
        }
        EXPECT_EQ(ours.value("tool_choice", Json("auto")),
                  theirs.value("tool_choice", Json("auto")))
            << where;
        const auto schema = [](const Json& body) {
          return nlohmann::json::parse(body.value("text", Json::object())
                                           .value("format", Json::object())
                                           .value("schema", Json())
                                           .dump());
        };
        // A strict schema goes out as the client wrote it; lingua adds what it lacks.
        if (where.find("MissingRequiredProperty") == std::string::npos) {
          EXPECT_EQ(schema(ours), schema(theirs)) << where;
        }
      }
    }
  }
  if (compared == 0) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no pairs";
  }
  EXPECT_GT(compared, 20U);
}

}  // namespace
}  // namespace waybill::dialects
