#include "request_messages.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "key_table.hpp"
#include "media_url.hpp"

namespace waybill::dialects {
namespace {

enum class MessageMember : std::uint8_t {
  Role,
  Content,
  Name,
  ToolCalls,
  ToolCallId,
  Images,
};

constexpr auto kMessageMembers = make_key_table<MessageMember>({
    {"role", MessageMember::Role},
    {"content", MessageMember::Content},
    {"name", MessageMember::Name},
    {"tool_calls", MessageMember::ToolCalls},
    {"tool_call_id", MessageMember::ToolCallId},
    {"images", MessageMember::Images},
});

enum class PartMember : std::uint8_t {
  Type,
  Text,
  ImageUrl,
  VideoUrl,
  AudioUrl,
  InputAudio,
  File,
};

constexpr auto kPartMembers = make_key_table<PartMember>({
    {"type", PartMember::Type},
    {"text", PartMember::Text},
    {"image_url", PartMember::ImageUrl},
    {"video_url", PartMember::VideoUrl},
    {"audio_url", PartMember::AudioUrl},
    {"input_audio", PartMember::InputAudio},
    {"file", PartMember::File},
});

constexpr std::array<std::string_view, 6> kRoles{"system",    "developer", "user",
                                                 "assistant", "tool",      "function"};

// What a media member may hold.
enum class MediaText : std::uint8_t {
  Url,         // an https, http or data URL
  UrlOrBytes,  // that, or bare base64
};

class MessageReader {
 public:
  MessageReader(RequestContext& context, std::string_view list, std::uint64_t index) noexcept
      : context_(context),
        walker_(context.walker),
        list_(list),
        index_(index) {}

  bool read_message();
  bool read_part();

  [[nodiscard]] bool has_role() const noexcept { return has(seen_, MessageMember::Role); }
  // "messages[3]", then what is added.
  [[nodiscard]] std::string place(std::string_view more) const;

 private:
  template <class Member>
  static bool has(std::uint32_t seen, Member member) noexcept {
    return (seen >> static_cast<unsigned>(member) & 1U) != 0;
  }
  // True, and remembers it, where `member` comes for the first time.
  template <class Member>
  static bool first(std::uint32_t& seen, Member member) noexcept {
    const bool fresh = !has(seen, member);
    seen |= 1U << static_cast<unsigned>(member);
    return fresh;
  }

  bool read_member(MessageMember member);
  bool read_role();
  bool read_content();
  bool read_parts(std::string_view member);
  bool read_part_member(PartMember member);
  bool read_media(std::string_view member, std::string_view inner, MediaText allowed);
  bool read_media_text(std::string_view member, MediaText allowed);
  bool take_uncounted();
  void mark(PartMember member) noexcept;

  RequestContext& context_;
  JsonWalker& walker_;
  std::string_view list_;
  std::uint64_t index_;
  std::string_view part_list_;
  std::uint64_t part_ = 0;
  std::uint32_t seen_ = 0;
  std::uint32_t part_seen_ = 0;
};

std::string MessageReader::place(std::string_view more) const {
  std::string text = std::string(list_) + '[' + std::to_string(index_) + ']';
  if (!part_list_.empty()) {
    text += '.' + std::string(part_list_) + '[' + std::to_string(part_) + ']';
  }
  if (!more.empty()) {
    text += '.';
    text += more;
  }
  return text;
}

// Takes a value whose strings are not part of the prompt's text.
bool MessageReader::take_uncounted() {
  const std::uint64_t before = walker_.string_bytes();
  const bool good = walker_.take_value();
  context_.facts.text_bytes -= walker_.string_bytes() - before;
  return good;
}

bool MessageReader::read_message() {
  ObjectWalk object(walker_);
  JsonText name;
  while (object.next(name)) {
    const auto member = kMessageMembers.find(walker_.decode(name));
    if (!member) {
      if (!walker_.take_value()) {
        return false;
      }
      continue;
    }
    if (!first(seen_, *member)) {
      return context_.refuse(place(walker_.decode(name)) + " is given twice.");
    }
    if (!read_member(*member)) {
      return false;
    }
  }
  return walker_.ok();
}

bool MessageReader::read_member(MessageMember member) {
  switch (member) {
    case MessageMember::Role: return read_role();
    case MessageMember::ToolCallId: return take_uncounted();
    case MessageMember::Content: return read_content();
    case MessageMember::Images:
      return walker_.peek() == JsonType::Array ? read_parts("images") : walker_.take_value();
    case MessageMember::Name:
    case MessageMember::ToolCalls: break;
  }
  return walker_.take_value();
}

// A role that no provider knows is refused here, before it costs an attempt.
bool MessageReader::read_role() {
  if (walker_.peek() != JsonType::String) {
    return walker_.ok() && context_.refuse(place("role") + " must be a string.");
  }
  JsonText text;
  if (!walker_.take_string(text)) {
    return false;
  }
  context_.facts.text_bytes -= text.decoded_size;
  const std::string_view role = walker_.decode(text);
  context_.facts.ends_with_assistant = role == "assistant";  // the last one stands
  return std::ranges::find(kRoles, role) != kRoles.end() ||
         context_.refuse(place("role") +
                         " must be one of system, developer, user, assistant, tool and function.");
}

bool MessageReader::read_content() {
  switch (walker_.peek()) {
    case JsonType::None: return false;
    case JsonType::String:
    case JsonType::Null: return walker_.take_value();
    case JsonType::Array: return read_parts("content");
    case JsonType::Object:
    case JsonType::Number:
    case JsonType::True:
    case JsonType::False: break;
  }
  return context_.refuse(place("content") + " must be a string, a list of content parts, or null.");
}

bool MessageReader::read_parts(std::string_view member) {
  part_list_ = member;
  part_ = 0;
  ArrayWalk parts(walker_);
  for (; parts.next(); ++part_) {
    const JsonType type = walker_.peek();
    if (type == JsonType::Object) {
      if (!read_part()) {
        return false;
      }
      continue;
    }
    if (type != JsonType::String) {
      return walker_.ok() && context_.refuse(place("") + " must be a content part (an object).");
    }
    if (!walker_.take_value()) {
      return false;
    }
  }
  part_list_ = {};
  return walker_.ok();
}

bool MessageReader::read_part() {
  part_seen_ = 0;
  ObjectWalk object(walker_);
  JsonText name;
  while (object.next(name)) {
    const auto member = kPartMembers.find(walker_.decode(name));
    if (!member) {
      if (!walker_.take_value()) {
        return false;
      }
      continue;
    }
    if (!first(part_seen_, *member)) {
      return context_.refuse(place(walker_.decode(name)) + " is given twice.");
    }
    if (!read_part_member(*member)) {
      return false;
    }
  }
  return walker_.ok();
}

bool MessageReader::read_part_member(PartMember member) {
  mark(member);
  switch (member) {
    case PartMember::Type: return take_uncounted();
    case PartMember::Text: return walker_.take_value();
    case PartMember::ImageUrl: return read_media("image_url", "url", MediaText::Url);
    case PartMember::VideoUrl: return read_media("video_url", "url", MediaText::Url);
    case PartMember::AudioUrl: return read_media("audio_url", "url", MediaText::Url);
    case PartMember::InputAudio: return read_media("input_audio", "data", MediaText::UrlOrBytes);
    case PartMember::File: return read_media("file", "file_data", MediaText::UrlOrBytes);
  }
  return false;
}

void MessageReader::mark(PartMember member) noexcept {
  RequestFacts& facts = context_.facts;
  if (member == PartMember::ImageUrl) {
    facts.has_images = true;
    ++facts.image_count;
  }
  facts.has_video = facts.has_video || member == PartMember::VideoUrl;
  facts.has_audio =
      facts.has_audio || member == PartMember::AudioUrl || member == PartMember::InputAudio;
  facts.has_files = facts.has_files || member == PartMember::File;
  if (member >= PartMember::ImageUrl) {
    ++facts.media_count;
  }
}

// {"url": "..."}, or the string itself, as some servers take it.
bool MessageReader::read_media(std::string_view member, std::string_view inner, MediaText allowed) {
  const JsonType type = walker_.peek();
  if (type == JsonType::String) {
    return read_media_text(member, allowed);
  }
  if (type != JsonType::Object) {
    return walker_.ok() && context_.refuse(place(member) + " must be an object.");
  }
  ObjectWalk object(walker_);
  JsonText name;
  bool found = false;
  while (object.next(name)) {
    if (walker_.decode(name) != inner) {
      if (!take_uncounted()) {
        return false;
      }
      continue;
    }
    if (found) {
      return context_.refuse(place(member) + '.' + std::string(inner) + " is given twice.");
    }
    found = true;
    const bool text = walker_.peek() == JsonType::String;
    if (!text) {
      return walker_.ok() &&
             context_.refuse(place(member) + '.' + std::string(inner) + " must be a string.");
    }
    if (!read_media_text(member, allowed)) {
      return false;
    }
  }
  return walker_.ok();
}

bool MessageReader::read_media_text(std::string_view member, MediaText allowed) {
  JsonText text;
  if (!walker_.take_string(text)) {
    return false;
  }
  RequestFacts& facts = context_.facts;
  facts.text_bytes -= text.decoded_size;
  const std::string_view raw = walker_.raw(text.raw);
  const bool bare = raw.substr(0, 16).find(':') == std::string_view::npos && !text.escaped;
  if (bare && allowed == MediaText::UrlOrBytes) {
    facts.media_bytes += text.decoded_size;
    return true;
  }
  switch (classify_media_url(walker_.decode(text))) {
    case MediaUrl::Data: facts.media_bytes += text.decoded_size; return true;
    case MediaUrl::Remote: facts.has_remote_media = true; return true;
    case MediaUrl::BadScheme:
      return context_.refuse(place(member) + " must be an https, http or data URL.");
    case MediaUrl::Malformed:
      return context_.refuse(place(member) +
                             " is not a plain https or http URL: write it as "
                             "https://host/path, without user, blanks or backslashes.");
    case MediaUrl::Private: break;
  }
  return context_.refuse(place(member) +
                         " names an address inside a private network: send the media as a data "
                         "URL instead.");
}

}  // namespace

bool read_messages(RequestContext& context) {
  JsonWalker& walker = context.walker;
  if (walker.peek() != JsonType::Array) {
    return walker.ok() && context.refuse("\"messages\" must be a list of messages.");
  }
  const std::uint64_t before = walker.string_bytes();
  std::uint64_t& count = context.facts.message_count;
  ArrayWalk messages(walker);
  while (messages.next()) {
    MessageReader reader(context, "messages", count);
    if (walker.peek() != JsonType::Object) {
      return walker.ok() &&
             context.refuse(reader.place("") + " must be an object with \"role\" and \"content\".");
    }
    if (count == context.limits.max_messages) {
      return context.refuse("\"messages\" must hold at most " +
                            std::to_string(context.limits.max_messages) + " messages.");
    }
    if (!reader.read_message()) {
      return false;
    }
    if (!reader.has_role()) {
      return context.refuse(reader.place("role") + " is missing.");
    }
    ++count;
  }
  context.facts.text_bytes += walker.string_bytes() - before;
  if (walker.ok() && count == 0) {
    return context.refuse("\"messages\" must hold at least one message.");
  }
  return walker.ok();
}

bool read_embedding_part(RequestContext& context, std::uint64_t index) {
  MessageReader reader(context, "input", index);
  return reader.read_message();
}

}  // namespace waybill::dialects
