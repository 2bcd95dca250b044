// Every recorded answer in the Responses dialect.

#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "fixtures.hpp"
#include "responses.hpp"

namespace waybill::dialects {
namespace {

using namespace test::responses;  // NOLINT(google-build-using-namespace)

namespace fs = std::filesystem;

struct Facts {
  std::string text;
  std::string refusal;
  std::string summary;
  std::string thoughts;
  std::vector<std::string> encrypted;
  std::vector<std::string> calls;  // id, name, arguments
  std::size_t natives = 0;
  std::size_t citations = 0;

  friend bool operator==(const Facts&, const Facts&) = default;
};

void PrintTo(const Facts& facts, std::ostream* out) {
  *out << facts.text << '|' << facts.refusal << '|' << facts.summary << '|' << facts.thoughts << '|'
       << facts.encrypted.size() << '|' << facts.natives << '|' << facts.citations;
  for (const std::string& call : facts.calls) {
    *out << '|' << call;
  }
}

std::string arguments_of(const std::string& text) {
  return Json::accept(text) ? Json::parse(text).dump() : text;  // one was cut
}

Facts facts_of(const Json& response) {
  Facts facts;
  for (const Json& item : response.at("output")) {
    const std::string type = item.at("type");
    if (type == "message") {
      for (const Json& part : item.at("content")) {
        facts.text += part.value("text", "");
        facts.refusal += part.value("refusal", "");
        facts.citations += part.value("annotations", Json::array()).size();
      }
    } else if (type == "reasoning") {
      for (const Json& part : item.at("summary")) {
        facts.summary += part.at("text");
      }
      for (const Json& part : item.value("content", Json::array())) {
        facts.thoughts += part.at("text");
      }
      if (item.contains("encrypted_content") && item["encrypted_content"].is_string() &&
          !item["encrypted_content"].get<std::string>().empty()) {
        facts.encrypted.push_back(item["encrypted_content"]);
      }
    } else if (type == "function_call" || type == "custom_tool_call") {
      facts.calls.push_back(item.at("call_id").get<std::string>() + " " +
                            item.at("name").get<std::string>() + " " +
                            arguments_of(item.at(type == "function_call" ? "arguments" : "input")));
    } else {
      ++facts.natives;
    }
  }
  return facts;
}

Facts facts_of(const Choice& choice) {
  Facts facts;
  for (const Part& part : choice.parts) {
    if (const auto* const text = std::get_if<TextPart>(&part.value)) {
      facts.text += text->text;
      facts.citations += text->citations.size();
    } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
      facts.refusal += refusal->text;
    } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      if (thought->kind == ReasoningPart::Kind::Encrypted) {
        facts.encrypted.push_back(thought->data);
      } else {
        (thought->kind == ReasoningPart::Kind::Summary ? facts.summary : facts.thoughts) +=
            thought->text;
      }
    } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
      facts.calls.push_back(call->id + " " + call->name + " " + arguments_of(call->arguments));
    } else {
      ++facts.natives;
    }
  }
  return facts;
}

struct Recording {
  fs::path folder;
  Json meta;
  std::string body;
  bool stream = false;
};

// Answers of the service to the same conversations as others' (pairs.md §2): events without
// their framing.
void add_pairs(std::vector<Recording>& found) {
  const fs::path root = test::fixtures() / "public" / "pairs";
  if (!fs::exists(root)) {
    return;
  }
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string file = entry.path().filename();
    if (entry.path().parent_path().filename() != "responses" ||
        file.find("response") == std::string::npos) {
      continue;
    }
    Recording recording{.folder = entry.path(), .meta = {}, .body = test::read_file(entry.path())};
    recording.meta["response"]["status"] = 200;
    recording.stream = file.find("streaming") != std::string::npos;
    if (recording.stream) {
      const Json events = Json::parse(recording.body);
      recording.body.clear();
      if (!events.front().contains("type")) {
        continue;  // one is in a form of nobody's
      }
      for (const Json& event : events) {
        recording.body += "data: " + event.dump() + "\n\n";
      }
    }
    found.push_back(std::move(recording));
  }
}

std::vector<Recording> recordings() {
  std::vector<Recording> found;
  const fs::path root = test::fixtures() / "public" / "recordings";
  if (!fs::exists(root)) {
    return found;
  }
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() != "meta.json") {
      continue;
    }
    Recording recording{.folder = entry.path().parent_path(),
                        .meta = Json::parse(test::read_file(entry.path())),
                        .body = {}};
    if (recording.meta.at("dialect") == "openai-responses") {
      const std::string file = recording.meta.at("response").at("file");
      recording.stream = file == "response.sse";
      recording.body = test::read_file(recording.folder / file);
      found.push_back(std::move(recording));
    }
  }
  add_pairs(found);
  return found;
}

// The response that the last event of a stream holds, by a reader that is not ours.
Json last_response(const std::string& stream) {
  Json last;
  std::istringstream lines(stream);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("data: {")) {
      const Json event = Json::parse(line.substr(6));
      if (event.contains("response")) {
        last = event["response"];
      }
    }
  }
  return last;
}

void check_answer(const Answer& answer,
                  const Json& response,
                  bool streamed,
                  const std::string& where) {
  // Some sources hid ids, each time by another word.
  const bool hidden = response.at("id").get<std::string>().find("REDACTED") != std::string::npos;
  if (!hidden) {
    EXPECT_EQ(answer.id, response.at("id").get<std::string>()) << where;
  }
  EXPECT_EQ(answer.model, response.at("model").get<std::string>()) << where;
  ASSERT_EQ(answer.choices.size(), 1U) << where;
  const Choice& choice = answer.choices[0];
  Facts facts = facts_of(response);
  Facts ours = facts_of(choice);
  // The same thoughts are encrypted anew each time that a stream says them.
  EXPECT_EQ(ours.encrypted.size(), facts.encrypted.size()) << where;
  if (streamed) {
    ours.encrypted = facts.encrypted;
  }
  EXPECT_EQ(ours, facts) << where;
  const Json& usage = response.at("usage");
  ASSERT_TRUE(answer.usage) << where;
  EXPECT_EQ(answer.usage_fault, UsageFault::None) << where;
  EXPECT_EQ(answer.usage->prompt, usage.at("input_tokens")) << where;
  EXPECT_EQ(answer.usage->completion, usage.at("output_tokens")) << where;
  EXPECT_EQ(answer.usage->cached_read, usage.at("input_tokens_details").at("cached_tokens"))
      << where;
  EXPECT_EQ(answer.usage->reasoning, usage.at("output_tokens_details").at("reasoning_tokens"))
      << where;
  const bool cut = response.value("status", "") == "incomplete";
  EXPECT_EQ(choice.finish, cut                   ? FinishReason::Length
                           : facts.calls.empty() ? FinishReason::Stop
                                                 : FinishReason::ToolCalls)
      << where;
}

// Told on to a client and read back, whole and streamed.
void check_told_on(const Answer& answer, const std::string& where) {
  const std::string stream = encode_stream(answer);
  response_of(stream);
  const Streamed read = decode_stream(stream);
  ASSERT_TRUE(read.good) << where;
  expect_same(read.answer.choices.at(0), answer.choices.at(0), where);
  expect_same(decode_whole(encode_whole(answer)).choices.at(0), answer.choices.at(0), where);
}

TEST(ResponsesRecordings, Whole) {
  unsigned seen = 0;
  for (const Recording& recording : recordings()) {
    if (recording.stream) {
      continue;
    }
    ++seen;
    const std::string where = recording.folder.string();
    if (recording.meta.at("response").at("status").get<int>() >= 400) {
      const UpstreamFault fault = dialect().decode_error(recording.body);
      const Json error = Json::parse(recording.body).at("error");
      EXPECT_EQ(fault.message, error.at("message").get<std::string>()) << where;
      EXPECT_EQ(fault.code, error.at("code").get<std::string>()) << where;
      continue;
    }
    const Answer answer = decode_whole(recording.body);
    check_answer(answer, Json::parse(recording.body), false, where);
    check_told_on(answer, where);
  }
  if (seen == 0) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
  EXPECT_GT(seen, 25U);
}

TEST(ResponsesRecordings, Streamed) {
  unsigned seen = 0;
  std::mt19937 random(1);
  for (const Recording& recording : recordings()) {
    if (!recording.stream) {
      continue;
    }
    ++seen;
    const std::string where = recording.folder.string();
    const Streamed whole = decode_stream(recording.body);
    ASSERT_TRUE(whole.good && whole.ended) << where;
    EXPECT_FALSE(whole.fault) << where;
    check_answer(whole.answer, last_response(recording.body), true, where);
    check_told_on(whole.answer, where);
    std::vector<std::size_t> cuts(97);
    for (std::size_t& cut : cuts) {
      cut = 1 + random() % 700;
    }
    for (const auto& pieces : {std::vector<std::size_t>{1}, cuts}) {
      const Streamed cut = decode_stream(recording.body, pieces);
      ASSERT_TRUE(cut.good && cut.ended) << where;
      EXPECT_EQ(cut.answer.choices, whole.answer.choices) << where;
      EXPECT_EQ(cut.answer.usage, whole.answer.usage) << where;
    }
  }
  if (seen == 0) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
  EXPECT_GT(seen, 20U);
}

// Damaged bytes are refused or read, never more.
TEST(ResponsesRecordings, Damaged) {
  std::mt19937 random(2);
  unsigned seen = 0;
  for (const Recording& recording : recordings()) {
    if (recording.body.size() > 50'000) {
      continue;
    }
    ++seen;
    for (unsigned i = 0; i < 20; ++i) {
      std::string body = recording.body;
      for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
        body[random() % body.size()] = "\"{}[]:,0\\x"[random() % 10];
      }
      if (recording.stream) {
        const Streamed read = decode_stream(body);
        encode_stream(read.answer);
      } else {
        std::optional<UpstreamFault> fault;
        const auto read = dialect().decode_response(body, {}, fault);
        dialect().decode_error(body);
        if (read) {
          EXPECT_TRUE(Json::accept(encode_whole(*read)));
        }
      }
    }
  }
  if (seen == 0) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
}

// What other SDKs read from the same bytes (fixtures, pairs.md §1).
void check_vercel(const Json& value, const Answer& answer, const std::string& where) {
  const Facts facts = facts_of(answer.choices.at(0));
  const Json parts = value.is_array() ? value : value.value("content", Json::array());
  std::string text;
  std::vector<std::string> calls;
  for (const Json& part : parts) {
    const std::string type = part.value("type", "");
    if (type == "text-delta") {
      text += part.at("delta").get<std::string>();
    } else if (type == "text") {
      text += part.at("text").get<std::string>();
    } else if (type == "tool-call" && !part.value("providerExecuted", false) &&
               !part.value("toolCallId", "").starts_with("tsc_")) {
      calls.push_back(part.at("toolCallId").get<std::string>() + " " +
                      part.at("toolName").get<std::string>());
    } else if (type == "finish") {
      const Json& usage = part.at("usage");
      EXPECT_EQ(answer.usage->prompt, usage["inputTokens"]["total"]) << where;
      EXPECT_EQ(answer.usage->completion, usage["outputTokens"]["total"]) << where;
    }
  }
  // Some snapshots hold only some parts of a stream.
  const bool all = value.is_object() || std::ranges::any_of(parts, [](const Json& part) {
                     return part.value("type", "") == "finish";
                   });
  if (!all) {
    return;
  }
  EXPECT_EQ(facts.text, text) << where;
  // Their names for the provider's own tools are their own.
  for (const std::string& call : facts.calls) {
    const std::string id = call.substr(0, call.find(' '));
    EXPECT_TRUE(std::ranges::any_of(calls, [&](const std::string& each) {
      return each.starts_with(id);
    })) << where;
  }
}

void check_pydantic(const Json& value, const Answer& answer, const std::string& where) {
  const Facts facts = facts_of(answer.choices.at(0));
  std::string text;
  bool known = true;
  std::vector<std::string> calls;
  for (const Json& part : value.at("parts")) {
    const std::string type = part.at("$type");
    if (type == "TextPart") {
      known = known && part.at("content").is_string();
      text += part.at("content").is_string() ? part.at("content").get<std::string>() : "";
    } else if (type == "ToolCallPart") {
      calls.push_back(part.at("tool_name"));
    }
  }
  if (known) {
    EXPECT_EQ(facts.text, text) << where;
  }
  EXPECT_EQ(facts.calls.size(), calls.size()) << where;
  if (value.contains("usage") && value["usage"].contains("input_tokens")) {
    EXPECT_EQ(answer.usage->prompt, value["usage"]["input_tokens"]) << where;
    EXPECT_EQ(answer.usage->completion, value["usage"].value("output_tokens", Json(0))) << where;
    EXPECT_EQ(answer.usage->cached_read, value["usage"].value("cache_read_tokens", Json(0)))
        << where;
  }
}

TEST(ResponsesRecordings, OthersReadTheSame) {
  unsigned seen = 0;
  for (const Recording& recording : recordings()) {
    if (!fs::exists(recording.folder / "expected.json")) {
      continue;
    }
    ++seen;
    const Json expected = Json::parse(test::read_file(recording.folder / "expected.json"));
    const Answer answer =
        recording.stream ? decode_stream(recording.body).answer : decode_whole(recording.body);
    const std::string where = recording.folder.string();
    if (expected.contains("snapshots")) {
      for (const Json& snapshot : expected["snapshots"]) {
        const Json& value = snapshot.at("value");
        if (value.is_array() || (value.is_object() && value.contains("content"))) {
          check_vercel(value, answer, where);
        }
      }
    } else {
      check_pydantic(expected.at("value"), answer, where);
    }
  }
  if (seen == 0) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
  EXPECT_GT(seen, 10U);
}

}  // namespace
}  // namespace waybill::dialects
