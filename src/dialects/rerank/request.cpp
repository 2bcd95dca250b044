// What clients ask, and what providers are asked.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/rerank.hpp"

#include "../body_reader.hpp"

namespace waybill::dialects {
namespace {

class RerankDecoder {
 public:
  explicit RerankDecoder(std::string_view body) : reader_(body) {}

  Result<RerankRequest> decode();

 private:
  void read_documents();
  RerankDocument read_document(const JsonRef& document);

  BodyReader reader_;
  RerankRequest request_;
};

Result<RerankRequest> RerankDecoder::decode() {
  const JsonRef root = reader_.root();
  reader_.names(root,
                {"model", "query", "documents", "top_n", "return_documents", "max_tokens_per_doc"},
                request_.unknown);
  std::erase_if(request_.unknown, BodyReader::is_router_member);
  Conversation ours;
  ours.model = reader_.text(root["model"]);
  request_.query = reader_.text(reader_.need(root, "query", "what the documents shall answer"));
  read_documents();
  request_.top_n = reader_.count(root["top_n"], 1);
  request_.return_documents = reader_.flag(root["return_documents"]);
  request_.max_tokens_per_document = reader_.count(root["max_tokens_per_doc"], 1);
  reader_.router_members(ours);
  if (!reader_.good()) {
    return *reader_.fault();
  }
  request_.model = std::move(ours.model);
  request_.models = std::move(ours.models);
  request_.session_id = std::move(ours.session_id);
  return std::move(request_);
}

void RerankDecoder::read_documents() {
  const JsonRef documents =
      reader_.need(reader_.root(), "documents", "a list of texts to choose among");
  if (!reader_.array(documents)) {
    return;
  }
  if (documents.empty()) {
    reader_.refuse(documents, "a list of at least one document");
  }
  for (const JsonRef document : documents) {
    if (!reader_.good()) {
      return;
    }
    request_.documents.push_back(read_document(document));
  }
}

RerankDocument RerankDecoder::read_document(const JsonRef& document) {
  RerankDocument out;
  if (document.is_string()) {
    out.text = document.text();
    return out;
  }
  if (!document.is_object()) {
    reader_.refuse(document, "a text, or an object with \"text\"");
    return out;
  }
  reader_.names(document, {"text", "image"}, request_.unknown);
  out.text = reader_.text(document["text"]);
  if (document["image"].given()) {
    MediaPart image;
    reader_.media_url(document["image"], image);
    out.image = document["image"].text();
  } else if (!document["text"].given()) {
    reader_.need(document, "text", "a string");
  }
  return out;
}

Error cannot_rerank(std::string_view dialect) {
  return {ErrorKind::InvalidRequest, "invalid_request",
          "The endpoint's format, " + std::string(dialect) + ", takes documents of text only."};
}

Losses rerank_losses(const RerankRequest& request) {
  Losses losses;
  for (const std::string& member : request.unknown) {
    losses.drop(member);
  }
  return losses;
}

bool has_rerank_image(const RerankRequest& request) {
  return std::ranges::any_of(request.documents,
                             [](const RerankDocument& each) { return !each.image.empty(); });
}

void begin_rerank(JsonWriter& json, const RerankRequest& request, std::string_view model) {
  json.begin_object();
  json.text("model", model);
  json.text("query", request.query);
  if (request.top_n) {
    json.number("top_n", std::min<std::uint64_t>(*request.top_n, request.documents.size()));
  }
}

void write_rerank_texts(JsonWriter& json, const RerankRequest& request) {
  json.begin_array("documents");
  for (const RerankDocument& document : request.documents) {
    json.text(document.text);
  }
  json.end_array();
}

// Version 2 takes texts alone, and gives none back.
Result<EncodedRequest> encode_cohere_rerank(const RerankRequest& request,
                                            std::string_view upstream_model) {
  if (has_rerank_image(request)) {
    return cannot_rerank("cohere_rerank");
  }
  JsonWriter json;
  begin_rerank(json, request, upstream_model);
  write_rerank_texts(json, request);
  if (request.max_tokens_per_document) {
    json.number("max_tokens_per_doc", *request.max_tokens_per_document);
  }
  json.end_object();
  return EncodedRequest{json.take(), rerank_losses(request)};
}

Result<EncodedRequest> encode_llamacpp_rerank(const RerankRequest& request,
                                              std::string_view upstream_model) {
  if (has_rerank_image(request)) {
    return cannot_rerank("llamacpp_rerank");
  }
  JsonWriter json;
  begin_rerank(json, request, upstream_model);
  write_rerank_texts(json, request);
  json.end_object();
  Losses losses = rerank_losses(request);
  if (request.max_tokens_per_document) {
    losses.drop("max_tokens_per_doc");
  }
  return EncodedRequest{json.take(), std::move(losses)};
}

// The documents are not asked back: we have them.
Result<EncodedRequest> encode_jina_rerank(const RerankRequest& request,
                                          std::string_view upstream_model) {
  JsonWriter json;
  begin_rerank(json, request, upstream_model);
  if (has_rerank_image(request)) {
    json.begin_array("documents");
    for (const RerankDocument& document : request.documents) {
      json.begin_object();
      if (document.image.empty() || !document.text.empty()) {
        json.text("text", document.text);
      }
      json.text_if_any("image", document.image);
      json.end_object();
    }
    json.end_array();
  } else {
    write_rerank_texts(json, request);
  }
  json.flag("return_documents", false);
  json.end_object();
  Losses losses = rerank_losses(request);
  if (request.max_tokens_per_document) {
    losses.drop("max_tokens_per_doc");
  }
  return EncodedRequest{json.take(), std::move(losses)};
}

constexpr std::array<RerankDialect, 3> kRerankDialects{{
    {"cohere_rerank", false, encode_cohere_rerank},
    {"jina_rerank", true, encode_jina_rerank},
    {"llamacpp_rerank", false, encode_llamacpp_rerank},
}};

}  // namespace

Result<RerankRequest> decode_rerank(std::string_view body) {
  return RerankDecoder(body).decode();
}

std::span<const RerankDialect> rerank_dialects() noexcept {
  return kRerankDialects;
}

const RerankDialect* find_rerank_dialect(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kRerankDialects, name, &RerankDialect::name);
  return found == kRerankDialects.end() ? nullptr : found;
}

}  // namespace waybill::dialects
