// Every recorded OpenAI exchange through the readers and writers: what is not
// ours comes out as it went in.

#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/openai_chunk.hpp"
#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/openai_request.hpp"

#include "fixtures.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr ReplyIdentity kIdentity{"gen-1787300000-abcdefghijklmnopqrst", "author/slug", "A \"B\""};

struct Recording {
  fs::path folder;
  nlohmann::json meta;
  RequestKind kind = RequestKind::Chat;
};

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
    Recording recording{entry.path().parent_path(),
                        nlohmann::json::parse(test::read_file(entry.path())), RequestKind::Chat};
    const std::string dialect = recording.meta.at("dialect");
    if (dialect == "openai-completions") {
      recording.kind = RequestKind::Completion;
    } else if (dialect == "openai-embeddings") {
      recording.kind = RequestKind::Embedding;
    } else if (dialect != "openai-chat") {
      continue;
    }
    found.push_back(std::move(recording));
  }
  return found;
}

Json without(Json document, const std::set<std::string>& members) {
  for (const std::string& member : members) {
    document.erase(member);
  }
  return document;
}

ReplyBill some_bill() {
  ReplyBill bill;
  bill.usage.prompt = 7;
  bill.charge.total = Money::picodollars(123'456);
  bill.charge.prompt = Money::picodollars(23'456);
  bill.charge.completion = Money::picodollars(100'000);
  return bill;
}

void check_usage(const Json& before, const Json& after, const std::string& where) {
  ASSERT_TRUE(after.is_object()) << where;
  EXPECT_EQ(after.at("cost").dump(), "1.23456e-07") << where;
  EXPECT_EQ(after.at("is_byok"), false) << where;
  EXPECT_TRUE(after.at("cost_details").contains("upstream_inference_prompt_cost")) << where;
  if (before.is_object()) {
    const std::set<std::string> ours{"cost", "is_byok", "cost_details"};
    EXPECT_EQ(without(before, ours).dump(), without(after, ours).dump()) << where;
  }
}

void check_request(const Recording& recording) {
  const auto request = Json::parse(test::read_file(recording.folder / "request.json"));
  if (!request.contains("body") || !request.at("body").is_object()) {
    return;
  }
  const std::string where = recording.folder.string();
  const std::string body = request.at("body").dump();
  const auto facts = read_request(recording.kind, body);
  // Some were recorded to see a provider refuse them.
  if (!facts) {
    EXPECT_EQ(facts.error().code(), "invalid_request") << where;
    EXPECT_GE(recording.meta.at("response").at("status").get<int>(), 400)
        << where << ": " << facts.error().detail();
    return;
  }
  std::string out;
  write_upstream_request(out, body, *facts, {.upstream_model = "up/stream"});
  const std::set<std::string> ours{"model", "stream_options", "provider", "plugins", "usage"};
  const Json before = Json::parse(body);
  const Json after = Json::parse(out);
  EXPECT_EQ(after.at("model"), "up/stream") << where;
  EXPECT_EQ(without(before, ours).dump(), without(after, ours).dump()) << where;
  EXPECT_EQ(facts->stream, before.value("stream", false)) << where;
  if (facts->stream) {
    EXPECT_EQ(after.at("stream_options").at("include_usage"), true) << where;
  } else {
    EXPECT_FALSE(after.contains("stream_options")) << where;
  }
}

void check_body(const Recording& recording) {
  const std::string where = recording.folder.string();
  const std::string body = test::read_file(
      recording.folder / recording.meta.at("response").at("file").get<std::string>());
  const auto facts = read_reply(recording.kind, body);
  if (!Json::accept(body)) {
    EXPECT_FALSE(facts) << where;
    return;
  }
  ASSERT_TRUE(facts) << where << facts.error().detail();
  const int status = recording.meta.at("response").at("status");
  EXPECT_EQ(facts->is_error, status >= 400) << where;
  if (facts->is_error) {
    EXPECT_FALSE(facts->fault.message.empty()) << where;
    return;
  }
  std::string out;
  write_reply(out, body, *facts, kIdentity, some_bill());
  const Json before = Json::parse(body);
  const Json after = Json::parse(out);
  const std::set<std::string> ours{"id", "model", "provider", "system_fingerprint", "usage"};
  EXPECT_EQ(without(before, ours).dump(), without(after, ours).dump()) << where;
  EXPECT_EQ(after.at("id"), kIdentity.id) << where;
  EXPECT_EQ(after.at("model"), kIdentity.model) << where;
  EXPECT_EQ(after.at("provider"), kIdentity.provider) << where;
  check_usage(before.value("usage", Json()), after.at("usage"), where);
  if (before.contains("usage") && before.at("usage").is_object()) {
    ASSERT_TRUE(facts->usage) << where << name(facts->usage_fault);
    // Some providers do report more reasoning than output, or more cached than prompt.
    const bool clamped = facts->usage->reasoning == facts->usage->completion ||
                         facts->usage->cached_read == facts->usage->prompt;
    EXPECT_EQ(facts->usage_fault,
              clamped && facts->usage->completion > 0 && facts->usage_fault != UsageFault::None
                  ? UsageFault::Contradictory
                  : UsageFault::None)
        << where << name(facts->usage_fault);
    EXPECT_EQ(facts->usage->prompt, before.at("usage").at("prompt_tokens")) << where;
  }
}

void check_chunk(const std::string& data, const ChunkFacts& facts, const std::string& where) {
  std::string out;
  write_chunk(out, data, facts, kIdentity);
  const Json before = Json::parse(data);
  const Json after = Json::parse(out);
  std::set<std::string> ours{"id", "model", "provider", "usage"};
  EXPECT_EQ(after.at("id"), kIdentity.id) << where;
  EXPECT_EQ(after.at("model"), kIdentity.model) << where;
  EXPECT_EQ(after.at("provider"), kIdentity.provider) << where;
  EXPECT_FALSE(after.contains("usage")) << where;
  if (before.contains("system_fingerprint") && before.at("system_fingerprint").is_null()) {
    EXPECT_FALSE(after.contains("system_fingerprint")) << where;
    ours.insert("system_fingerprint");
  }
  EXPECT_EQ(without(before, ours).dump(), without(after, ours).dump()) << where;
}

void check_stream(const Recording& recording) {
  const std::string where = recording.folder.string();
  std::istringstream stream(test::read_file(recording.folder / "response.sse"));
  StreamSummary summary;
  summary.kind = recording.kind;
  bool content = false;
  Json usage;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) {
      line.pop_back();
    }
    if (!line.starts_with("data:")) {
      continue;
    }
    const std::string data = line.substr(line.starts_with("data: ") ? 6 : 5);
    const ChunkFacts facts = read_chunk(data);
    if (facts.kind == ChunkKind::Done) {
      continue;
    }
    ASSERT_NE(facts.kind, ChunkKind::Malformed) << where << '\n' << data;
    check_chunk(data, facts, where + '\n' + data);
    summary.observe(data, facts);
    content = content || facts.is_content_event();
    if (const Json chunk = Json::parse(data); chunk.value("usage", Json()).is_object()) {
      usage = chunk.at("usage");
      EXPECT_TRUE(facts.usage) << where;
    }
  }
  EXPECT_TRUE(content) << where;
  std::string out;
  write_usage_chunk(out, summary, kIdentity, some_bill());
  const Json last = Json::parse(out);
  check_usage(usage, last.at("usage"), where);
  EXPECT_EQ(last.at("choices").size(), 1U) << where;
}

TEST(Recordings, RequestsGoOutAsTheyCameIn) {
  const auto all = recordings();
  if (all.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
  for (const Recording& recording : all) {
    check_request(recording);
  }
}

TEST(Recordings, BodiesComeBackAsTheyWereSent) {
  const auto all = recordings();
  if (all.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
  for (const Recording& recording : all) {
    if (recording.meta.at("response").at("file") != "response.sse") {
      check_body(recording);
    }
  }
}

TEST(Recordings, ChunksComeBackAsTheyWereSent) {
  const auto all = recordings();
  if (all.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no recordings";
  }
  for (const Recording& recording : all) {
    if (recording.meta.at("response").at("file") == "response.sse") {
      check_stream(recording);
    }
  }
}

}  // namespace
}  // namespace waybill::dialects
