// Responses from client to provider and back, byte for byte but for what is Waybill's.

#include "../passage.hpp"

#include "../escaped.hpp"
#include "openai_responses.hpp"

namespace waybill::dialects::responses {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

JsonRef response_of(const JsonRef& root) {
  return root["response"].is_object() ? root["response"] : root;
}

// A whole response, or the one that some events hold.
void identify(const JsonRef& root, const ReplyContext& context, JsonPatch& patch) {
  const JsonRef response = response_of(root);
  if (!response["object"].equals("response")) {
    return;
  }
  patch.replace(response["id"], in_quotes(context.id));
  patch.replace(response["model"], in_quotes(context.model));
  patch.append(response, "\"provider\":" + in_quotes(context.provider));
}

bool ends(const JsonRef& root) {
  const JsonRef type = root["type"];
  return type.equals("response.completed") || type.equals("response.incomplete");
}

void bill(const JsonRef& root, const ReplyBill& bill, JsonPatch& patch) {
  const JsonRef response = response_of(root);
  JsonWriter json;
  json.begin_object();
  write_usage(json, bill);
  json.end_object();
  const std::string text = json.take();
  JsonTree built;
  if (!built.parse(text, JsonOrigin::Upstream)) {
    return;
  }
  const JsonRef own = built.root()["usage"];
  const JsonRef usage = response["usage"];
  if (usage.is_object() && bill.charge.counted_by == CountedBy::Provider) {
    for (const std::string_view name : {"cost", "is_byok", "cost_details"}) {
      patch.append(usage, in_quotes(name) + ":" + std::string(own[name].raw()));
    }
  } else if (usage.there()) {
    patch.replace(usage, std::string(own.raw()));
  } else {
    patch.append(response, "\"usage\":" + std::string(own.raw()));
  }
}

constexpr PassageRules kPassage{.identify = identify, .ends = ends, .bill = bill};

}  // namespace

// Nothing is kept at the provider: `store` is false unless the client said so itself.
Result<std::string> pass_request(std::string_view body, const EncodeTarget& target) {
  JsonTree tree;
  const bool says = tree.parse(body, JsonOrigin::Client) && tree.root()["store"].there();
  return dialects::pass_request(body, target, says ? "" : "\"store\":false");
}

void pass_response(std::string_view body,
                   const ReplyContext& context,
                   const ReplyBill& reply_bill,
                   std::string& out) {
  dialects::pass_response(kPassage, body, context, reply_bill, out);
}

std::unique_ptr<FrameWriter> make_passer(const ReplyContext& context, std::string& out) {
  return pass_stream(kOpenAiResponses, kPassage, context, out);
}

}  // namespace waybill::dialects::responses
