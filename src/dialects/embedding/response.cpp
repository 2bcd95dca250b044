// Vectors from providers.

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "../count_reader.hpp"
#include "../json_tree.hpp"
#include "vectors.hpp"

namespace waybill::dialects::embedding {
namespace {

std::optional<EmbeddingVector> read_vector(const JsonRef& value) {
  if (value.is_string()) {
    std::string text = value.text();
    const auto bytes = bytes_of_base64(text);
    if (!bytes || bytes->empty() || bytes->size() % sizeof(float) != 0) {
      return std::nullopt;
    }
    return EmbeddingVector{VectorEncoding::Base64, std::move(text)};
  }
  if (!value.is_array() || value.empty() ||
      !std::all_of(value.begin(), value.end(),
                   [](const JsonRef& number) { return number.is_number(); })) {
    return std::nullopt;
  }
  return EmbeddingVector{VectorEncoding::Float, std::string(value.raw())};
}

class VectorReader {
 public:
  explicit VectorReader(EmbeddingAnswer& answer) noexcept : answer_(answer) {}

  // False: some vector is none, or stands for two inputs, or for one that there is not.
  bool read(const JsonRef& root) {
    const JsonRef data = root["data"];
    const JsonRef embeddings = root["embeddings"];
    if (data.is_array()) {
      return read_numbered(data);
    }
    if (embeddings.is_array()) {  // Gemini (objects), Ollama and Cohere's version 1 (lists)
      return read_list(embeddings);
    }
    if (embeddings.is_object()) {  // Cohere
      const JsonRef typed = embeddings["float"];
      return read_list(typed.is_array() ? typed : embeddings["base64"]);
    }
    const JsonRef one = root["embedding"];  // Titan, Ollama's older route, Gemini's single one
    const JsonRef typed = root["embeddingsByType"]["float"];
    return add(one.is_object() ? one["values"] : one.given() ? one : typed);
  }

 private:
  bool add(const JsonRef& value) {
    auto vector = read_vector(value);
    if (vector) {
      answer_.vectors.push_back(std::move(*vector));
    }
    return vector.has_value();
  }

  bool read_list(const JsonRef& list) {
    bool good = list.is_array();
    for (const JsonRef each : list) {
      good = good && add(each.is_object() ? each["values"] : each);
    }
    return good;
  }

  bool read_numbered(const JsonRef& list) {
    std::vector<std::optional<EmbeddingVector>> found(list.size());
    std::size_t position = 0;
    for (const JsonRef each : list) {
      const JsonRef index = each["index"];
      const std::uint64_t at = index.given() ? index.count().value_or(found.size()) : position;
      ++position;
      if (at >= found.size() || found[at]) {
        return false;
      }
      found[at] = read_vector(each["embedding"]);
      if (!found[at]) {
        return false;
      }
    }
    for (auto& vector : found) {
      answer_.vectors.push_back(std::move(*vector));
    }
    return true;
  }

  EmbeddingAnswer& answer_;
};

void read_counts(const JsonRef& root, EmbeddingAnswer& answer) {
  CountReader counts;
  Usage usage;
  std::uint64_t images = 0;
  counts.read(root["usage"]["prompt_tokens"], usage.prompt);                // OpenAI, Mistral
  counts.read(root["usageMetadata"]["promptTokenCount"], usage.prompt);     // Gemini
  counts.read(root["prompt_eval_count"], usage.prompt);                     // Ollama
  counts.read(root["inputTextTokenCount"], usage.prompt);                   // Titan
  counts.read(root["meta"]["billed_units"]["input_tokens"], usage.prompt);  // Cohere
  counts.read(root["meta"]["billed_units"]["image_tokens"], images);
  usage.prompt += images;
  answer.usage_fault = counts.fault();
  if (counts.known()) {
    answer.usage = usage;
  }
}

UpstreamFault fault_of(const JsonRef& root) {
  UpstreamFault fault;
  const JsonRef error = root["error"];
  const JsonRef message = error.is_object()   ? error["message"]
                          : error.is_string() ? error
                                              : root["message"];
  fault.message = printable(message.text(), UpstreamFault::kMaxBytes - 3);
  fault.type = printable(error["type"].text(), 61);
  return fault;
}

}  // namespace

Result<EmbeddingAnswer> decode_response(std::string_view body,
                                        std::size_t inputs,
                                        std::optional<UpstreamFault>& fault) {
  JsonTree tree;
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's answer is not valid JSON.");
  }
  const JsonRef root = tree.root();
  if (!root.is_object()) {
    return Error(ErrorKind::UpstreamFailed, "upstream_not_an_object",
                 "The provider's answer is not a JSON object.");
  }
  EmbeddingAnswer answer;
  if (root["error"].given()) {
    fault = fault_of(root);
    return answer;
  }
  answer.id = root["id"].text();
  answer.model = root["model"].text();
  const bool good = VectorReader(answer).read(root);
  if (!good || answer.vectors.size() != inputs) {
    fault = fault_of(root);
    if (fault->message.empty()) {
      fault->message = "The provider's answer does not have one vector for each input.";
    }
    answer.vectors.clear();
    return answer;
  }
  read_counts(root, answer);
  return answer;
}

}  // namespace waybill::dialects::embedding
