#include "waybill/management/foreign_models.hpp"

#include <algorithm>
#include <chrono>

#include "waybill/base/digest.hpp"
#include "waybill/base/json_writer.hpp"
#include "waybill/base/time.hpp"

namespace waybill::management {
namespace {

// The last version whose API all that is served here belongs to.
constexpr std::string_view kOllamaVersion = "0.12.0";

void write_gemini_model(JsonWriter& json, const catalog::Model& model) {
  json.begin_object();
  json.text("name", "models/" + model.id);
  json.text("baseModelId", model.id);
  json.text("version", "1");
  json.text("displayName", model.name);
  json.text("description", model.description);
  json.number_or_null("inputTokenLimit", model.context_length);
  json.begin_array("supportedGenerationMethods");
  json.text("generateContent");
  json.text("streamGenerateContent");
  json.text("countTokens");
  json.end_array();
  json.end_object();
}

std::string digest_of(const catalog::Model& model) {
  return to_hex(sha256(model.id));
}

std::string modified_at(const catalog::Model& model) {
  return to_rfc3339(WallTime(std::chrono::seconds(std::max<std::int64_t>(model.created, 0))));
}

void write_ollama_details(JsonWriter& json, const catalog::Model& model) {
  const std::string_view family = std::string_view(model.id).substr(0, model.id.find('/'));
  json.begin_object("details");
  json.text("parent_model", "");
  json.text("format", "remote");
  json.text("family", family);
  json.begin_array("families");
  json.text(family);
  json.end_array();
  json.text("parameter_size", "");
  json.text("quantization_level", "");
  json.end_object();
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

std::string gemini_models_body(const catalog::Catalog& catalog) {
  JsonWriter json;
  json.begin_object();
  json.begin_array("models");
  for (const catalog::Model& model : catalog.models()) {
    write_gemini_model(json, model);
  }
  json.end_array();
  json.end_object();
  return json.take();
}

std::string gemini_model_body(const catalog::Model& model) {
  JsonWriter json;
  write_gemini_model(json, model);
  return json.take();
}

std::string gemini_count_body(std::uint64_t tokens) {
  JsonWriter json;
  json.begin_object();
  json.number("totalTokens", tokens);
  json.flag("estimated", true);
  json.end_object();
  return json.take();
}

std::string ollama_tags_body(const catalog::Catalog& catalog) {
  JsonWriter json;
  json.begin_object();
  json.begin_array("models");
  for (const catalog::Model& model : catalog.models()) {
    json.begin_object();
    json.text("name", model.id);
    json.text("model", model.id);
    json.text("modified_at", modified_at(model));
    json.number("size", 0);
    json.text("digest", digest_of(model));
    write_ollama_details(json, model);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

std::string ollama_show_body(const catalog::Catalog& catalog, const catalog::Model& model) {
  const catalog::Endpoint& first = catalog.endpoint(model.endpoints.front());
  JsonWriter json;
  json.begin_object();
  json.text("license", "");
  json.text("modelfile", "");
  json.text("parameters", "");
  json.text("template", "");
  write_ollama_details(json, model);
  json.begin_object("model_info");
  json.text("general.architecture", "remote");
  json.text("general.basename", model.id);
  json.number("remote.context_length", model.context_length);
  json.end_object();
  json.begin_array("capabilities");
  json.text("completion");
  const auto& parameters = model.supported_parameters;
  if (first.capabilities.tools.value_or(has(parameters, "tools"))) {
    json.text("tools");
  }
  if (first.capabilities.images.value_or(has(model.input_modalities, "image"))) {
    json.text("vision");
  }
  if (first.capabilities.reasoning.value_or(has(parameters, "reasoning"))) {
    json.text("thinking");
  }
  json.end_array();
  json.text("modified_at", modified_at(model));
  json.end_object();
  return json.take();
}

std::string ollama_version_body() {
  JsonWriter json;
  json.begin_object();
  json.text("version", kOllamaVersion);
  json.end_object();
  return json.take();
}

std::string anthropic_count_body(std::uint64_t tokens) {
  JsonWriter json;
  json.begin_object();
  json.number("input_tokens", tokens);
  json.flag("estimated", true);
  json.end_object();
  return json.take();
}

}  // namespace waybill::management
