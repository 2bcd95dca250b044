// The providers' formats.

#include <algorithm>
#include <array>

#include "vectors.hpp"

namespace waybill::dialects {
namespace {

// The limits are those of the pages named in embedding.hpp; where a provider names none, a
// request's own limit (BodyReader) is the only one.
constexpr std::size_t kAnyNumber = 10'000;
constexpr std::array<EmbeddingDialect, 7> kEmbeddingDialects{{
    {"openai_embeddings", 2'048, false, embedding::encode_openai, embedding::decode_response},
    {"mistral_embeddings", kAnyNumber, false, embedding::encode_mistral,
     embedding::decode_response},
    {"cohere_embed", 96, true, embedding::encode_cohere, embedding::decode_response},
    {"gemini_embed", 100, true, embedding::encode_gemini, embedding::decode_response},
    {"ollama_embed", kAnyNumber, false, embedding::encode_ollama, embedding::decode_response},
    {"bedrock_titan_embed", 1, true, embedding::encode_titan, embedding::decode_response},
    {"bedrock_cohere_embed", 96, true, embedding::encode_bedrock_cohere,
     embedding::decode_response},
}};

}  // namespace

std::span<const EmbeddingDialect> embedding_dialects() noexcept {
  return kEmbeddingDialects;
}

const EmbeddingDialect* find_embedding_dialect(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kEmbeddingDialects, name, &EmbeddingDialect::name);
  return found == kEmbeddingDialects.end() ? nullptr : found;
}

}  // namespace waybill::dialects
