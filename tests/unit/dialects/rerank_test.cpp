// Reranking: requests both ways, answers both ways.

#include "waybill/dialects/rerank.hpp"

#include <string>

#include <gtest/gtest.h>

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;

RerankRequest some_rerank() {
  RerankRequest request;
  request.model = "m";
  request.query = "q";
  request.documents = {{.text = "a"}, {.text = "b"}, {.text = "c"}};
  return request;
}

TEST(RerankDecode, ReadsEveryMember) {
  const auto found = decode_rerank(R"({"model":"m","query":"q","top_n":2,"return_documents":false,
    "max_tokens_per_doc":9,"rank_fields":["x"],"models":["n"],
    "documents":["a",{"text":"b","title":"t"},{"image":"https://example.com/i.png"}]})");
  ASSERT_TRUE(found) << found.error().detail();
  EXPECT_EQ(found->documents,
            (std::vector<RerankDocument>{
                {.text = "a"}, {.text = "b"}, {.image = "https://example.com/i.png"}}));
  EXPECT_EQ(found->top_n, 2U);
  EXPECT_EQ(found->return_documents, false);
  EXPECT_EQ(found->max_tokens_per_document, 9U);
  EXPECT_EQ(found->models, std::vector<std::string>{"n"});
  EXPECT_EQ(found->unknown, (std::vector<std::string>{"rank_fields", "documents[1].title"}));
}

TEST(RerankDecode, SaysWhatIsWrongAndWhere) {
  struct Case {
    const char* body;
    const char* says;
  };
  for (const Case& each : std::vector<Case>{
           {"[]", "must be a JSON object"},
           {R"({"documents":["a"]})", "\"query\" is missing"},
           {R"({"query":"q"})", "\"documents\" is missing"},
           {R"({"query":"q","documents":[]})", "\"documents\" must be a list of at least one"},
           {R"({"query":"q","documents":[1]})", "\"documents[0]\" must be a text"},
           {R"({"query":"q","documents":[{}]})", "\"documents[0].text\" is missing"},
           {R"({"query":"q","documents":[{"image":"file:///x"}]})",
            "\"documents[0].image\" must be"},
           {R"({"query":"q","documents":["a"],"top_n":0})", "\"top_n\" must be"},
           {R"({"query":["q"],"documents":["a"]})", "\"query\" must be a string"}}) {
    const auto found = decode_rerank(each.body);
    ASSERT_FALSE(found) << each.body;
    EXPECT_NE(found.error().detail().find(each.says), std::string::npos) << found.error().detail();
  }
}

TEST(RerankEncode, AsksEachProviderInItsWords) {
  RerankRequest request = some_rerank();
  request.top_n = 9;
  request.max_tokens_per_document = 5;
  request.unknown = {"x"};
  struct Case {
    const char* dialect;
    const char* body;
    std::vector<std::string> dropped;
  };
  for (const Case& each :
       std::vector<Case>{{"cohere_rerank",
                          R"({"model":"up","query":"q","top_n":3,"documents":["a","b","c"],
                "max_tokens_per_doc":5})",
                          {"x"}},
                         {"llamacpp_rerank",
                          R"({"model":"up","query":"q","top_n":3,"documents":["a","b","c"]})",
                          {"x", "max_tokens_per_doc"}},
                         {"jina_rerank",
                          R"({"model":"up","query":"q","top_n":3,"documents":["a","b","c"],
                "return_documents":false})",
                          {"x", "max_tokens_per_doc"}}}) {
    const auto found = find_rerank_dialect(each.dialect)->encode_request(request, "up");
    ASSERT_TRUE(found);
    EXPECT_EQ(Json::parse(found->body), Json::parse(each.body)) << each.dialect;
    EXPECT_EQ(found->losses.dropped(), each.dropped) << each.dialect;
  }
  request.documents.push_back({.image = "https://example.com/i.png"});
  for (const RerankDialect& dialect : rerank_dialects()) {
    EXPECT_EQ(dialect.encode_request(request, "up").has_value(), dialect.takes_images);
  }
}

TEST(RerankAnswer, IsSortedAndCut) {
  RerankRequest request = some_rerank();
  request.top_n = 2;
  for (const char* const body :
       {R"({"results":[{"index":0,"relevance_score":-4.50},{"index":1,"relevance_score":2},
            {"index":2,"relevance_score":0.5}],"usage":{"total_tokens":7}})",
        R"([{"index":0,"score":-4.50},{"index":1,"score":2},{"index":2,"score":0.5}])"}) {
    std::optional<UpstreamFault> fault;
    const auto answer = decode_rerank_response(body, request, fault);
    ASSERT_TRUE(answer && !fault) << body;
    EXPECT_EQ(answer->results, (std::vector<RerankResult>{{1, "2"}, {2, "0.5"}}));
  }
}

TEST(RerankAnswer, NamesOnlyDocumentsThereAre) {
  for (const char* const body :
       {R"({"results":[{"index":3,"relevance_score":1}]})",
        R"({"results":[{"index":-1,"relevance_score":1}]})",
        R"({"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]})",
        R"({"results":[{"index":0,"relevance_score":"1"}]})", R"({"results":[7]})",
        R"({"results":7,"message":"no"})", R"({"error":"no"})", R"({"error":{"message":"no"}})"}) {
    std::optional<UpstreamFault> fault;
    const auto answer = decode_rerank_response(body, some_rerank(), fault);
    ASSERT_TRUE(answer) << body;
    EXPECT_TRUE(fault && !fault->message.empty()) << body;
    EXPECT_TRUE(answer->results.empty()) << body;
  }
  std::optional<UpstreamFault> fault;
  EXPECT_EQ(decode_rerank_response("x", some_rerank(), fault).error().code(),
            "upstream_invalid_json");
  EXPECT_EQ(decode_rerank_response("7", some_rerank(), fault).error().code(),
            "upstream_not_an_object");
}

TEST(RerankReply, RepeatsTheDocuments) {
  RerankRequest request = some_rerank();
  RerankAnswer answer;
  answer.results = {{2, "0.50"}, {0, "-1"}};
  answer.search_units = 1;
  ReplyBill bill;
  bill.charge.total = Money::picodollars(1'000'000'000);
  const ReplyContext context{.id = "gen-1", .model = "a/b", .provider = "P"};
  std::string out;
  encode_rerank(answer, request, context, bill, out);
  Json reply = Json::parse(out);
  EXPECT_EQ(reply.at("results"),
            Json::parse(R"([{"index":2,"relevance_score":0.5,"document":{"text":"c"}},
                            {"index":0,"relevance_score":-1,"document":{"text":"a"}}])"));
  EXPECT_EQ(reply.at("usage").at("search_units"), 1);
  EXPECT_EQ(reply.at("usage").at("cost"), 0.001);
  EXPECT_NE(out.find("0.50"), std::string::npos);  // as its provider wrote it
  request.return_documents = false;
  out.clear();
  encode_rerank(answer, request, context, bill, out);
  EXPECT_FALSE(Json::parse(out).at("results")[0].contains("document"));
}

TEST(RerankRecordings, BothWaysSayWhatWasRecorded) {
  std::size_t looked = 0;
  for (const auto& [kind, dialect] : std::vector<std::pair<const char*, const char*>>{
           {"cohere-rerank", "cohere_rerank"}, {"rerank", "llamacpp_rerank"}}) {
    for (const auto& recording : test::recordings_of(kind)) {
      ++looked;
      const auto request = decode_rerank(recording.request.dump());
      ASSERT_TRUE(request) << recording.id;
      const auto sent = find_rerank_dialect(dialect)->encode_request(*request, request->model);
      ASSERT_TRUE(sent);
      EXPECT_EQ(Json::parse(sent->body), recording.request) << recording.id;
      std::optional<UpstreamFault> fault;
      const auto answer = decode_rerank_response(recording.response, *request, fault);
      ASSERT_TRUE(answer && !fault) << recording.id;
      const Json body = Json::parse(recording.response);
      ASSERT_EQ(answer->results.size(), body.at("results").size());
      for (std::size_t i = 0; i < answer->results.size(); ++i) {
        EXPECT_EQ(body["results"][i]["index"].get<std::size_t>(), answer->results[i].index);
        EXPECT_EQ(body["results"][i]["relevance_score"],
                  Json::parse(answer->results[i].score_json));
      }
      EXPECT_TRUE(answer->search_units || answer->usage) << recording.id;
    }
  }
  if (looked == 0) {
    GTEST_SKIP() << "no fixtures";
  }
}

}  // namespace
}  // namespace waybill::dialects
