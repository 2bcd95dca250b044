// Embeddings: what clients ask, what providers are asked, and the vectors on their way back.
//
//   OpenAI       https://platform.openai.com/docs/api-reference/embeddings
//   OpenRouter   the same, with `input_type` and inputs of parts
//   Mistral      https://docs.mistral.ai/api/endpoint/embeddings
//   Cohere       https://docs.cohere.com/reference/embed
//   Gemini       https://ai.google.dev/api/embeddings (batchEmbedContents)
//   Ollama       https://docs.ollama.com/api/embed
//   Bedrock      "Amazon Titan Embeddings", "Cohere Embed" in its user guide

#pragma once

#include <cstddef>
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

enum class VectorEncoding : std::uint8_t {
  Float,   // a list of numbers
  Base64,  // of little-endian float32, one after the other
};

// What becomes one vector.
struct EmbeddingInput {
  std::string text{};
  std::vector<MediaPart> images{};
  std::string tokens_json{};  // a list of token ids instead of a text; "" for none
  friend bool operator==(const EmbeddingInput&, const EmbeddingInput&) = default;
};

struct EmbeddingRequest {
  std::string model{};
  std::vector<EmbeddingInput> inputs{};  // at least one
  std::optional<std::uint64_t> dimensions{};
  VectorEncoding encoding = VectorEncoding::Float;
  std::string user{};
  std::string input_type{};  // "search_query", "search_document", ...; "" unset

  std::vector<std::string> models{};
  std::string session_id{};
  std::vector<std::string> unknown{};  // as in Conversation

  friend bool operator==(const EmbeddingRequest&, const EmbeddingRequest&) = default;
};

// One vector, as its provider wrote it: digits are not read unless the client asks for the
// other form.
struct EmbeddingVector {
  VectorEncoding encoding = VectorEncoding::Float;
  std::string value{};  // a JSON list of numbers, or base64
  friend bool operator==(const EmbeddingVector&, const EmbeddingVector&) = default;
};

struct EmbeddingAnswer {
  std::string id{};                        // the provider's
  std::string model{};                     // the provider's
  std::vector<EmbeddingVector> vectors{};  // in the order of the inputs
  std::optional<Usage> usage{};            // `prompt` only
  UsageFault usage_fault = UsageFault::Missing;
};

// `vector` in the form of `encoding`: a JSON list, or base64 without quotes.
[[nodiscard]] std::string vector_as(const EmbeddingVector& vector, VectorEncoding encoding);

// --- towards clients

// POST /v1/embeddings.  Fails as Dialect::decode_request does.
Result<EmbeddingRequest> decode_openai_embedding(std::string_view body);
void encode_openai_embedding(const EmbeddingAnswer& answer,
                             VectorEncoding encoding,
                             const ReplyContext& context,
                             const ReplyBill& bill,
                             std::string& out);
// POST /api/embed.
Result<EmbeddingRequest> decode_ollama_embed(std::string_view body);
void encode_ollama_embed(const EmbeddingAnswer& answer,
                         const ReplyContext& context,
                         const ReplyBill& bill,
                         std::string& out);

// --- towards providers

struct EmbeddingDialect {
  std::string_view name;  // what settings call it
  // Inputs that one request has room for; more must be asked for in several.
  std::size_t most_inputs = 0;
  bool takes_images = false;
  // Fails with InvalidRequest where an input cannot be said.
  Result<EncodedRequest> (*encode_request)(const EmbeddingRequest& request,
                                           std::string_view upstream_model) = nullptr;
  // As Dialect::decode_response.  An answer that has not `inputs` vectors is a fault: no
  // vector may stand for another input than its own.
  Result<EmbeddingAnswer> (*decode_response)(std::string_view body,
                                             std::size_t inputs,
                                             std::optional<UpstreamFault>& fault) = nullptr;
};

// "openai_embeddings", "mistral_embeddings", "cohere_embed", "gemini_embed",
// "ollama_embed", "bedrock_titan_embed", "bedrock_cohere_embed".
[[nodiscard]] std::span<const EmbeddingDialect> embedding_dialects() noexcept;
[[nodiscard]] const EmbeddingDialect* find_embedding_dialect(std::string_view name) noexcept;

}  // namespace waybill::dialects
