// What providers answer, and what clients are answered.

#include <algorithm>
#include <utility>

#include "waybill/base/json_writer.hpp"
#include "waybill/base/text.hpp"
#include "waybill/dialects/rerank.hpp"

#include "../charge_write.hpp"
#include "../count_reader.hpp"
#include "../json_tree.hpp"

namespace waybill::dialects {
namespace {

struct Scored {
  RerankResult result;
  double score = 0;
};

// False: a result is of no document, or the second of one.
bool read_results(const JsonRef& list, std::size_t documents, std::vector<Scored>& out) {
  std::vector<bool> seen(documents);
  for (const JsonRef each : list) {
    const std::uint64_t index = each["index"].count().value_or(documents);
    // Text Embeddings Inference calls it `score`.
    const JsonRef score = each["relevance_score"].given() ? each["relevance_score"] : each["score"];
    const auto value = score.number();
    if (index >= documents || seen[index] || !value) {
      return false;
    }
    seen[index] = true;
    out.push_back({{index, std::string(score.raw())}, *value});
  }
  return true;
}

void read_rerank_counts(const JsonRef& root, RerankAnswer& answer) {
  CountReader counts;
  Usage usage;
  const JsonRef told = root["usage"];
  const JsonRef meta = root["meta"];
  counts.read(meta["tokens"]["input_tokens"], usage.prompt);
  counts.read(told["prompt_tokens"].given() ? told["prompt_tokens"] : told["total_tokens"],
              usage.prompt);
  answer.usage_fault = counts.fault();
  if (counts.known()) {
    answer.usage = usage;
  }
  const JsonRef units = meta["billed_units"]["search_units"].given()
                            ? meta["billed_units"]["search_units"]
                            : told["search_units"];
  const auto count = units.count();
  if (count && *count <= kLargestCount) {
    answer.search_units = count;
  }
}

UpstreamFault rerank_fault(const JsonRef& root) {
  UpstreamFault fault;
  const JsonRef error = root["error"];
  const JsonRef message = error.is_object()             ? error["message"]
                          : error.is_string()           ? error
                          : root["message"].is_string() ? root["message"]
                                                        : root["detail"];
  fault.message = printable(message.text(), UpstreamFault::kMaxBytes - 3);
  fault.type = printable(error["type"].text(), 61);
  return fault;
}

}  // namespace

Result<RerankAnswer> decode_rerank_response(std::string_view body,
                                            const RerankRequest& request,
                                            std::optional<UpstreamFault>& fault) {
  JsonTree tree;
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's answer is not valid JSON.");
  }
  const JsonRef root = tree.root();
  // Text Embeddings Inference answers with the list itself.
  const JsonRef list = root.is_array() ? root : root["results"];
  if (!root.is_object() && !root.is_array()) {
    return Error(ErrorKind::UpstreamFailed, "upstream_not_an_object",
                 "The provider's answer is not a JSON object.");
  }
  RerankAnswer answer;
  std::vector<Scored> found;
  if (root["error"].given() || !list.is_array()) {
    fault = rerank_fault(root);
    return answer;
  }
  if (!read_results(list, request.documents.size(), found)) {
    fault.emplace();
    fault->message = "The provider's answer scores a document that is none, or one twice.";
    return answer;
  }
  // Older servers of llama.cpp give all, in the order of the documents.
  std::ranges::sort(found, [](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : a.result.index < b.result.index;
  });
  if (request.top_n && found.size() > *request.top_n) {
    found.resize(*request.top_n);
  }
  answer.id = root["id"].text();
  answer.model = root["model"].text();
  for (Scored& each : found) {
    answer.results.push_back(std::move(each.result));
  }
  read_rerank_counts(root, answer);
  return answer;
}

void encode_rerank(const RerankAnswer& answer,
                   const RerankRequest& request,
                   const ReplyContext& context,
                   const ReplyBill& bill,
                   std::string& out) {
  JsonWriter json(std::move(out));
  json.begin_object();
  json.text("id", context.id);
  json.text("model", context.model);
  json.text("provider", context.provider);
  json.begin_array("results");
  for (const RerankResult& result : answer.results) {
    json.begin_object();
    json.number("index", result.index);
    json.raw("relevance_score", result.score_json);
    if (request.return_documents.value_or(true) && result.index < request.documents.size()) {
      const RerankDocument& document = request.documents[result.index];
      json.begin_object("document");
      if (document.image.empty() || !document.text.empty()) {
        json.text("text", document.text);
      }
      json.text_if_any("image", document.image);
      json.end_object();
    }
    json.end_object();
  }
  json.end_array();
  json.begin_object("usage");
  if (answer.search_units) {
    json.number("search_units", *answer.search_units);
  }
  json.number("total_tokens", bill.usage.prompt);
  write_charge(json, bill.charge);
  json.end_object();
  json.end_object();
  out = json.take();
}

}  // namespace waybill::dialects
