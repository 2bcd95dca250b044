// Lists of models, and the few other bodies, that clients of Google's and Ollama's APIs read.
//
// Pure functions of values.  Google: "Models" of the Gemini API reference
// (v1beta/models).  Ollama: docs/api.md of its repository (tags, show, version).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "waybill/catalog/catalog.hpp"

namespace waybill::management {

// GET /v1beta/models; every model in one page.
[[nodiscard]] std::string gemini_models_body(const catalog::Catalog& catalog);
// GET /v1beta/models/{id}.
[[nodiscard]] std::string gemini_model_body(const catalog::Model& model);
// POST /v1beta/models/{id}:countTokens.
[[nodiscard]] std::string gemini_count_body(std::uint64_t tokens);

// GET /api/tags.
[[nodiscard]] std::string ollama_tags_body(const catalog::Catalog& catalog);
// POST /api/show.
[[nodiscard]] std::string ollama_show_body(const catalog::Catalog& catalog,
                                           const catalog::Model& model);
// GET /api/version: clients ask whether it is new enough for what they send.
[[nodiscard]] std::string ollama_version_body();

// POST /v1/messages/count_tokens.
[[nodiscard]] std::string anthropic_count_body(std::uint64_t tokens);

}  // namespace waybill::management
