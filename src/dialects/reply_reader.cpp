#include "reply_reader.hpp"

#include "fault_reader.hpp"
#include "key_table.hpp"
#include "member_cutter.hpp"

namespace waybill::dialects {
namespace {

enum class ReplyMember : std::uint8_t {
  Id,
  Model,
  Provider,
  SystemFingerprint,
  Usage,
  Choices,
  Data,
  Error,
  Created,
  Object,
  ServiceTier,
  // Of errors that are not in an object of their own.
  Message,
  Detail,
  Code,
  Type,
};

constexpr auto kReplyMembers = make_key_table<ReplyMember>({
    {"id", ReplyMember::Id},
    {"model", ReplyMember::Model},
    {"provider", ReplyMember::Provider},
    {"system_fingerprint", ReplyMember::SystemFingerprint},
    {"usage", ReplyMember::Usage},
    {"choices", ReplyMember::Choices},
    {"data", ReplyMember::Data},
    {"error", ReplyMember::Error},
    {"created", ReplyMember::Created},
    {"object", ReplyMember::Object},
    {"service_tier", ReplyMember::ServiceTier},
    {"message", ReplyMember::Message},
    {"detail", ReplyMember::Detail},
    {"code", ReplyMember::Code},
    {"type", ReplyMember::Type},
});

class ReplyReader {
 public:
  ReplyReader(JsonWalker& walker,
              ReplyForm form,
              const UsageQuirks& quirks,
              ReplyMembers& members) noexcept
      : walker_(walker),
        form_(form),
        quirks_(quirks),
        members_(members),
        cutter_(members.splices) {}

  bool read_object();

 private:
  bool read_member(ObjectWalk& object, ReplyMember member);
  bool read_usage_member(ObjectWalk& object);
  bool read_fingerprint(ObjectWalk& object);
  bool read_owned(ObjectWalk& object, SpliceKind kind, ByteRange& value, bool& there);
  bool read_envelope();
  bool read_error(FaultReader& fault);
  bool keep(ByteRange& value);  // takes it; null is left empty
  void note_usage(ByteRange value, const UsageReading& reading);
  void add_missing(const ObjectWalk& object);

  JsonWalker& walker_;
  ReplyForm form_;
  const UsageQuirks& quirks_;
  ReplyMembers& members_;
  MemberCutter cutter_;
  unsigned usages_ = 0;
  UsageReading enveloped_;
  ByteRange enveloped_value_;
  ByteRange provider_;
};

bool ReplyReader::read_object() {
  members_.is_object = true;
  ObjectWalk object(walker_);
  JsonText name;
  while (object.next(name)) {
    const std::string_view text = walker_.decode(name);
    const auto member = kReplyMembers.find(text);
    if (member) {
      if (!read_member(object, *member)) {
        return false;
      }
      continue;
    }
    cutter_.keep(object);
    const bool envelope = !quirks_.envelope.empty() && text == quirks_.envelope;
    if (!(envelope ? read_envelope() : walker_.take_value())) {
      return false;
    }
  }
  if (!walker_.ok()) {
    return false;
  }
  cutter_.finish();
  members_.has_members = cutter_.kept();
  if (usages_ < 2 && members_.usage_value.empty() && !enveloped_value_.empty()) {
    note_usage(enveloped_value_, enveloped_);
  }
  add_missing(object);
  return true;
}

bool ReplyReader::read_member(ObjectWalk& object, ReplyMember member) {
  switch (member) {
    case ReplyMember::Id: return read_owned(object, SpliceKind::Id, members_.id, members_.has_id);
    case ReplyMember::Model:
      return read_owned(object, SpliceKind::Model, members_.model, members_.has_model);
    case ReplyMember::Provider:
      return read_owned(object, SpliceKind::Provider, provider_, members_.has_provider);
    case ReplyMember::SystemFingerprint: return read_fingerprint(object);
    case ReplyMember::Usage: return read_usage_member(object);
    default: break;
  }
  cutter_.keep(object);
  FaultReader fault(walker_, members_.fault);
  switch (member) {
    case ReplyMember::Choices: read_choices(walker_, form_, members_.choices); break;
    case ReplyMember::Data:
      if (walker_.peek() == JsonType::Array) {
        for (ArrayWalk list(walker_); list.next(); ++members_.vectors) {
          walker_.take_value();
        }
      } else {
        walker_.take_value();
      }
      break;
    case ReplyMember::Error: members_.has_error = read_error(fault) || members_.has_error; break;
    case ReplyMember::Created: keep(members_.created); break;
    case ReplyMember::Object: keep(members_.object); break;
    case ReplyMember::ServiceTier: keep(members_.service_tier); break;
    case ReplyMember::Message:
    case ReplyMember::Detail: fault.read_member(FaultMember::Message); break;
    case ReplyMember::Code: fault.read_member(FaultMember::Code); break;
    default: walker_.take_value(); break;
  }
  return walker_.ok();
}

// Whether there is one: null, false, 0, "" and {} say that there is none.
bool ReplyReader::read_error(FaultReader& fault) {
  const JsonType type = walker_.peek();
  const std::uint32_t begin = walker_.position();
  fault.read();
  const std::string_view value = walker_.raw({begin, walker_.position()});
  const bool empty = type == JsonType::Object
                         ? value.find_first_not_of(" \t\r\n", 1) + 1 == value.size()
                         : value == "\"\"" || value == "false" || value == "0";
  return type != JsonType::Null && !empty;
}

bool ReplyReader::keep(ByteRange& value) {
  const bool null = walker_.peek() == JsonType::Null;
  ByteRange range;
  if (walker_.take_value(range) && !null) {
    value = range;
  }
  return walker_.ok();
}

bool ReplyReader::read_owned(ObjectWalk& object, SpliceKind kind, ByteRange& value, bool& there) {
  if (there) {
    return false;
  }
  there = true;
  cutter_.keep(object);
  const bool string = walker_.peek() == JsonType::String;
  ByteRange range;
  if (!walker_.take_value(range)) {
    return false;
  }
  members_.splices.add(kind, range);
  if (string) {
    value = range;
  }
  return true;
}

bool ReplyReader::read_fingerprint(ObjectWalk& object) {
  if (members_.has_fingerprint) {
    return false;
  }
  members_.has_fingerprint = true;
  const bool cut = walker_.peek() == JsonType::Null && form_ == ReplyForm::Chunk;
  if (!keep(members_.system_fingerprint)) {
    return false;
  }
  if (cut) {
    cutter_.cut(object, walker_.position());
  } else {
    cutter_.keep(object);
  }
  return true;
}

// Given twice, no one can say which the provider meant: neither counts.
bool ReplyReader::read_usage_member(ObjectWalk& object) {
  if (++usages_ > 2) {
    return false;
  }
  const bool null = walker_.peek() == JsonType::Null;
  ByteRange value{walker_.position(), 0};
  const UsageReading reading = read_usage(walker_, quirks_);
  if (!walker_.ok()) {
    return false;
  }
  value.end = walker_.position();
  if (usages_ == 2) {
    note_usage({}, UsageReading{std::nullopt, UsageFault::Repeated});
  } else if (!null) {
    note_usage(value, reading);
  }
  if (form_ == ReplyForm::Chunk || usages_ == 2) {
    cutter_.cut(object, value.end);
  } else {
    cutter_.keep(object);
    members_.splices.add(SpliceKind::Usage, value);
  }
  return true;
}

void ReplyReader::note_usage(ByteRange value, const UsageReading& reading) {
  members_.usage_value = value;
  members_.usage = reading;
}

bool ReplyReader::read_envelope() {
  if (walker_.peek() != JsonType::Object) {
    return walker_.take_value();
  }
  ObjectWalk object(walker_);
  JsonText name;
  while (object.next(name)) {
    if (walker_.decode(name) != "usage" || walker_.peek() != JsonType::Object) {
      walker_.take_value();
      continue;
    }
    enveloped_value_.begin = walker_.position();
    enveloped_ = read_usage(walker_, quirks_);
    enveloped_value_.end = walker_.position();
  }
  return walker_.ok();
}

void ReplyReader::add_missing(const ObjectWalk& object) {
  if (!members_.has_id || !members_.has_model) {
    const std::uint32_t at = object.begin() + 1;
    members_.splices.add(SpliceKind::Head, {at, at});
  }
  if (members_.has_model) {
    for (const Splice& splice : members_.splices) {
      if (splice.kind == SpliceKind::Model) {
        const std::uint32_t at = splice.range.end;
        members_.splices.add(SpliceKind::AfterModel, {at, at});
        break;
      }
    }
  }
  if (form_ == ReplyForm::Body && usages_ == 0) {
    members_.splices.add(SpliceKind::Tail, {object.close(), object.close()});
  }
}

}  // namespace

bool read_reply_members(JsonWalker& walker,
                        ReplyForm form,
                        const UsageQuirks& quirks,
                        ReplyMembers& members) {
  if (!walker.begin()) {
    return false;
  }
  ReplyReader reader(walker, form, quirks, members);
  const JsonType type = walker.peek();
  if (type == JsonType::Object) {
    return reader.read_object() && walker.finish();
  }
  if (type != JsonType::Array) {
    return walker.take_value() && walker.finish();
  }
  // Google's OpenAI-shaped errors come in a list of one.
  ArrayWalk list(walker);
  for (bool first = true; list.next(); first = false) {
    if (!first || walker.peek() != JsonType::Object) {
      walker.take_value();
      continue;
    }
    SpliceList unused;  // an error in a list is never written
    ReplyMembers inner(members.fault, unused);
    if (!ReplyReader(walker, form, quirks, inner).read_object()) {
      return false;
    }
    members.has_error = inner.has_error;
  }
  return walker.finish();
}

std::string decoded_value(JsonWalker& walker, ByteRange value, std::size_t most) {
  if (value.size() < 2) {
    return {};
  }
  JsonText text;
  text.raw = {value.begin + 1, value.end - 1};
  text.escaped = walker.raw(text.raw).find('\\') != std::string_view::npos;
  return std::string(walker.decode(text).substr(0, most));
}

}  // namespace waybill::dialects
