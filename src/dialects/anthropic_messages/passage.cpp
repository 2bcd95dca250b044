// Messages from client to provider and back, byte for byte but for what is Waybill's.

#include "../passage.hpp"

#include "../escaped.hpp"
#include "anthropic_messages.hpp"

namespace waybill::dialects::anthropic {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// A whole message, or the one that message_start holds.
void identify(const JsonRef& root, const ReplyContext& context, JsonPatch& patch) {
  const JsonRef message = root["type"].equals("message_start") ? root["message"] : root;
  if (!message["model"].there()) {
    return;
  }
  patch.replace(message["id"], quoted(context.id));
  patch.replace(message["model"], quoted(context.model));
  patch.append(message, "\"provider\":" + quoted(context.provider));
}

bool ends(const JsonRef& root) {
  return root["type"].equals("message_delta") || root["type"].equals("message_stop");
}

void bill(const JsonRef& root, const ReplyBill& bill, JsonPatch& patch) {
  if (root["type"].equals("message_stop")) {
    return;
  }
  const JsonRef usage = root["usage"];
  if (usage.is_object() && bill.charge.counted_by == CountedBy::Provider) {
    patch.append(usage, cost_members(bill.charge));
    return;
  }
  JsonWriter json;
  json.begin_object();
  write_usage(json, bill, {});
  json.end_object();
  JsonTree built;
  const std::string text = json.take();
  built.parse(text, JsonOrigin::Upstream);
  const std::string own(built.root()["usage"].raw());
  if (usage.there()) {
    patch.replace(usage, own);
  } else {
    patch.append(root, "\"usage\":" + own);
  }
}

constexpr PassageRules kRules{.identify = identify, .ends = ends, .bill = bill};

}  // namespace

Result<std::string> pass_request(std::string_view body, const EncodeTarget& target) {
  return dialects::pass_request(body, target);
}

void pass_response(std::string_view body,
                   const ReplyContext& context,
                   const ReplyBill& reply_bill,
                   std::string& out) {
  dialects::pass_response(kRules, body, context, reply_bill, out);
}

std::unique_ptr<FrameWriter> make_passer(const ReplyContext& context, std::string& out) {
  return pass_stream(kAnthropicMessages, kRules, context, out);
}

}  // namespace waybill::dialects::anthropic
