// What may stand in a request: formats, names, ids, breakpoints.

#include "request_parts.hpp"

#include <algorithm>
#include <array>

#include "waybill/base/ascii.hpp"
#include "waybill/base/digest.hpp"
#include "waybill/base/text.hpp"

namespace waybill::dialects::bedrock {
namespace {

using Kind = MediaPart::Kind;

struct FormatRow {
  Kind kind;
  std::string_view media_type;
  std::string_view format;
};
// ImageFormat, DocumentFormat, VideoFormat and AudioFormat, Amazon Bedrock API Reference.
constexpr std::array<FormatRow, 47> kFormats{{
    {Kind::Image, "image/png", "png"},
    {Kind::Image, "image/jpeg", "jpeg"},
    {Kind::Image, "image/jpg", "jpeg"},
    {Kind::Image, "image/gif", "gif"},
    {Kind::Image, "image/webp", "webp"},
    {Kind::File, "application/pdf", "pdf"},
    {Kind::File, "text/csv", "csv"},
    {Kind::File, "application/msword", "doc"},
    {Kind::File, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
    {Kind::File, "application/vnd.ms-excel", "xls"},
    {Kind::File, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    {Kind::File, "text/html", "html"},
    {Kind::File, "text/plain", "txt"},
    {Kind::File, "text/markdown", "md"},
    {Kind::File, "application/json", "txt"},
    {Kind::File, "application/xml", "txt"},
    {Kind::File, "application/yaml", "txt"},
    {Kind::Video, "video/x-matroska", "mkv"},
    {Kind::Video, "video/quicktime", "mov"},
    {Kind::Video, "video/mov", "mov"},
    {Kind::Video, "video/mp4", "mp4"},
    {Kind::Video, "video/webm", "webm"},
    {Kind::Video, "video/x-flv", "flv"},
    {Kind::Video, "video/mpeg", "mpeg"},
    {Kind::Video, "video/mpg", "mpg"},
    {Kind::Video, "video/x-ms-wmv", "wmv"},
    {Kind::Video, "video/wmv", "wmv"},
    {Kind::Video, "video/3gpp", "three_gp"},
    {Kind::Audio, "audio/mp3", "mp3"},
    {Kind::Audio, "audio/mpeg", "mp3"},
    {Kind::Audio, "audio/opus", "opus"},
    {Kind::Audio, "audio/wav", "wav"},
    {Kind::Audio, "audio/x-wav", "wav"},
    {Kind::Audio, "audio/wave", "wav"},
    {Kind::Audio, "audio/aac", "aac"},
    {Kind::Audio, "audio/x-aac", "x-aac"},
    {Kind::Audio, "audio/flac", "flac"},
    {Kind::Audio, "audio/mp4", "mp4"},
    {Kind::Audio, "audio/ogg", "ogg"},
    {Kind::Audio, "audio/x-matroska", "mka"},
    {Kind::Audio, "audio/m4a", "m4a"},
    {Kind::Audio, "audio/x-m4a", "m4a"},
    {Kind::Audio, "audio/mpga", "mpga"},
    {Kind::Audio, "audio/pcm", "pcm"},
    {Kind::Audio, "audio/pcm16", "pcm"},
    {Kind::Audio, "audio/l16", "pcm"},
    {Kind::Audio, "audio/webm", "webm"},
}};

struct BeginRow {
  Kind kind;
  std::string_view base64;
  std::string_view format;
};
// The first bytes of files, in base64.
constexpr std::array<BeginRow, 5> kBegins{{
    {Kind::Image, "iVBORw0KGgo", "png"},
    {Kind::Image, "/9j/", "jpeg"},
    {Kind::Image, "R0lGOD", "gif"},
    {Kind::Image, "UklGR", "webp"},
    {Kind::File, "JVBERi", "pdf"},
}};

std::string lowercase(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

std::string_view format_by_extension(Kind kind, std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) {
    return {};
  }
  const std::string extension = lowercase(name.substr(dot + 1));
  if (extension == "jpg" && kind == Kind::Image) {
    return "jpeg";
  }
  if (extension == "htm" && kind == Kind::File) {
    return "html";
  }
  const auto* const row = std::ranges::find_if(kFormats, [&](const FormatRow& each) {
    return each.kind == kind && each.format == extension;
  });
  return row == kFormats.end() ? std::string_view{} : row->format;
}

}  // namespace

std::string_view format_of(const MediaPart& media) {
  std::string type = lowercase(media.media_type);
  type.resize(std::min(type.size(), type.find(';')));
  for (const FormatRow& row : kFormats) {
    if (row.kind == media.kind && row.media_type == type) {
      return row.format;
    }
  }
  const std::string_view by_name = format_by_extension(media.kind, media.name);
  if (!by_name.empty()) {
    return by_name;
  }
  for (const BeginRow& row : kBegins) {
    if (row.kind == media.kind && media.data.starts_with(row.base64)) {
      return row.format;
    }
  }
  const bool text = media.source == MediaPart::Source::Text || type.starts_with("text/");
  return media.kind == Kind::File && text ? "txt" : "";
}

std::string document_name(std::string_view name, std::string_view format) {
  constexpr std::size_t kLongest = 180;  // of 200: room for a number that makes it unique
  constexpr std::string_view kOthers = "-()[]";
  const std::size_t dot = name.rfind('.');
  if (dot != std::string_view::npos && lowercase(name.substr(dot + 1)) == format) {
    name = name.substr(0, dot);
  }
  std::string out;
  for (const char c : name.substr(0, kLongest)) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (blank) {
      if (!out.empty() && out.back() != ' ') {
        out += ' ';
      }
    } else {
      out += is_alphanumeric(c) || kOthers.find(c) != std::string_view::npos ? c : '-';
    }
  }
  while (out.ends_with(' ')) {
    out.pop_back();
  }
  return out.empty() ? "document" : out;
}

std::string tool_use_id(std::string_view id) {
  constexpr std::size_t kLongest = 64;
  constexpr std::size_t kDigits = 16;
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '_' || c == '-'; };
  if (!id.empty() && id.size() <= kLongest && std::ranges::all_of(id, allowed)) {
    return std::string(id);
  }
  std::string out(id.substr(0, kLongest - kDigits - 1));
  for (char& c : out) {
    c = allowed(c) ? c : '_';
  }
  return out + '_' + to_hex(sha256(id)).substr(0, kDigits);
}

bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

void CachePoints::write(CacheMark mark) {
  if (mark == CacheMark::None || !allowed_) {
    return;
  }
  if (to_skip_ > 0) {
    --to_skip_;
    return;
  }
  json_.begin_object();
  json_.begin_object("cachePoint");
  json_.text("type", "default");
  if (mark != CacheMark::Default) {
    json_.text("ttl", mark == CacheMark::OneHour ? "1h" : "5m");
  }
  json_.end_object();
  json_.end_object();
}

CacheMark mark_of(const Part& part) {
  const auto* const result = std::get_if<ToolResultPart>(&part.value);
  CacheMark mark = part.cache;
  if (result != nullptr && mark == CacheMark::None) {
    for (const Part& inner : result->content) {
      mark = inner.cache == CacheMark::None ? mark : inner.cache;
    }
  }
  return mark;
}

}  // namespace waybill::dialects::bedrock
