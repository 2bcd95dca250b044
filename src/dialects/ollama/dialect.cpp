#include "ollama.hpp"

namespace waybill::dialects {
namespace ollama {
namespace {

constexpr FeatureSet kGenerateExpresses{Feature::Images,
                                        Feature::JsonSchema,
                                        Feature::JsonMode,
                                        Feature::Temperature,
                                        Feature::TopP,
                                        Feature::TopK,
                                        Feature::MinP,
                                        Feature::FrequencyPenalty,
                                        Feature::PresencePenalty,
                                        Feature::RepetitionPenalty,
                                        Feature::Seed,
                                        Feature::Stop,
                                        Feature::Logprobs,
                                        Feature::TopLogprobs,
                                        Feature::Reasoning};

constexpr FeatureSet kChatExpresses = kGenerateExpresses.with(
    {Feature::Tools, Feature::ToolResults, Feature::ToolResultMedia, Feature::ReasoningReplay});

}  // namespace
}  // namespace ollama

const Dialect kOllamaChat{
    .name = "ollama_chat",
    .expresses = ollama::kChatExpresses,
    .framing = Framing::Ndjson,
    .path = "/api/chat",
    .encode_request = ollama::encode_chat,
    .decode_response =
        [](std::string_view body, const UsageQuirks&, std::optional<UpstreamFault>& fault) {
          return ollama::decode_response(ollama::Route::Chat, body, fault);
        },
    .make_reader = [](const UsageQuirks&) { return ollama::make_reader(ollama::Route::Chat); },
    .decode_error = ollama::decode_error,
    .stream_type = "application/x-ndjson",
    .keep_alive = {},
    .decode_request = ollama::decode_chat,
    .encode_response =
        [](const Answer& answer,
           const ReplyContext& context,
           const ReplyBill& bill,
           std::string& out) {
          ollama::encode_response(ollama::Route::Chat, answer, context, bill, out);
        },
    .make_writer =
        [](const ReplyContext& context, std::string& out) {
          return ollama::make_writer(ollama::Route::Chat, context, out);
        },
    .encode_error = ollama::encode_error,
};

const Dialect kOllamaGenerate{
    .name = "ollama_generate",
    .expresses = ollama::kGenerateExpresses,
    .framing = Framing::Ndjson,
    .path = "/api/generate",
    .encode_request = ollama::encode_generate,
    .decode_response =
        [](std::string_view body, const UsageQuirks&, std::optional<UpstreamFault>& fault) {
          return ollama::decode_response(ollama::Route::Generate, body, fault);
        },
    .make_reader = [](const UsageQuirks&) { return ollama::make_reader(ollama::Route::Generate); },
    .decode_error = ollama::decode_error,
    .stream_type = "application/x-ndjson",
    .keep_alive = {},
    .decode_request = ollama::decode_generate,
    .encode_response =
        [](const Answer& answer,
           const ReplyContext& context,
           const ReplyBill& bill,
           std::string& out) {
          ollama::encode_response(ollama::Route::Generate, answer, context, bill, out);
        },
    .make_writer =
        [](const ReplyContext& context, std::string& out) {
          return ollama::make_writer(ollama::Route::Generate, context, out);
        },
    .encode_error = ollama::encode_error,
};

}  // namespace waybill::dialects
