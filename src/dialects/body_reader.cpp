#include "body_reader.hpp"

#include <algorithm>

#include "waybill/base/text.hpp"

#include "media_url.hpp"
#include "request_members.hpp"

namespace waybill::dialects {
namespace {

constexpr std::size_t kMaxLabel = 256;
constexpr std::size_t kMaxModels = 8;

std::string number_text(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) {
    text.pop_back();
  }
  return text;
}

std::string range_rule(std::string_view kind, const std::string& least, const std::string& most) {
  return std::string(kind) + " from " + least + " to " + most;
}

}  // namespace

BodyReader::BodyReader(std::string_view body) {
  if (body.size() > std::numeric_limits<std::int32_t>::max()) {
    refuse_saying("The request body must be smaller than 2 GiB.");
    return;
  }
  if (tree_.parse(body, JsonOrigin::Client)) {
    if (!tree_.root().is_object()) {
      refuse_saying("The request body must be a JSON object.");
    }
    return;
  }
  const JsonFault& json = tree_.fault();
  const std::string what =
      std::string(json.what) + " (at byte " + std::to_string(json.offset) + ").";
  if (json.kind == JsonFaultKind::Ambiguous) {
    refuse_saying("The request body holds what JSON readers take differently: " + what);
  } else {
    fault_.emplace(ErrorKind::InvalidRequest, "invalid_json",
                   "The request body is not valid JSON: " + what);
  }
}

void BodyReader::refuse_saying(std::string sentence) {
  if (!fault_) {
    fault_.emplace(ErrorKind::InvalidRequest, "invalid_request", std::move(sentence));
  }
}

void BodyReader::refuse(std::string_view path, std::string_view rule) {
  if (!fault_) {
    refuse_saying('"' + printable(path, 200) + "\" must be " + std::string(rule) + '.');
  }
}

void BodyReader::refuse(const JsonRef& value, std::string_view rule) {
  if (!fault_) {
    refuse(value.path(), rule);
  }
}

JsonRef BodyReader::need(const JsonRef& object, std::string_view member, std::string_view what) {
  const JsonRef found = object[member];
  if (!found.given() && !fault_) {
    std::string path = object.path();
    path += path.empty() ? "" : ".";
    refuse_saying('"' + printable(path + std::string(member), 200) +
                  "\" is missing: " + std::string(what) + '.');
  }
  return found;
}

void BodyReader::names(const JsonRef& object,
                       std::initializer_list<std::string_view> known,
                       std::vector<std::string>& unknown) {
  if (!object.is_object() || fault_) {
    return;
  }
  std::uint64_t seen = 0;
  for (const JsonRef member : object) {
    const std::string name = member.name();
    const auto* const found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      unknown.push_back(printable(member.path(), 100));
      continue;
    }
    const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(found - known.begin());
    if ((seen & bit) != 0) {
      refuse_saying('"' + printable(member.path(), 200) + "\" is given twice.");
    }
    seen |= bit;
  }
}

std::string BodyReader::text(const JsonRef& value) {
  if (!value.given()) {
    return {};
  }
  if (!value.is_string()) {
    refuse(value, "a string");
  }
  return value.text();
}

std::optional<bool> BodyReader::flag(const JsonRef& value) {
  if (!value.given()) {
    return std::nullopt;
  }
  const auto found = value.flag();
  if (!found) {
    refuse(value, "true or false");
  }
  return found;
}

std::optional<double> BodyReader::number(const JsonRef& value, double least, double most) {
  if (!value.given()) {
    return std::nullopt;
  }
  const auto found = value.number();
  if (!found || *found < least || *found > most) {
    refuse(value, range_rule("a number", number_text(least), number_text(most)));
    return std::nullopt;
  }
  return found;
}

std::optional<std::uint64_t> BodyReader::count(const JsonRef& value,
                                               std::uint64_t least,
                                               std::uint64_t most) {
  if (!value.given()) {
    return std::nullopt;
  }
  const auto found = value.count();
  if (!found || *found < least || *found > most) {
    refuse(value, range_rule("a whole number", std::to_string(least), std::to_string(most)));
    return std::nullopt;
  }
  return found;
}

std::optional<std::int64_t> BodyReader::integer(const JsonRef& value) {
  if (!value.given()) {
    return std::nullopt;
  }
  const auto found = value.integer();
  if (!found) {
    refuse(value, "a whole number of 64 bits");
  }
  return found;
}

std::string BodyReader::json_object(const JsonRef& value) {
  return object(value) ? std::string(value.raw()) : std::string();
}

std::optional<std::size_t> BodyReader::one_of(const JsonRef& value,
                                              std::initializer_list<std::string_view> words) {
  if (!value.given()) {
    return std::nullopt;
  }
  const std::string found = value.text();
  const auto* const word = std::find(words.begin(), words.end(), found);
  if (value.is_string() && word != words.end()) {
    return static_cast<std::size_t>(word - words.begin());
  }
  std::string rule = words.size() > 1 ? "one of " : "";
  for (const std::string_view each : words) {
    rule += rule.empty() || rule == "one of " ? "\"" : ", \"";
    rule.append(each) += '"';
  }
  refuse(value, rule);
  return std::nullopt;
}

std::vector<std::string> BodyReader::texts(const JsonRef& value, std::size_t most) {
  std::vector<std::string> out;
  if (array(value, most)) {
    for (const JsonRef each : value) {
      if (!each.is_string()) {
        refuse(each, "a string");
      }
      out.push_back(each.text());
    }
  }
  return out;
}

bool BodyReader::object(const JsonRef& value) {
  if (value.given() && !value.is_object()) {
    refuse(value, "an object");
  }
  return value.is_object();
}

bool BodyReader::array(const JsonRef& value, std::size_t most) {
  if (value.given() && !value.is_array()) {
    refuse(value, "a list");
  }
  if (value.is_array() && value.size() > most) {
    refuse(value, "a list of at most " + std::to_string(most) + " elements");
    return false;
  }
  return value.is_array();
}

void BodyReader::media_url(const JsonRef& value, MediaPart& media) {
  const std::string url = text(value);
  switch (classify_media_url(url)) {
    case MediaUrl::Remote:
      media.source = MediaPart::Source::Url;
      media.data = url;
      return;
    case MediaUrl::Data: break;
    case MediaUrl::BadScheme: refuse(value, "an https, http or data URL"); return;
    case MediaUrl::Malformed:
      refuse(value,
             "a plain https or http URL: https://host/path, without user, blanks or "
             "backslashes");
      return;
    case MediaUrl::Private:
      refuse(value, "no address inside a private network: send the media as a data URL instead");
      return;
  }
  constexpr std::string_view kScheme = "data:";
  constexpr std::string_view kBase64 = ";base64";
  const std::size_t comma = url.find(',');
  std::string_view type = std::string_view(url).substr(0, comma).substr(kScheme.size());
  if (comma == std::string::npos || !type.ends_with(kBase64)) {
    refuse(value, "a data URL in base64: data:TYPE;base64,BYTES");
    return;
  }
  type.remove_suffix(kBase64.size());
  media.source = MediaPart::Source::Data;
  media.media_type = type.substr(0, type.find(';'));
  media.data = url.substr(comma + 1);
}

bool BodyReader::is_router_member(std::string_view name) {
  const auto member = find_request_member(name);
  return member && *member != RequestMember::Forbidden && dialects::is_router_member(*member);
}

void BodyReader::router_members(Conversation& conversation) {
  for (const JsonRef member : root()) {
    if (find_request_member(member.name()) == RequestMember::Forbidden) {
      refuse_saying("\"" + printable(member.name()) +
                    "\" is not allowed in a request: where and with whose key providers are "
                    "called is the operator's setting.");
    }
  }
  conversation.models = texts(root()["models"], kMaxModels);
  conversation.session_id = text(root()["session_id"]);
  if (conversation.session_id.size() > kMaxLabel) {
    refuse(root()["session_id"], "at most 256 bytes long");
  }
  const std::string& model = conversation.model;
  const bool control = std::ranges::any_of(model, [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  if (model.size() > kMaxLabel || control) {
    refuse("model", "at most 256 bytes long, without control characters");
  }
}

}  // namespace waybill::dialects
