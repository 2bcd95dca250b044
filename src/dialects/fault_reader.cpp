#include "fault_reader.hpp"

#include <charconv>
#include <system_error>

#include "waybill/base/text.hpp"

#include "key_table.hpp"
#include "reply_form.hpp"

namespace waybill::dialects {
namespace {

constexpr auto kFaultMembers = make_key_table<FaultMember>({
    {"message", FaultMember::Message},
    {"detail", FaultMember::Message},
    {"code", FaultMember::Code},
    {"type", FaultMember::Type},
    {"status", FaultMember::Status},
    {"status_code", FaultMember::Status},
});

}  // namespace

void FaultReader::read() {
  const JsonType type = walker_.peek();
  if (type != JsonType::Object) {
    read_member(FaultMember::Message);
    return;
  }
  ObjectWalk object(walker_);
  JsonText name;
  while (object.next(name)) {
    const auto member = kFaultMembers.find(walker_.decode(name));
    if (member) {
      read_member(*member);
    } else {
      walker_.take_value();
    }
  }
}

void FaultReader::read_member(FaultMember member) {
  const std::string text = take_scalar();
  if (text.empty()) {
    return;
  }
  switch (member) {
    case FaultMember::Message:
      fault_.message = printable(text, UpstreamFault::kMaxBytes - 3);
      break;
    case FaultMember::Code:
      fault_.code = printable(text, kMaxWord - 3);
      note_status(text);
      break;
    case FaultMember::Type: fault_.type = printable(text, kMaxWord - 3); break;
    case FaultMember::Status: note_status(text); break;
  }
}

// A string or a number as text, everything else as nothing.
std::string FaultReader::take_scalar() {
  const JsonType type = walker_.peek();
  if (type == JsonType::String) {
    JsonText text;
    return walker_.take_string(text) ? std::string(walker_.decode(text)) : std::string();
  }
  ByteRange range;
  if (!walker_.take_value(range) || type != JsonType::Number) {
    return {};
  }
  return std::string(walker_.raw(range));
}

void FaultReader::note_status(std::string_view text) noexcept {
  int status = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), status);
  if (ec == std::errc() && end == text.data() + text.size() && status >= 400 && status <= 599) {
    fault_.status = status;
  }
}

}  // namespace waybill::dialects
