#include "waybill/gateway/client_api.hpp"

#include <array>

namespace waybill::gateway {
namespace {

using dialects::find_dialect;
using dialects::RequestKind;
using telemetry::Route;

std::array<ClientApi, 8> make_table() {
  const auto* const chat = find_dialect("openai_chat");
  // What this build has no codec for is not routed to; its errors are told as chat's.
  const auto dialect = [chat](std::string_view name) {
    const auto* const found = find_dialect(name);
    return found == nullptr ? chat : found;
  };
  return {{
      {Api::ChatCompletions, RequestKind::Chat, chat, ledger::Endpoint::ChatCompletions,
       Route::ChatCompletions},
      {Api::Completions, RequestKind::Completion, chat, ledger::Endpoint::Completions,
       Route::Completions},
      {Api::Embeddings, RequestKind::Embedding, chat, ledger::Endpoint::Embeddings,
       Route::Embeddings},
      {Api::Messages, RequestKind::Chat, dialect("anthropic_messages"), ledger::Endpoint::Messages,
       Route::Messages},
      {Api::Responses, RequestKind::Chat, dialect("openai_responses"), ledger::Endpoint::Responses,
       Route::Responses},
      {Api::GeminiContent, RequestKind::Chat, dialect("gemini"), ledger::Endpoint::Gemini,
       Route::Gemini},
      {Api::OllamaChat, RequestKind::Chat, dialect("ollama_chat"), ledger::Endpoint::Ollama,
       Route::Ollama},
      {Api::OllamaGenerate, RequestKind::Chat, dialect("ollama_generate"), ledger::Endpoint::Ollama,
       Route::Ollama},
  }};
}

}  // namespace

const ClientApi& client_api(Api api) noexcept {
  static const std::array<ClientApi, 8> kTable = make_table();
  return kTable[static_cast<std::size_t>(api)];
}

}  // namespace waybill::gateway
