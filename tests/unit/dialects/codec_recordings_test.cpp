// Every recorded answer through the codecs: read whole and in pieces, and written and read
// again in every dialect that clients speak.

#include <fstream>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec_facts.hpp"
#include "fixtures.hpp"

namespace waybill::dialects::test {
namespace {

// What the corpus calls our dialects.
const std::map<std::string, std::string> kNames{
    {"openai-chat", "openai_chat"},
    {"mistral-chat", "openai_chat"},
    {"openai-responses", "openai_responses"},
    {"anthropic-messages", "anthropic_messages"},
    {"anthropic-on-vertex", "anthropic_messages"},
    {"google-generatecontent", "gemini"},
    {"bedrock-converse", "bedrock_converse"},
    {"anthropic-on-bedrock-invoke", "anthropic_bedrock"},
    {"cohere-v2-chat", "cohere_chat"},
    {"ollama-chat", "ollama_chat"},
};

// Where what we read is not what the corpus glanced at, and why we are right.
const std::map<std::string, std::string> kDifferences{
    {"anthropic/messages-stream--vercel-ai--anthropic-programmatic-tool-calling-1",
     "thirteen answers one after the other: a stream has one, and ends with its message_stop"},
    {"bedrock/converse--pydantic-ai--test-bedrock-model-with-code-execution-tool--2",
     "the code interpreter is the provider's own tool: not a call that the client must answer"},
    {"bedrock/converse-stream--ruby-llm--chat-web-search-with-bedrock-amazon-nova-2-lite-v1-0-"
     "streams-grounded",
     "grounding is the provider's own tool: not a call that the client must answer"},
    {"google-gemini/generate-stream--vercel-ai--google-stream-tool-call-arguments",
     "arguments come leaf by leaf, in parts without a name: there are two calls, not eight"},
    {"perplexity/chat-stream--langchaingo--testtool-integration",
     "each chunk repeats the whole message beside the delta: the deltas are the answer"},
    {"together/chat-stream--openinference--test-async-chat-stream",
     "each choice has its text twice, in `text` and in `delta`: it was said once"},
};

struct Recording {
  std::string id;
  std::string dialect;
  std::string bytes;
  nlohmann::json glance;
  bool stream = false;
};

std::vector<Recording> recordings() {
  std::vector<Recording> out;
  const auto root = fixtures() / "public";
  std::ifstream manifest(root / "manifest.jsonl");
  for (std::string line; std::getline(manifest, line);) {
    const auto entry = nlohmann::json::parse(line);
    const auto name = kNames.find(entry.at("dialect"));
    if (name == kNames.end() || entry.at("status") != 200 ||
        find_dialect(name->second) == nullptr) {
      continue;
    }
    const auto folder = root / "recordings" / entry.at("id").get<std::string>();
    const auto meta = nlohmann::json::parse(read_file(folder / "meta.json"));
    out.push_back({entry.at("id"), name->second,
                   read_file(folder / entry.at("file").get<std::string>()), meta.at("glance"),
                   entry.at("stream")});
  }
  return out;
}

struct Read {
  Answer answer;
  std::optional<UpstreamFault> fault;
  bool good = true;
};

// Fed in pieces of the sizes that `next_size` gives.
template <class NextSize>
Read read_stream(const Dialect& dialect, std::string_view bytes, NextSize next_size) {
  Read read;
  AnswerBuilder builder;
  StreamDecoder decoder(dialect, {});
  while (!bytes.empty() && read.good) {
    const std::size_t size = std::min<std::size_t>(next_size(), bytes.size());
    const std::string piece(bytes.substr(0, size));  // its end is the end of memory: for ASan
    read.good = decoder.feed(piece, builder);
    bytes.remove_prefix(size);
  }
  read.good = read.good && decoder.finish(builder);
  read.fault = builder.fault();
  read.answer = builder.finish();
  return read;
}

Read read_whole(const Dialect& dialect, const Recording& recording) {
  if (recording.stream) {
    return read_stream(dialect, recording.bytes, [] { return std::size_t{1} << 30U; });
  }
  Read read;
  auto answer = dialect.decode_response(recording.bytes, {}, read.fault);
  read.good = answer.has_value();
  if (answer) {
    read.answer = *std::move(answer);
  }
  return read;
}

struct Glance {
  nlohmann::json calls;
  std::size_t characters = 0;
};

Glance glance_at(std::span<const Choice> choices) {
  Glance out{nlohmann::json::array(), 0};
  for (const Choice& choice : choices) {
    for (const auto& call : said_by(choice).calls) {
      out.calls.push_back(call[0]);
    }
    for (const Part& part : choice.parts) {
      const auto* const text = std::get_if<TextPart>(&part.value);
      for (const char c : text == nullptr ? std::string() : text->text) {
        out.characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1U : 0U;
      }
    }
  }
  return out;
}

class CodecRecordings : public testing::Test {
 protected:
  void SetUp() override {
    if (all_.empty()) {
      GTEST_SKIP() << "no recorded traffic on this machine";
    }
  }
  std::vector<Recording> all_ = recordings();
};

TEST_F(CodecRecordings, AreReadAsTheCorpusGlancedAtThem) {
  for (const Recording& recording : all_) {
    SCOPED_TRACE(recording.id);
    const Read read = read_whole(*find_dialect(recording.dialect), recording);
    ASSERT_TRUE(read.good);
    if (kDifferences.contains(recording.id) || read.fault) {
      continue;
    }
    ASSERT_FALSE(read.answer.choices.empty());
    // Of several choices it looked at the first, or at all of them.
    const Glance first = glance_at({read.answer.choices.data(), 1});
    const Glance all = glance_at(read.answer.choices);
    const Glance seen{recording.glance.value("tool_calls", nlohmann::json::array()),
                      recording.glance.value("text_chars", std::size_t{0})};
    EXPECT_TRUE((seen.calls == first.calls || seen.calls == all.calls) &&
                (seen.characters == first.characters || seen.characters == all.characters))
        << seen.calls << seen.characters << " or " << first.calls << first.characters;
    const SaidFacts facts = said_by(read.answer.choices.front());
    const bool thought = recording.glance.value("thinking_chars", 0) > 0;
    // Cohere's plan before a call is no thinking to the corpus; pydantic-ai reads it as such.
    EXPECT_TRUE(thought == !facts.reasoning.empty() || recording.dialect == "cohere_chat")
        << facts.reasoning;
    EXPECT_EQ(read.answer.usage.has_value(),
              recording.glance.contains("usage") && !recording.glance.at("usage").is_null());
  }
}

TEST_F(CodecRecordings, CutsNeverChangeWhatAStreamSays) {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same cuts each time
  std::size_t streams = 0;
  for (const Recording& recording : all_) {
    if (!recording.stream) {
      continue;
    }
    SCOPED_TRACE(recording.id);
    ++streams;
    const Dialect& dialect = *find_dialect(recording.dialect);
    const std::string whole = dump(read_whole(dialect, recording).answer);
    EXPECT_EQ(dump(read_stream(dialect, recording.bytes, [] { return 1U; }).answer), whole);
    for (int i = 0; i < 3; ++i) {
      const auto cut = [&random] { return 1 + random() % 97; };
      EXPECT_EQ(dump(read_stream(dialect, recording.bytes, cut).answer), whole);
    }
  }
  EXPECT_GT(streams, 0U);
}

ReplyBill bill_of(const Answer& answer) {
  ReplyBill bill;
  bill.usage = answer.usage.value_or(Usage());
  bill.charge.total = Money::picodollars(123'456'789);
  return bill;
}

// The facts of the first answer: not every dialect has more than one, or thoughts that are
// not to be seen.
nlohmann::json first_facts(const Answer& answer) {
  return answer.choices.empty() ? nlohmann::json() : to_json(said_by(answer.choices.front()));
}

TEST_F(CodecRecordings, AreTheSameInEveryDialectThatClientsSpeak) {
  const ReplyContext context{.id = "gen-1-a",
                             .model = "maker/model",
                             .provider = "Provider",
                             .created = 1'700'000'000,
                             .request = R"({"model":"m","input":"x"})"};
  for (const Recording& recording : all_) {
    const Read read = read_whole(*find_dialect(recording.dialect), recording);
    if (!read.good || read.fault || read.answer.choices.empty()) {
      continue;
    }
    for (const Dialect* const dialect : all_dialects()) {
      if (dialect->encode_response == nullptr || dialect->decode_response == nullptr) {
        continue;
      }
      SCOPED_TRACE(recording.id + " as " + std::string(dialect->name));
      const nlohmann::json wanted = first_facts(read.answer);
      std::string body;
      dialect->encode_response(read.answer, context, bill_of(read.answer), body);
      ASSERT_TRUE(nlohmann::json::accept(body)) << body;
      std::optional<UpstreamFault> fault;
      auto again = dialect->decode_response(body, {}, fault);
      ASSERT_TRUE(again.has_value());
      EXPECT_FALSE(fault.has_value());
      EXPECT_EQ(first_facts(*again), wanted);

      std::string stream;
      const auto writer = dialect->make_writer(context, stream);
      tell(read.answer, *writer);
      writer->end(bill_of(read.answer));
      const Read streamed = read_stream(*dialect, stream, [] { return std::size_t{1} << 30U; });
      ASSERT_TRUE(streamed.good) << stream;
      EXPECT_EQ(first_facts(streamed.answer), wanted) << stream;
    }
  }
}

}  // namespace
}  // namespace waybill::dialects::test
