// Recorded bodies with any value in any place: nothing is promised of what the codecs make
// of them but that they come back, and that what they write is valid.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/embedding.hpp"
#include "waybill/dialects/rerank.hpp"

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;
using Random = std::mt19937;

// Puts something else in the place of one value of `document`, or takes it away.
void mutate(Json& document, Random& random) {
  Json* at = &document;
  while (!at->empty() && (at->is_object() || at->is_array()) && random() % 5 != 0) {
    auto child = at->begin();
    std::advance(child, random() % at->size());
    at = &*child;
  }
  static const std::vector<Json> kOthers{nullptr,
                                         true,
                                         -1,
                                         0,
                                         1e30,
                                         18'446'744'073'709'551'615U,
                                         0.5,
                                         "",
                                         "\xF0\x9F\x98\x80",
                                         Json::array(),
                                         Json::object(),
                                         Json::array({1, "x", nullptr}),
                                         Json{{"type", "text"}, {"text", 3}}};
  *at = kOthers[random() % kOthers.size()];
}

std::string mutated(const Json& document, Random& random) {
  Json copy = document;
  for (unsigned times = 1 + random() % 3; times > 0; --times) {
    mutate(copy, random);
  }
  return copy.dump();
}

ReplyContext some_context() {
  return {.id = "gen-1", .model = "a/b", .provider = "P", .created = 1};
}

void check_reply(const Dialect& dialect, const Answer& answer) {
  if (dialect.encode_response == nullptr) {
    return;
  }
  std::string whole;
  dialect.encode_response(answer, some_context(), {}, whole);
  EXPECT_TRUE(Json::accept(whole)) << whole;
  std::string stream;
  const auto writer = dialect.make_writer(some_context(), stream);
  tell(answer, *writer);
  writer->end({});
  EXPECT_TRUE(test::told(dialect, stream).ended) << stream;
}

void check_request(const Dialect& dialect, const std::string& body) {
  if (dialect.decode_request == nullptr) {
    return;
  }
  const auto request = dialect.decode_request(body);
  if (!request) {
    EXPECT_EQ(request.error().code(), "invalid_request") << body;
    return;
  }
  for (const char* const name : {"ollama_chat", "cohere_chat"}) {
    const auto sent = find_dialect(name)->encode_request(*request, {.upstream_model = "m"});
    EXPECT_TRUE(sent && Json::accept(sent->body)) << body;
  }
}

// A stream's messages, and how to put one back.
struct Parted {
  std::vector<std::string> lines;
  std::string prefix;
  std::string suffix;
};

Parted parted(const Dialect& dialect, const std::string& response) {
  const bool sse = dialect.framing == Framing::Sse;
  Parted out{{}, sse ? "data: " : "", sse ? "\n\n" : "\n"};
  std::istringstream text(response);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(out.prefix) && Json::accept(line.substr(out.prefix.size()))) {
      out.lines.push_back(line.substr(out.prefix.size()));
    }
  }
  return out;
}

void check_answers(const Dialect& dialect,
                   const test::DialectRecording& recording,
                   Random& random) {
  if (!recording.stream) {
    const std::string body = mutated(Json::parse(recording.response), random);
    std::optional<UpstreamFault> fault;
    const auto answer = dialect.decode_response(body, {}, fault);
    if (answer) {
      check_reply(dialect, *answer);
    }
    return;
  }
  const Parted parts = parted(dialect, recording.response);
  std::string stream;
  for (const std::string& line : parts.lines) {
    if (stream.size() > 20'000) {
      break;
    }
    const std::string said = random() % 4 == 0 ? mutated(Json::parse(line), random) : line;
    stream += parts.prefix + said + parts.suffix;
  }
  check_reply(dialect, test::told(dialect, stream, test::random_sizes(random())).answer);
}

TEST(Mutations, CodecsComeBack) {
  Random random(20'261'128);
  std::size_t looked = 0;
  for (const auto& [kind, name] :
       std::vector<std::pair<const char*, const char*>>{{"ollama-chat", "ollama_chat"},
                                                        {"ollama-generate", "ollama_generate"},
                                                        {"cohere-v2-chat", "cohere_chat"}}) {
    const Dialect& dialect = *find_dialect(name);
    for (const auto& recording : test::recordings_of(kind)) {
      ++looked;
      for (int times = 0; times < 40; ++times) {
        check_answers(dialect, recording, random);
        if (recording.request.is_object()) {
          check_request(dialect, mutated(recording.request, random));
        }
      }
    }
  }
  if (looked == 0) {
    GTEST_SKIP() << "no fixtures";
  }
}

TEST(Mutations, VectorsAndScoresComeBack) {
  Random random(20'261'129);
  const Json embedding = Json::parse(
      R"({"model":"m","input":["a",{"content":[{"type":"text","text":"b"}]}],"dimensions":3})");
  const Json rerank = Json::parse(R"({"query":"q","documents":["a",{"text":"b"}],"top_n":1})");
  const std::vector<Json> bodies{
      Json::parse(R"({"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":"AACAPw=="}],
                      "usage":{"prompt_tokens":1}})"),
      Json::parse(R"({"embeddings":{"float":[[1],[2]]},"meta":{"billed_units":{}}})"),
      Json::parse(R"({"embeddings":[{"values":[1]},{"values":[2]}]})")};
  const Json scores = Json::parse(
      R"({"results":[{"index":1,"relevance_score":1},{"index":0,"relevance_score":0.5}],
          "meta":{"billed_units":{"search_units":1}}})");
  for (int times = 0; times < 2'000; ++times) {
    const auto request = decode_openai_embedding(mutated(embedding, random));
    for (const EmbeddingDialect& dialect : embedding_dialects()) {
      const auto sent = request ? dialect.encode_request(*request, "m") : request.error();
      EXPECT_TRUE(!sent || Json::accept(sent->body));
    }
    std::optional<UpstreamFault> fault;
    const auto answer = embedding_dialects()[0].decode_response(
        mutated(bodies[random() % bodies.size()], random), 2, fault);
    if (answer && !fault) {
      std::string out;
      encode_openai_embedding(*answer,
                              random() % 2 == 0 ? VectorEncoding::Float : VectorEncoding::Base64,
                              some_context(), {}, out);
      EXPECT_TRUE(Json::accept(out)) << out;
    }
    const auto question = decode_rerank(mutated(rerank, random));
    if (question) {
      const auto ranked = decode_rerank_response(mutated(scores, random), *question, fault);
      std::string out;
      encode_rerank(ranked ? *ranked : RerankAnswer{}, *question, some_context(), {}, out);
      EXPECT_TRUE(Json::accept(out)) << out;
    }
  }
}

}  // namespace
}  // namespace waybill::dialects
