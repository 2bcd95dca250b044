// Vectors in their two forms.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/embedding.hpp"

namespace waybill::dialects::embedding {

// RFC 4648 §4, its padding optional; nothing for what is not.
[[nodiscard]] std::optional<std::string> bytes_of_base64(std::string_view text);
[[nodiscard]] std::string base64_of_list(std::string_view list);
[[nodiscard]] std::string list_of_base64(std::string_view base64);

// One for each row of the table in dialects.cpp.
Result<EncodedRequest> encode_openai(const EmbeddingRequest& request, std::string_view model);
Result<EncodedRequest> encode_mistral(const EmbeddingRequest& request, std::string_view model);
Result<EncodedRequest> encode_cohere(const EmbeddingRequest& request, std::string_view model);
Result<EncodedRequest> encode_gemini(const EmbeddingRequest& request, std::string_view model);
Result<EncodedRequest> encode_ollama(const EmbeddingRequest& request, std::string_view model);
Result<EncodedRequest> encode_titan(const EmbeddingRequest& request, std::string_view model);
Result<EncodedRequest> encode_bedrock_cohere(const EmbeddingRequest& request,
                                             std::string_view model);

// Reads every provider's shape: they are told apart by their members.
Result<EmbeddingAnswer> decode_response(std::string_view body,
                                        std::size_t inputs,
                                        std::optional<UpstreamFault>& fault);

}  // namespace waybill::dialects::embedding
