#include "waybill/dialects/openai_request.hpp"

#include <algorithm>
#include <limits>

#include "waybill/base/text.hpp"

#include "member_cutter.hpp"
#include "request_context.hpp"
#include "request_members.hpp"
#include "request_messages.hpp"
#include "request_parameters.hpp"

namespace waybill::dialects {
namespace {

// The member that holds the prompt, which no request can do without.
RequestMember prompt_member(RequestKind kind) noexcept {
  switch (kind) {
    case RequestKind::Chat: return RequestMember::Messages;
    case RequestKind::Completion: return RequestMember::Prompt;
    case RequestKind::Embedding: return RequestMember::Input;
  }
  return RequestMember::Messages;
}

class RequestReader {
 public:
  explicit RequestReader(RequestContext& context) noexcept
      : context_(context),
        walker_(context.walker),
        cutter_(context.facts.splices) {}

  bool read();

 private:
  bool read_member(ObjectWalk& object, const JsonText& name);
  bool read_unknown(ObjectWalk& object, const JsonText& name);
  bool read_value(RequestMember member);
  bool finish(const ObjectWalk& object);
  void place_limits();

  [[nodiscard]] bool seen(RequestMember member) const noexcept {
    return (seen_ >> static_cast<unsigned>(member) & 1U) != 0;
  }

  RequestContext& context_;
  JsonWalker& walker_;
  MemberCutter cutter_;
  std::uint64_t seen_ = 0;
  ByteRange limit_names_[2];  // of max_tokens, max_completion_tokens
  ByteRange limit_values_[2];
};

static_assert(kRequestMembers < 64, "seen_ has a bit for each");

bool RequestReader::read() {
  const JsonType type = walker_.begin() ? walker_.peek() : JsonType::None;
  if (type != JsonType::Object) {
    // A wrong type is only worth saying about what is JSON.
    return walker_.ok() && walker_.take_value() && walker_.finish() &&
           context_.refuse("The request body must be a JSON object.");
  }
  ObjectWalk object(walker_);
  JsonText name;
  while (object.next(name)) {
    if (!read_member(object, name)) {
      return false;
    }
  }
  return walker_.finish() && finish(object);
}

bool RequestReader::read_member(ObjectWalk& object, const JsonText& name) {
  const auto found = find_request_member(walker_.decode(name));
  if (!found) {
    return read_unknown(object, name);
  }
  const RequestMember member = *found;
  if (member == RequestMember::Forbidden) {
    return context_.refuse("\"" + std::string(walker_.decode(name)) +
                           "\" is not allowed in a request: where and with whose key providers "
                           "are called is the operator's setting.");
  }
  if (seen(member)) {
    return context_.refuse("\"" + std::string(dialects::name(member)) + "\" is given twice.");
  }
  seen_ |= std::uint64_t{1} << static_cast<unsigned>(member);

  const JsonType type = walker_.peek();
  ByteRange value{walker_.position(), 0};
  const bool good = type == JsonType::Null ? walker_.take_value() : read_value(member);
  if (!good) {
    return false;
  }
  value.end = walker_.position();
  if (type != JsonType::Null) {
    context_.facts.values[static_cast<std::size_t>(member)] = value;
  }
  if (is_router_member(member)) {
    cutter_.cut(object, value.end);
  } else if (member == RequestMember::StreamOptions) {
    cutter_.keep_optional(object, value.end);
    context_.facts.has_stream_options = true;
    if (type == JsonType::Null) {
      context_.facts.splices.add(SpliceKind::StreamValue, value);
    }
  } else {
    cutter_.keep(object);
  }
  if (member == RequestMember::MaxTokens || member == RequestMember::MaxCompletionTokens) {
    const std::size_t which = member == RequestMember::MaxTokens ? 0 : 1;
    limit_names_[which] = {object.name_begin(), name.raw.end + 1};
    limit_values_[which] = value;
  }
  if (member == RequestMember::Model) {
    context_.facts.splices.add(SpliceKind::Model, value);
  }
  return true;
}

bool RequestReader::read_unknown(ObjectWalk& object, const JsonText& name) {
  const std::string_view text = walker_.decode(name);
  const bool plain = std::ranges::all_of(
      text, [](char c) { return static_cast<std::uint8_t>(c) < 0x80 && (c < 'A' || c > 'Z'); });
  if (!plain) {
    if (const auto meant = find_folded_name(text)) {
      return context_.refuse("\"" + printable(text) + "\" differs only in case from \"" +
                             std::string(*meant) + "\": names of members are case-sensitive.");
    }
  }
  if (!walker_.take_value()) {
    return false;
  }
  cutter_.keep(object);
  return true;
}

bool RequestReader::read_value(RequestMember member) {
  const RequestKind kind = context_.facts.kind;
  if (member == RequestMember::Messages && kind == RequestKind::Chat) {
    return read_messages(context_);
  }
  if (member == prompt_member(kind)) {
    return read_prompt(context_, member);
  }
  return read_parameter(context_, member);
}

bool RequestReader::finish(const ObjectWalk& object) {
  cutter_.finish();
  RequestFacts& facts = context_.facts;
  const RequestMember prompt = prompt_member(facts.kind);
  if (!facts.has(prompt)) {
    return context_.refuse("\"" + std::string(dialects::name(prompt)) +
                           "\" is missing: say what the model shall answer.");
  }
  const auto& limit = facts.value(RequestMember::MaxTokens);
  const auto& other = facts.value(RequestMember::MaxCompletionTokens);
  if (!limit.empty() && !other.empty() && walker_.raw(limit) != walker_.raw(other)) {
    return context_.refuse(
        "\"max_tokens\" and \"max_completion_tokens\" differ: give only "
        "\"max_completion_tokens\".");
  }
  std::erase(facts.models, facts.model);
  const std::size_t models = facts.models.size() + (facts.model.empty() ? 0 : 1);
  if (models > context_.limits.max_models) {
    return context_.refuse("\"model\" and \"models\" must name at most " +
                           std::to_string(context_.limits.max_models) + " models.");
  }
  place_limits();
  facts.without_stream_options = cutter_.optional();
  if (!seen(RequestMember::Model)) {
    facts.splices.add(SpliceKind::Head, {object.begin() + 1, object.begin() + 1});
  }
  facts.splices.add(SpliceKind::Tail, {object.close(), object.close()});
  return true;
}

// Both limits may stand there, with the same value or one of them null; then neither is renamed.
void RequestReader::place_limits() {
  RequestFacts& facts = context_.facts;
  const auto [old_value, new_value] = limit_values_;
  facts.has_limit_member = !old_value.empty() || !new_value.empty();
  if (!old_value.empty() && !new_value.empty()) {
    facts.splices.add(SpliceKind::OldLimit, old_value);
    facts.splices.add(SpliceKind::NewLimit, new_value);
    return;
  }
  if (facts.has_limit_member) {
    const std::size_t which = new_value.empty() ? 0 : 1;
    facts.splices.add(SpliceKind::LimitKey, limit_names_[which]);
    facts.splices.add(SpliceKind::LimitValue, limit_values_[which]);
  }
}

}  // namespace

Result<RequestFacts> read_request(RequestKind kind,
                                  std::string_view body,
                                  const RequestLimits& limits) {
  if (body.size() > std::numeric_limits<std::int32_t>::max()) {
    return Error(ErrorKind::InvalidRequest, "invalid_request",
                 "The request body must be smaller than 2 GiB.");
  }
  Result<RequestFacts> result(std::in_place);
  RequestFacts& facts = *result;
  facts.kind = kind;
  JsonWalker walker(body, JsonOrigin::Client, limits.max_depth);
  RequestContext context{walker, facts, limits, std::nullopt};
  RequestReader reader(context);
  if (reader.read()) {
    return result;
  }
  // The reader stopped at the first thing it refuses; a fault of the grammar
  // further on still goes first.
  JsonWalker whole(body, JsonOrigin::Client, limits.max_depth);
  const bool well_formed = whole.begin() && whole.take_value() && whole.finish();
  if (context.error && (well_formed || whole.fault().kind == JsonFaultKind::Ambiguous)) {
    return *std::move(context.error);
  }
  const JsonFault& fault = whole.fault();
  const std::string what =
      std::string(fault.what) + " (at byte " + std::to_string(fault.offset) + ").";
  if (fault.kind == JsonFaultKind::Ambiguous) {
    return Error(ErrorKind::InvalidRequest, "invalid_request",
                 "The request body holds what JSON readers take differently: " + what);
  }
  return Error(ErrorKind::InvalidRequest, "invalid_json",
               "The request body is not valid JSON: " + what);
}

}  // namespace waybill::dialects
