// Vectors to clients.

#include "waybill/base/json_writer.hpp"

#include "../charge_write.hpp"
#include "vectors.hpp"

namespace waybill::dialects {

void encode_openai_embedding(const EmbeddingAnswer& answer,
                             VectorEncoding encoding,
                             const ReplyContext& context,
                             const ReplyBill& bill,
                             std::string& out) {
  JsonWriter json(std::move(out));
  json.begin_object();
  json.text("id", context.id);
  json.text("object", "list");
  json.text("model", context.model);
  json.text("provider", context.provider);
  json.begin_array("data");
  for (std::size_t i = 0; i < answer.vectors.size(); ++i) {
    json.begin_object();
    json.text("object", "embedding");
    json.number("index", i);
    const std::string vector = vector_as(answer.vectors[i], encoding);
    if (encoding == VectorEncoding::Base64) {
      json.text("embedding", vector);
    } else {
      json.raw("embedding", vector);
    }
    json.end_object();
  }
  json.end_array();
  json.begin_object("usage");
  json.number("prompt_tokens", bill.usage.prompt);
  json.number("total_tokens", bill.usage.prompt);
  write_charge(json, bill.charge);
  json.end_object();
  json.end_object();
  out = json.take();
}

void encode_ollama_embed(const EmbeddingAnswer& answer,
                         const ReplyContext& context,
                         const ReplyBill& bill,
                         std::string& out) {
  JsonWriter json(std::move(out));
  json.begin_object();
  json.text("model", context.model);
  json.begin_array("embeddings");
  for (const EmbeddingVector& vector : answer.vectors) {
    json.raw(vector_as(vector, VectorEncoding::Float));
  }
  json.end_array();
  json.number("total_duration", 0);
  json.number("load_duration", 0);
  json.number("prompt_eval_count", bill.usage.prompt);
  json.text("id", context.id);
  json.text("provider", context.provider);
  json.begin_object("usage");
  json.number("prompt_tokens", bill.usage.prompt);
  json.number("total_tokens", bill.usage.prompt);
  write_charge(json, bill.charge);
  json.end_object();
  json.end_object();
  out = json.take();
}

}  // namespace waybill::dialects
