// What an answer says beside its content: header lines, ids, and errors in the client's words.

#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/gateway/error_reply.hpp"

#include "generation.hpp"

namespace waybill::gateway {

std::string Generation::response_fields(std::string_view content_type,
                                        std::string_view provider_name) const {
  std::string out;
  const std::string& common = view_->fields_for(client_.head());
  out.reserve(common.size() + 256);
  out += common;
  out.append("Content-Type: ")
      .append(content_type)
      .append("\r\nX-Generation-Id: ")
      .append(id_text_)
      .append("\r\n");
  if (!provider_name.empty()) {
    http::append_field(out, "X-Provider-Name", provider_name);
  }
  const auto total = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
  const auto own = own_time(total - pending_wait());
  const std::string own_us = std::to_string(own.count());
  if (!api_.dialect->id_field.empty()) {
    http::append_field(out, api_.dialect->id_field, id_text_);
  }
  append_losses(out);
  out.append("X-Waybill-Overhead-Us: ").append(own_us);
  out.append("\r\nServer-Timing: waybill;dur=").append(std::to_string(own.count() / 1000));
  const std::string thousandths = std::to_string(1000 + own.count() % 1000);
  out.append(".").append(thousandths, 1).append("\r\n");
  return out;
}

void Generation::begin_stream_head(std::string_view provider_name) {
  std::string fields = response_fields(api_.dialect->stream_type, provider_name);
  fields += "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n";
  client_.begin_stream(200, std::move(fields));
}

std::string Generation::told(unsigned status, const Error& error, std::string_view metadata) const {
  return error_body(*api_.dialect, status, error, metadata, id_text_);
}

bool Generation::tells_usage() const noexcept {
  return settings().defaults.usage == config::UsageReport::Always ||
         facts_.include_usage == dialects::UsageWish::True;
}

dialects::ReplyContext Generation::reply_context(const Call& call) const {
  dialects::ReplyContext context;
  context.id = id_text_;
  context.model = call.model.id;
  context.provider = call.provider.display_name;
  context.created =
      std::chrono::duration_cast<std::chrono::seconds>(created_.time_since_epoch()).count();
  context.prompt_estimate = dialects::estimate_tokens(facts_.text_bytes);
  context.hide_reasoning = conversation_ && conversation_->reasoning.exclude.value_or(false);
  context.tell_usage = tells_usage();
  context.request = body_;
  return context;
}

// Header lines that name what was lost: "X-Waybill-Dropped: top_k, metadata" and
// "X-Waybill-Changed: temperature was lowered to 1".
void Generation::append_losses(std::string& fields) const {
  if (call_ == nullptr || call_->losses.empty()) {
    return;
  }
  std::string dropped;
  for (const std::string& member : call_->losses.dropped()) {
    dropped += (dropped.empty() ? "" : ", ") + member;
  }
  if (!dropped.empty()) {
    http::append_field(fields, "X-Waybill-Dropped", printable(dropped, 1'000));
  }
  std::string changed;
  for (const dialects::Losses::Change& change : call_->losses.changed()) {
    changed += (changed.empty() ? "" : "; ") + change.member + " " + change.what;
  }
  if (!changed.empty()) {
    http::append_field(fields, "X-Waybill-Changed", printable(changed, 1'000));
  }
}

}  // namespace waybill::gateway
