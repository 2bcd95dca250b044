#include "request_checks.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace waybill::dialects {
namespace {

std::string quoted(RequestMember member) {
  return '"' + std::string(name(member)) + '"';
}

bool has_control_bytes(std::string_view text) noexcept {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

}  // namespace

bool refuse(RequestContext& context, RequestMember member, std::string_view rule) {
  return context.refuse(quoted(member) + " must be " + std::string(rule) + '.');
}

bool expect(RequestContext& context, RequestMember member, JsonType type, std::string_view rule) {
  const JsonType found = context.walker.peek();
  return found == type || (context.walker.ok() && refuse(context, member, rule));
}

bool read_number(RequestContext& context, RequestMember member, const NumberRange& allowed) {
  ByteRange range;
  if (!expect(context, member, JsonType::Number, allowed.rule) ||
      !context.walker.take_value(range)) {
    return false;
  }
  const std::string_view token = context.walker.raw(range);
  double value = 0;
  const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    value = 0;  // it underflows: what is too large is no valid JSON for us
  }
  const bool good = value >= allowed.least && value <= allowed.most &&
                    (value > allowed.least || !allowed.above_least);
  return good || refuse(context, member, allowed.rule);
}

bool read_whole(RequestContext& context,
                RequestMember member,
                const WholeRange& allowed,
                std::uint64_t& value) {
  ByteRange range;
  if (!expect(context, member, JsonType::Number, allowed.rule) ||
      !context.walker.take_value(range)) {
    return false;
  }
  const std::string_view token = context.walker.raw(range);
  const auto [end, ec] = std::from_chars(token.data(), token.data() + token.size(), value);
  const bool good = ec == std::errc() && end == token.data() + token.size() &&
                    value >= allowed.least && value <= allowed.most;
  return good || refuse(context, member, allowed.rule);
}

bool read_label(RequestContext& context,
                RequestMember member,
                std::size_t most,
                std::string& label) {
  JsonText text;
  if (!expect(context, member, JsonType::String, "a string") || !context.walker.take_string(text)) {
    return false;
  }
  const std::string_view decoded = context.walker.decode(text);
  if (decoded.size() > most) {
    return refuse(context, member, "at most " + std::to_string(most) + " bytes long");
  }
  if (has_control_bytes(decoded)) {
    return refuse(context, member, "free of control characters");
  }
  label = decoded;
  return true;
}

}  // namespace waybill::dialects
