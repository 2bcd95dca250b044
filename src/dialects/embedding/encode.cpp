// What providers are asked.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/json_writer.hpp"

#include "vectors.hpp"

namespace waybill::dialects::embedding {
namespace {

enum class Said : std::uint8_t {
  Texts,
  Tokens,
  Images,
};

Said kind_of(const EmbeddingInput& input) noexcept {
  return !input.tokens_json.empty() ? Said::Tokens
         : input.images.empty()     ? Said::Texts
                                    : Said::Images;
}

// One request in the making.
class Encoding {
 public:
  Encoding(const EmbeddingRequest& asked, std::string_view dialect)
      : request(asked),
        dialect_(*find_embedding_dialect(dialect)) {
    for (const std::string& member : request.unknown) {
      losses.drop(member);
    }
    json.begin_object();
  }

  // Checks that the dialect has a place for all inputs.
  bool fits(bool tokens) {
    if (request.inputs.empty() || request.inputs.size() > dialect_.most_inputs) {
      return refuse("takes from 1 to " + std::to_string(dialect_.most_inputs) +
                    " inputs in a request");
    }
    for (const EmbeddingInput& input : request.inputs) {
      const Said kind = kind_of(input);
      if (kind == Said::Tokens && !tokens) {
        return refuse("takes texts, not lists of tokens");
      }
      if (kind == Said::Images && !dialect_.takes_images) {
        return refuse("takes no images");
      }
      if (kind == Said::Tokens && kind_of(request.inputs.front()) != kind) {
        return refuse("takes either texts or lists of tokens");
      }
    }
    return kind_of(request.inputs.front()) != Said::Tokens ||
           std::ranges::all_of(
               request.inputs,
               [](const EmbeddingInput& input) { return kind_of(input) == Said::Tokens; }) ||
           refuse("takes either texts or lists of tokens");
  }

  bool refuse(std::string_view what) {
    error.emplace(
        ErrorKind::InvalidRequest, "invalid_request",
        "The endpoint's format, " + std::string(dialect_.name) + ", " + std::string(what) + '.');
    return false;
  }

  void dimensions(std::string_view member) {
    if (request.dimensions) {
      json.number(member, *request.dimensions);
    }
  }
  void no_user() {
    if (!request.user.empty()) {
      losses.drop(Feature::User);
    }
  }
  void no_input_type() {
    if (!request.input_type.empty()) {
      losses.drop("input_type");
    }
  }
  void texts(std::string_view member) {
    json.begin_array(member);
    for (const EmbeddingInput& input : request.inputs) {
      if (input.tokens_json.empty()) {
        json.text(input.text);
      } else {
        json.raw(input.tokens_json);
      }
    }
    json.end_array();
  }
  [[nodiscard]] bool has_images() const {
    return std::ranges::any_of(request.inputs,
                               [](const EmbeddingInput& input) { return !input.images.empty(); });
  }

  Result<EncodedRequest> take() {
    if (error) {
      return *error;
    }
    json.end_object();
    return EncodedRequest{json.take(), std::move(losses)};
  }

  const EmbeddingRequest& request;
  JsonWriter json;
  Losses losses;
  std::optional<Error> error;

 private:
  const EmbeddingDialect& dialect_;
};

std::string data_url(const MediaPart& image) {
  if (image.source == MediaPart::Source::Url) {
    return image.data;
  }
  const std::string type = image.media_type.empty() ? "image/png" : image.media_type;
  return "data:" + type + ";base64," + image.data;
}

// What a vector is for, in the words of Cohere and of Gemini, by what clients call it.
struct PurposeRow {
  std::string_view word;
  std::string_view cohere;
  std::string_view gemini;
};
constexpr std::array<PurposeRow, 16> kPurposes{{
    {"search_query", "search_query", "RETRIEVAL_QUERY"},
    {"query", "search_query", "RETRIEVAL_QUERY"},
    {"RETRIEVAL_QUERY", "search_query", "RETRIEVAL_QUERY"},
    {"search_document", "search_document", "RETRIEVAL_DOCUMENT"},
    {"document", "search_document", "RETRIEVAL_DOCUMENT"},
    {"passage", "search_document", "RETRIEVAL_DOCUMENT"},
    {"RETRIEVAL_DOCUMENT", "search_document", "RETRIEVAL_DOCUMENT"},
    {"classification", "classification", "CLASSIFICATION"},
    {"CLASSIFICATION", "classification", "CLASSIFICATION"},
    {"clustering", "clustering", "CLUSTERING"},
    {"CLUSTERING", "clustering", "CLUSTERING"},
    {"image", "image", ""},
    {"SEMANTIC_SIMILARITY", "", "SEMANTIC_SIMILARITY"},
    {"QUESTION_ANSWERING", "", "QUESTION_ANSWERING"},
    {"FACT_VERIFICATION", "", "FACT_VERIFICATION"},
    {"CODE_RETRIEVAL_QUERY", "", "CODE_RETRIEVAL_QUERY"},
}};

const PurposeRow* purpose_of(std::string_view input_type) noexcept {
  const auto* const row = std::ranges::find(kPurposes, input_type, &PurposeRow::word);
  return row == kPurposes.end() ? nullptr : row;
}

// Cohere demands an input_type of its models since version 3.
void write_cohere_type(Encoding& out) {
  const PurposeRow* const row = purpose_of(out.request.input_type);
  const bool known = row != nullptr && !row->cohere.empty();
  out.json.text("input_type", known ? row->cohere : std::string_view("search_document"));
  if (!known && !out.request.input_type.empty()) {
    out.losses.change("input_type",
                      "it became search_document: Cohere does not know another "
                      "of that meaning");
  }
}

// Version 4 takes texts and images mixed, as `inputs`; older ones take `texts`.
void write_cohere_inputs(Encoding& out) {
  if (!out.has_images()) {
    out.texts("texts");
    return;
  }
  out.json.begin_array("inputs");
  for (const EmbeddingInput& input : out.request.inputs) {
    out.json.begin_object();
    out.json.begin_array("content");
    if (!input.text.empty()) {
      out.json.begin_object();
      out.json.text("type", "text");
      out.json.text("text", input.text);
      out.json.end_object();
    }
    for (const MediaPart& image : input.images) {
      out.json.begin_object();
      out.json.text("type", "image_url");
      out.json.begin_object("image_url");
      out.json.text("url", data_url(image));
      out.json.end_object();
      out.json.end_object();
    }
    out.json.end_array();
    out.json.end_object();
  }
  out.json.end_array();
}

Result<EncodedRequest> encode_as_cohere(std::string_view dialect,
                                        const EmbeddingRequest& request,
                                        std::string_view model) {
  Encoding out(request, dialect);
  if (out.fits(false)) {
    out.json.text_if_any("model", model);
    write_cohere_type(out);
    out.json.begin_array("embedding_types");
    out.json.text("float");
    out.json.end_array();
    write_cohere_inputs(out);
    out.dimensions("output_dimension");
    out.no_user();
  }
  return out.take();
}

void write_gemini_parts(Encoding& out, const EmbeddingInput& input) {
  out.json.begin_array("parts");
  if (!input.text.empty() || input.images.empty()) {
    out.json.begin_object();
    out.json.text("text", input.text);
    out.json.end_object();
  }
  for (const MediaPart& image : input.images) {
    if (image.source != MediaPart::Source::Data) {
      out.refuse("takes images by their bytes, not by URL");
    }
    out.json.begin_object();
    out.json.begin_object("inlineData");
    out.json.text("mimeType", image.media_type.empty() ? "image/png" : image.media_type);
    out.json.text("data", image.data);
    out.json.end_object();
    out.json.end_object();
  }
  out.json.end_array();
}

}  // namespace

Result<EncodedRequest> encode_openai(const EmbeddingRequest& request, std::string_view model) {
  Encoding out(request, "openai_embeddings");
  if (out.fits(true)) {
    out.json.text("model", model);
    out.texts("input");
    out.json.text("encoding_format",
                  request.encoding == VectorEncoding::Base64 ? "base64" : "float");
    out.dimensions("dimensions");
    out.json.text_if_any("user", request.user);
    out.no_input_type();
  }
  return out.take();
}

Result<EncodedRequest> encode_mistral(const EmbeddingRequest& request, std::string_view model) {
  Encoding out(request, "mistral_embeddings");
  if (out.fits(false)) {
    out.json.text("model", model);
    out.texts("input");
    out.dimensions("output_dimension");
    out.no_user();
    out.no_input_type();
  }
  return out.take();
}

Result<EncodedRequest> encode_cohere(const EmbeddingRequest& request, std::string_view model) {
  return encode_as_cohere("cohere_embed", request, model);
}

// The model stands in the URL.
Result<EncodedRequest> encode_bedrock_cohere(const EmbeddingRequest& request, std::string_view) {
  return encode_as_cohere("bedrock_cohere_embed", request, {});
}

Result<EncodedRequest> encode_gemini(const EmbeddingRequest& request, std::string_view model) {
  Encoding out(request, "gemini_embed");
  if (!out.fits(false)) {
    return out.take();
  }
  const std::string path =
      (model.find('/') == std::string_view::npos ? "models/" : "") + std::string(model);
  const PurposeRow* const row = purpose_of(request.input_type);
  const std::string_view purpose = row == nullptr ? std::string_view() : row->gemini;
  if (purpose.empty()) {
    out.no_input_type();
  }
  out.json.begin_array("requests");
  for (const EmbeddingInput& input : request.inputs) {
    out.json.begin_object();
    out.json.text("model", path);
    out.json.begin_object("content");
    write_gemini_parts(out, input);
    out.json.end_object();
    out.json.text_if_any("taskType", purpose);
    out.dimensions("outputDimensionality");
    out.json.end_object();
  }
  out.json.end_array();
  out.no_user();
  return out.take();
}

Result<EncodedRequest> encode_ollama(const EmbeddingRequest& request, std::string_view model) {
  Encoding out(request, "ollama_embed");
  if (out.fits(false)) {
    out.json.text("model", model);
    out.texts("input");
    out.dimensions("dimensions");
    out.no_user();
    out.no_input_type();
  }
  return out.take();
}

// Titan Text Embeddings, and Titan Multimodal Embeddings where there is an image.
Result<EncodedRequest> encode_titan(const EmbeddingRequest& request, std::string_view) {
  Encoding out(request, "bedrock_titan_embed");
  if (!out.fits(false)) {
    return out.take();
  }
  const EmbeddingInput& input = request.inputs.front();
  const bool image = !input.images.empty();
  if (image &&
      (input.images.size() > 1 || input.images.front().source != MediaPart::Source::Data)) {
    out.refuse("takes one image, by its bytes");
  }
  if (!image || !input.text.empty()) {
    out.json.text("inputText", input.text);
  }
  if (image) {
    out.json.text("inputImage", input.images.front().data);
    if (request.dimensions) {
      out.json.begin_object("embeddingConfig");
      out.dimensions("outputEmbeddingLength");
      out.json.end_object();
    }
  } else {
    out.dimensions("dimensions");
  }
  out.no_user();
  out.no_input_type();
  return out.take();
}

}  // namespace waybill::dialects::embedding
