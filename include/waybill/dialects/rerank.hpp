// Reranking: which documents answer a query best.
//
//   OpenRouter   POST /rerank (openrouter-api.md §23), Cohere's shape
//   Cohere       https://docs.cohere.com/reference/rerank
//   Jina         https://jina.ai/reranker (also vLLM, Text Embeddings Inference behind proxies)
//   llama.cpp    tools/server/README.md, POST /v1/rerank

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/dialects/codec.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::dialects {

struct RerankDocument {
  std::string text{};
  std::string image{};  // a URL (also data:); "" for none
  friend bool operator==(const RerankDocument&, const RerankDocument&) = default;
};

struct RerankRequest {
  std::string model{};
  std::string query{};
  std::vector<RerankDocument> documents{};  // at least one
  std::optional<std::uint64_t> top_n{};
  std::optional<bool> return_documents{};  // unset: they are
  std::optional<std::uint64_t> max_tokens_per_document{};

  std::vector<std::string> models{};
  std::string session_id{};
  std::vector<std::string> unknown{};  // as in Conversation

  friend bool operator==(const RerankRequest&, const RerankRequest&) = default;
};

struct RerankResult {
  std::size_t index = 0;     // of the document
  std::string score_json{};  // a JSON number, as its provider wrote it
  friend bool operator==(const RerankResult&, const RerankResult&) = default;
};

struct RerankAnswer {
  std::string id{};                     // the provider's
  std::string model{};                  // the provider's
  std::vector<RerankResult> results{};  // best first, at most top_n
  std::optional<Usage> usage{};         // `prompt` only; none where searches are counted instead
  UsageFault usage_fault = UsageFault::Missing;
  std::optional<std::uint64_t> search_units{};
};

// POST /v1/rerank.  Fails as Dialect::decode_request does.
Result<RerankRequest> decode_rerank(std::string_view body);
// Documents are repeated from `request`.
void encode_rerank(const RerankAnswer& answer,
                   const RerankRequest& request,
                   const ReplyContext& context,
                   const ReplyBill& bill,
                   std::string& out);

struct RerankDialect {
  std::string_view name;  // what settings call it
  bool takes_images = false;
  // Fails with InvalidRequest where a document cannot be said.
  Result<EncodedRequest> (*encode_request)(const RerankRequest& request,
                                           std::string_view upstream_model) = nullptr;
};

// As Dialect::decode_response; all rerankers answer in one shape or nearly so.  A result
// that is of no document of `request`, or a second one of a document, is a fault.
Result<RerankAnswer> decode_rerank_response(std::string_view body,
                                            const RerankRequest& request,
                                            std::optional<UpstreamFault>& fault);

// "cohere_rerank", "jina_rerank", "llamacpp_rerank".
[[nodiscard]] std::span<const RerankDialect> rerank_dialects() noexcept;
[[nodiscard]] const RerankDialect* find_rerank_dialect(std::string_view name) noexcept;

}  // namespace waybill::dialects
