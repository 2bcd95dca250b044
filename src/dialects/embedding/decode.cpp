// What clients ask.

#include <utility>

#include "../body_reader.hpp"
#include "vectors.hpp"

namespace waybill::dialects {
namespace {

constexpr std::size_t kMostEmbeddingInputs = 10'000;

class EmbeddingDecoder {
 public:
  explicit EmbeddingDecoder(std::string_view body) : reader_(body) {}

  Result<EmbeddingRequest> openai();
  Result<EmbeddingRequest> ollama();

 private:
  Result<EmbeddingRequest> end();
  void read_input(const JsonRef& input);
  void read_one(const JsonRef& input);
  void read_parts(const JsonRef& parts, EmbeddingInput& out);
  bool are_tokens(const JsonRef& list);

  BodyReader reader_;
  EmbeddingRequest request_;
};

Result<EmbeddingRequest> EmbeddingDecoder::openai() {
  const JsonRef root = reader_.root();
  reader_.names(root, {"model", "input", "dimensions", "encoding_format", "user", "input_type"},
                request_.unknown);
  read_input(reader_.need(root, "input", "say what to embed"));
  request_.dimensions = reader_.count(root["dimensions"], 1);
  request_.encoding = reader_.one_of(root["encoding_format"], {"float", "base64"}) == 1
                          ? VectorEncoding::Base64
                          : VectorEncoding::Float;
  request_.user = reader_.text(root["user"]);
  request_.input_type = reader_.text(root["input_type"]);
  return end();
}

Result<EmbeddingRequest> EmbeddingDecoder::ollama() {
  const JsonRef root = reader_.root();
  reader_.names(root, {"model", "input", "dimensions", "options", "keep_alive"}, request_.unknown);
  read_input(reader_.need(root, "input", "say what to embed"));
  request_.dimensions = reader_.count(root["dimensions"], 1);
  if (reader_.object(root["options"])) {
    reader_.names(root["options"], {}, request_.unknown);
  }
  if (root["keep_alive"].given()) {
    request_.unknown.emplace_back("keep_alive");
  }
  return end();
}

Result<EmbeddingRequest> EmbeddingDecoder::end() {
  std::erase_if(request_.unknown, BodyReader::is_router_member);
  Conversation ours;
  ours.model = reader_.text(reader_.root()["model"]);
  reader_.router_members(ours);
  if (!reader_.good()) {
    return *reader_.fault();
  }
  request_.model = std::move(ours.model);
  request_.models = std::move(ours.models);
  request_.session_id = std::move(ours.session_id);
  return std::move(request_);
}

// A text, a list of tokens, or a list of either and of objects with parts.
void EmbeddingDecoder::read_input(const JsonRef& input) {
  const bool list = input.is_array() && !input.at(0).is_number();
  if (!list) {
    read_one(input);
    return;
  }
  if (input.empty()) {
    reader_.refuse(input, "a list of at least one text");
  }
  if (!reader_.array(input, kMostEmbeddingInputs)) {
    return;
  }
  for (const JsonRef each : input) {
    if (!reader_.good()) {
      return;
    }
    read_one(each);
  }
}

void EmbeddingDecoder::read_one(const JsonRef& input) {
  EmbeddingInput out;
  if (input.is_string()) {
    out.text = input.text();
  } else if (input.is_array()) {
    if (!are_tokens(input)) {
      return;
    }
    out.tokens_json = input.raw();
  } else if (input.is_object()) {
    read_parts(reader_.need(input, "content", "a list of parts"), out);
  } else if (input.there()) {
    reader_.refuse(input, "a text, a list of tokens, or an object with \"content\"");
  }
  request_.inputs.push_back(std::move(out));
}

bool EmbeddingDecoder::are_tokens(const JsonRef& list) {
  if (list.empty()) {
    reader_.refuse(list, "a list of at least one token");
  }
  for (const JsonRef token : list) {
    if (!token.count()) {
      reader_.refuse(token, "a token (a whole number)");
      return false;
    }
  }
  return reader_.good();
}

void EmbeddingDecoder::read_parts(const JsonRef& parts, EmbeddingInput& out) {
  if (!reader_.array(parts, 1'000)) {
    return;
  }
  for (const JsonRef part : parts) {
    if (!part.is_object()) {
      reader_.refuse(part, "an object with \"type\"");
      return;
    }
    const auto type = reader_.one_of(reader_.need(part, "type", R"("text" or "image_url")"),
                                     {"text", "image_url"});
    if (type == 0) {
      out.text += out.text.empty() ? "" : "\n";
      out.text += reader_.text(reader_.need(part, "text", "a string"));
    } else if (type == 1) {
      const JsonRef image = reader_.need(part, "image_url", "an object with \"url\"");
      MediaPart media;
      reader_.media_url(
          image.is_string() ? image : reader_.need(image, "url", "where the image is"), media);
      out.images.push_back(std::move(media));
    }
  }
}

}  // namespace

Result<EmbeddingRequest> decode_openai_embedding(std::string_view body) {
  return EmbeddingDecoder(body).openai();
}

Result<EmbeddingRequest> decode_ollama_embed(std::string_view body) {
  return EmbeddingDecoder(body).ollama();
}

}  // namespace waybill::dialects
