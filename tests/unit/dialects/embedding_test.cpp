// Embeddings: clients' requests, providers' requests and answers, vectors in both forms.

#include "waybill/dialects/embedding.hpp"

#include <string>

#include <gtest/gtest.h>

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;

constexpr ReplyContext kEmbeddingReply{.id = "gen-1", .model = "a/b", .provider = "P"};

ReplyBill embedding_bill() {
  ReplyBill bill;
  bill.usage.prompt = 4;
  bill.charge.total = Money::picodollars(123'456);
  return bill;
}

EmbeddingRequest texts(std::vector<std::string> all) {
  EmbeddingRequest request;
  for (std::string& text : all) {
    request.inputs.push_back({.text = std::move(text)});
  }
  return request;
}

Json asked(std::string_view dialect,
           const EmbeddingRequest& request,
           std::vector<std::string>* dropped = nullptr) {
  const auto found = find_embedding_dialect(dialect)->encode_request(request, "up");
  EXPECT_TRUE(found) << dialect;
  if (found && dropped != nullptr) {
    *dropped = found->losses.dropped();
  }
  return found ? Json::parse(found->body) : Json();
}

TEST(EmbeddingDecode, TakesEveryFormOfInput) {
  struct Case {
    const char* input;
    std::vector<EmbeddingInput> inputs;
  };
  for (const Case& each : std::vector<Case>{
           {R"("a")", {{.text = "a"}}},
           {R"(["a","b"])", {{.text = "a"}, {.text = "b"}}},
           {"[1,2]", {{.tokens_json = "[1,2]"}}},
           {"[[1,2],[3]]", {{.tokens_json = "[1,2]"}, {.tokens_json = "[3]"}}},
           {R"([{"content":[{"type":"text","text":"a"},
               {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}])",
            {{.text = "a", .images = {{.media_type = "image/png", .data = "AA=="}}}}}}) {
    const auto found = decode_openai_embedding(std::string(R"({"model":"m","input":)") +
                                               each.input + R"(,"encoding_format":"base64",
        "dimensions":5,"user":"u","input_type":"query","x":1})");
    ASSERT_TRUE(found) << each.input << found.error().detail();
    EXPECT_EQ(found->inputs, each.inputs) << each.input;
    EXPECT_EQ(found->encoding, VectorEncoding::Base64);
    EXPECT_EQ(found->dimensions, 5U);
    EXPECT_EQ(found->user, "u");
    EXPECT_EQ(found->input_type, "query");
    EXPECT_EQ(found->unknown, std::vector<std::string>{"x"});
  }
}

TEST(EmbeddingDecode, SaysWhatIsWrongAndWhere) {
  struct Case {
    const char* body;
    const char* says;
  };
  for (const Case& each : std::vector<Case>{
           {"{", "not valid JSON"},
           {R"({"model":"m"})", "\"input\" is missing"},
           {R"({"input":[]})", "\"input\" must be a list of at least one text"},
           {R"({"input":7})", "\"input\" must be a text"},
           {R"({"input":["a",null]})", "\"input[1]\" must be a text"},
           {R"({"input":[1,"a"]})", "\"input[1]\" must be a token"},
           {R"({"input":[[1,-2]]})", "\"input[0][1]\" must be a token"},
           {R"({"input":[[]]})", "\"input[0]\" must be a list of at least one token"},
           {R"({"input":[{"text":"a"}]})", "\"input[0].content\" is missing"},
           {R"({"input":[{"content":[{"type":"audio"}]}]})",
            "\"input[0].content[0].type\" must be"},
           {R"({"input":"a","dimensions":0})", "\"dimensions\" must be"},
           {R"({"input":"a","encoding_format":"int8"})", "\"encoding_format\" must be one of"}}) {
    const auto found = decode_openai_embedding(each.body);
    ASSERT_FALSE(found) << each.body;
    EXPECT_NE(found.error().detail().find(each.says), std::string::npos)
        << each.body << found.error().detail();
  }
}

TEST(EmbeddingDecode, ReadsOllamas) {
  const auto found = decode_ollama_embed(
      R"({"model":"m","input":["a"],"truncate":true,"options":{"num_ctx":1},"keep_alive":"1m",
          "dimensions":8})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->dimensions, 8U);
  EXPECT_EQ(found->unknown,
            (std::vector<std::string>{"truncate", "options.num_ctx", "keep_alive"}));
}

TEST(EmbeddingEncode, AsksEachProviderInItsWords) {
  EmbeddingRequest request = texts({"a", "b"});
  request.dimensions = 8;
  request.input_type = "query";
  request.user = "u";
  request.encoding = VectorEncoding::Base64;
  request.unknown = {"x"};
  struct Case {
    const char* dialect;
    const char* body;
    std::vector<std::string> dropped;
  };
  for (const Case& each : std::vector<Case>{
           {"openai_embeddings",
            R"({"model":"up","input":["a","b"],"encoding_format":"base64","dimensions":8,
                "user":"u"})",
            {"x", "input_type"}},
           {"mistral_embeddings",
            R"({"model":"up","input":["a","b"],"output_dimension":8})",
            {"x", "user", "input_type"}},
           {"cohere_embed",
            R"({"model":"up","input_type":"search_query","embedding_types":["float"],
                "texts":["a","b"],"output_dimension":8})",
            {"x", "user"}},
           {"bedrock_cohere_embed",
            R"({"input_type":"search_query","embedding_types":["float"],"texts":["a","b"],
                "output_dimension":8})",
            {"x", "user"}},
           {"gemini_embed",
            R"({"requests":[
                {"model":"models/up","content":{"parts":[{"text":"a"}]},
                 "taskType":"RETRIEVAL_QUERY","outputDimensionality":8},
                {"model":"models/up","content":{"parts":[{"text":"b"}]},
                 "taskType":"RETRIEVAL_QUERY","outputDimensionality":8}]})",
            {"x", "user"}},
           {"ollama_embed",
            R"({"model":"up","input":["a","b"],"dimensions":8})",
            {"x", "user", "input_type"}}}) {
    std::vector<std::string> dropped;
    EXPECT_EQ(asked(each.dialect, request, &dropped), Json::parse(each.body)) << each.dialect;
    EXPECT_EQ(dropped, each.dropped) << each.dialect;
  }
  request.inputs.pop_back();
  EXPECT_EQ(asked("bedrock_titan_embed", request),
            Json::parse(R"({"inputText":"a","dimensions":8})"));
}

TEST(EmbeddingEncode, RefusesWhatCannotBeSaid) {
  EmbeddingRequest tokens;
  tokens.inputs.push_back({.tokens_json = "[1]"});
  EmbeddingRequest mixed = tokens;
  mixed.inputs.push_back({.text = "a"});
  EmbeddingRequest image;
  image.inputs.push_back({.images = {{.media_type = "image/png", .data = "AA=="}}});
  EmbeddingRequest linked;
  linked.inputs.push_back(
      {.images = {{.source = MediaPart::Source::Url, .data = "https://h/i.png"}}});
  for (const EmbeddingDialect& dialect : embedding_dialects()) {
    const bool openai = dialect.name == "openai_embeddings";
    EXPECT_EQ(dialect.encode_request(tokens, "m").has_value(), openai) << dialect.name;
    EXPECT_FALSE(dialect.encode_request(mixed, "m")) << dialect.name;
    EXPECT_EQ(dialect.encode_request(image, "m").has_value(), dialect.takes_images);
    const bool by_url = dialect.name.find("cohere") != std::string_view::npos;
    EXPECT_EQ(dialect.encode_request(linked, "m").has_value(), by_url) << dialect.name;
    EXPECT_FALSE(dialect.encode_request({}, "m")) << dialect.name;
    EmbeddingRequest many;
    many.inputs.resize(dialect.most_inputs + 1, {.text = "a"});
    EXPECT_FALSE(dialect.encode_request(many, "m")) << dialect.name;
    many.inputs.pop_back();
    EXPECT_TRUE(dialect.encode_request(many, "m")) << dialect.name;
  }
}

TEST(EmbeddingEncode, SendsImages) {
  EmbeddingRequest request;
  request.inputs.push_back({.text = "a", .images = {{.media_type = "image/png", .data = "AA=="}}});
  EXPECT_EQ(asked("cohere_embed", request).at("inputs"),
            Json::parse(R"([{"content":[{"type":"text","text":"a"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}])"));
  EXPECT_EQ(asked("gemini_embed", request)["requests"][0]["content"]["parts"],
            Json::parse(R"([{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AA=="}}])"));
  request.dimensions = 256;
  EXPECT_EQ(asked("bedrock_titan_embed", request),
            Json::parse(R"({"inputText":"a","inputImage":"AA==",
                            "embeddingConfig":{"outputEmbeddingLength":256}})"));
}

TEST(EmbeddingVectors, TurnIntoEachOther) {
  // 1, -2.5 and 0.1 as little-endian float32.
  const std::string base64 = "AACAPwAAIMDNzMw9";
  EXPECT_EQ(vector_as({VectorEncoding::Float, "[1, -2.5, 0.1]"}, VectorEncoding::Base64), base64);
  EXPECT_EQ(vector_as({VectorEncoding::Base64, base64}, VectorEncoding::Float), "[1,-2.5,0.1]");
  EXPECT_EQ(vector_as({VectorEncoding::Float, "[1.50]"}, VectorEncoding::Float), "[1.50]");
  // Infinity has no JSON; what is larger than any float32 stays finite.
  EXPECT_EQ(vector_as({VectorEncoding::Base64, "AACAfw=="}, VectorEncoding::Float), "[0]");
  EXPECT_EQ(vector_as({VectorEncoding::Float, "[1e300]"}, VectorEncoding::Base64), "//9/fw==");
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    Json list = Json::array();
    for (unsigned n = 1 + random() % 9; n > 0; --n) {
      list.push_back(std::ldexp(static_cast<float>(random()), -static_cast<int>(random() % 60)));
    }
    const EmbeddingVector there{
        VectorEncoding::Base64,
        vector_as({VectorEncoding::Float, list.dump()}, VectorEncoding::Base64)};
    const Json back = Json::parse(vector_as(there, VectorEncoding::Float));
    ASSERT_EQ(back.size(), list.size());
    for (std::size_t k = 0; k < list.size(); ++k) {
      EXPECT_EQ(back[k].get<float>(), list[k].get<float>());
    }
  }
}

TEST(EmbeddingAnswer, ReadsEveryProvider) {
  struct Case {
    const char* dialect;
    const char* body;
    std::size_t inputs;
    Json vectors;
    std::optional<std::uint64_t> prompt;
  };
  for (const Case& each : std::vector<Case>{
           {"openai_embeddings",
            R"({"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}],
                "usage":{"prompt_tokens":3,"total_tokens":3}})",
            2,
            {{1}, {2}},
            3},
           {"mistral_embeddings",
            R"({"data":[{"embedding":[1]},{"embedding":[2]}]})",
            2,
            {{1}, {2}},
            std::nullopt},
           {"cohere_embed",
            R"({"embeddings":{"float":[[1],[2]]},
                "meta":{"billed_units":{"input_tokens":3,"image_tokens":4}}})",
            2,
            {{1}, {2}},
            7},
           {"bedrock_cohere_embed", R"({"embeddings":[[1]],"response_type":"embeddings_floats"})",
            1, Json::parse("[[1]]"), std::nullopt},
           {"gemini_embed",
            R"({"embeddings":[{"values":[1]},{"values":[2]}],
                "usageMetadata":{"promptTokenCount":4}})",
            2,
            {{1}, {2}},
            4},
           {"ollama_embed", R"({"embeddings":[[1,2]],"prompt_eval_count":4})", 1,
            Json::parse("[[1,2]]"), 4},
           {"bedrock_titan_embed", R"({"embedding":[1,2],"inputTextTokenCount":5})", 1,
            Json::parse("[[1,2]]"), 5},
           {"bedrock_titan_embed", R"({"embeddingsByType":{"float":[1,2]}})", 1,
            Json::parse("[[1,2]]"), std::nullopt}}) {
    std::optional<UpstreamFault> fault;
    const auto answer =
        find_embedding_dialect(each.dialect)->decode_response(each.body, each.inputs, fault);
    ASSERT_TRUE(answer && !fault) << each.dialect;
    Json vectors = Json::array();
    for (const EmbeddingVector& vector : answer->vectors) {
      vectors.push_back(Json::parse(vector.value));
    }
    EXPECT_EQ(vectors, each.vectors) << each.body;
    EXPECT_EQ(answer->usage.has_value(), each.prompt.has_value()) << each.body;
    EXPECT_EQ(answer->usage.value_or(Usage{}).prompt, each.prompt.value_or(0)) << each.body;
  }
}

TEST(EmbeddingAnswer, NoVectorStandsForAnotherInput) {
  const EmbeddingDialect& openai = *find_embedding_dialect("openai_embeddings");
  for (const char* const body :
       {R"({"data":[{"index":0,"embedding":[1]}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":["x"]}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":"AAA"}]})",
        R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[]}]})", R"({"data":[1,2]})",
        R"({"embeddings":{"float":7}})", R"({})", R"({"error":{"message":"no"}})",
        R"({"message":"no"})"}) {
    std::optional<UpstreamFault> fault;
    const auto answer = openai.decode_response(body, 2, fault);
    ASSERT_TRUE(answer) << body;
    EXPECT_TRUE(fault && !fault->message.empty()) << body;
    EXPECT_TRUE(answer->vectors.empty()) << body;
  }
  std::optional<UpstreamFault> fault;
  EXPECT_EQ(openai.decode_response("x", 1, fault).error().code(), "upstream_invalid_json");
  EXPECT_EQ(openai.decode_response("[]", 1, fault).error().code(), "upstream_not_an_object");
}

TEST(EmbeddingReply, HasWhatClientsDemand) {
  EmbeddingAnswer answer;
  answer.vectors = {{VectorEncoding::Float, "[1, -2.5]"}, {VectorEncoding::Base64, "AACAPw=="}};
  std::string out;
  encode_openai_embedding(answer, VectorEncoding::Float, kEmbeddingReply, embedding_bill(), out);
  Json reply = Json::parse(out);
  EXPECT_EQ(reply.at("data"), Json::parse(R"([{"object":"embedding","index":0,"embedding":[1,-2.5]},
                            {"object":"embedding","index":1,"embedding":[1]}])"));
  EXPECT_EQ(reply.at("object"), "list");
  EXPECT_EQ(reply.at("usage").at("prompt_tokens"), 4);
  EXPECT_EQ(reply.at("usage").at("cost").dump(), "1.23456e-07");
  out.clear();
  encode_openai_embedding(answer, VectorEncoding::Base64, kEmbeddingReply, embedding_bill(), out);
  EXPECT_EQ(Json::parse(out).at("data")[0].at("embedding"), "AACAPwAAIMA=");
  out.clear();
  encode_ollama_embed(answer, kEmbeddingReply, embedding_bill(), out);
  reply = Json::parse(out);
  EXPECT_EQ(reply.at("embeddings"), Json::parse("[[1,-2.5],[1]]"));
  EXPECT_EQ(reply.at("prompt_eval_count"), 4);
}

TEST(EmbeddingRecordings, AnswersSayWhatWasRecorded) {
  std::size_t looked = 0;
  for (const auto& [kind, dialect] :
       std::vector<std::pair<const char*, const char*>>{{"openai-embeddings", "openai_embeddings"},
                                                        {"cohere-embed", "cohere_embed"},
                                                        {"google-embed", "gemini_embed"},
                                                        {"ollama-embed", "ollama_embed"}}) {
    for (const auto& recording : test::recordings_of(kind)) {
      ++looked;
      const Json body = Json::parse(recording.response);
      std::optional<UpstreamFault> fault;
      const auto answer =
          find_embedding_dialect(dialect)->decode_response(recording.response, 1, fault);
      ASSERT_TRUE(answer) << recording.id;
      if (recording.status != 200) {
        ASSERT_TRUE(fault) << recording.id;
        EXPECT_EQ(body.at("error").at("message"), fault->message);
        continue;
      }
      ASSERT_FALSE(fault) << recording.id;
      ASSERT_EQ(answer->vectors.size(), 1U);
      const Json vector = body.contains("data")               ? body["data"][0]["embedding"]
                          : body["embeddings"].is_object()    ? body["embeddings"]["float"][0]
                          : body["embeddings"][0].is_object() ? body["embeddings"][0]["values"]
                                                              : body["embeddings"][0];
      const EmbeddingVector& found = answer->vectors[0];
      EXPECT_EQ(
          found.encoding == VectorEncoding::Base64 ? Json(found.value) : Json::parse(found.value),
          vector)
          << recording.id;
      // Both forms hold the same: all that a float32 can.
      const std::string base64 = vector_as(found, VectorEncoding::Base64);
      const std::string list = vector_as(found, VectorEncoding::Float);
      EXPECT_EQ(vector_as({VectorEncoding::Float, list}, VectorEncoding::Base64), base64);
      ASSERT_TRUE(answer->usage);
      EXPECT_GT(answer->usage->prompt, 0U);
    }
  }
  if (looked == 0) {
    GTEST_SKIP() << "no fixtures";
  }
}

TEST(EmbeddingRecordings, RequestsAreRead) {
  for (const auto& recording : test::recordings_of("openai-embeddings")) {
    EXPECT_TRUE(decode_openai_embedding(recording.request.dump())) << recording.id;
  }
  for (const auto& recording : test::recordings_of("ollama-embed")) {
    EXPECT_TRUE(decode_ollama_embed(recording.request.dump())) << recording.id;
  }
  // What was asked of Cohere and Gemini is what we would ask.
  for (const auto& recording : test::recordings_of("cohere-embed")) {
    EXPECT_EQ(Json::parse(find_embedding_dialect("cohere_embed")
                              ->encode_request(texts(recording.request.at("texts")), "embed-v4.0")
                              ->body),
              recording.request);
  }
}

}  // namespace
}  // namespace waybill::dialects
