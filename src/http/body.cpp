#include "waybill/http/body.hpp"

#include <algorithm>

#include "waybill/base/ascii.hpp"

#include "head_check.hpp"

namespace waybill::http {
namespace {

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

bool is_text(char c) noexcept {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

// A chunk's size may have leading zeros (RFC 9112 §7.1), but not without end.
constexpr unsigned kMaxSizeDigits = 32;

constexpr const char* kTooLarge = "The body is larger than is accepted here.";
constexpr const char* kBadChunk = "The chunked body breaks HTTP's grammar.";

}  // namespace

BodyDecoder::BodyDecoder(Framing framing, const BodyLimits& limits) : limits_(limits) {
  switch (framing.kind) {
    case Framing::Kind::None: stage_ = Stage::Done; break;
    case Framing::Kind::UntilClose: stage_ = Stage::UntilClose; break;
    case Framing::Kind::Chunked: stage_ = Stage::Size; break;
    case Framing::Kind::Length:
      remaining_ = framing.length;
      stage_ = remaining_ == 0 ? Stage::Done : Stage::Length;
      if (remaining_ > limits_.max_body) {
        fail(413, "body_too_large", kTooLarge);
      }
      break;
  }
}

bool BodyDecoder::fail(unsigned status, const char* code, const char* detail) {
  stage_ = Stage::Failed;
  fault_ = Rejection{status, Error(ErrorKind::InvalidRequest, code, detail)};
  return false;
}

bool BodyDecoder::at_clean_end() const noexcept {
  return stage_ == Stage::Done || stage_ == Stage::UntilClose;
}

BodyDecoder::Step BodyDecoder::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (stage_ != Stage::Failed && stage_ != Stage::Done && used < bytes.size()) {
    if (stage_ == Stage::UntilClose || stage_ == Stage::Length || stage_ == Stage::ChunkData) {
      Step step = take_payload(bytes.substr(used));
      step.consumed += used;
      return step;
    }
    if (!take_framing(bytes[used])) {
      break;
    }
    ++used;
  }
  if (stage_ == Stage::Failed) {
    return {used, {}, State::Failed};
  }
  return {used, {}, stage_ == Stage::Done ? State::Done : State::NeedMore};
}

BodyDecoder::Step BodyDecoder::take_payload(std::string_view bytes) {
  // Where no length was declared the limit cuts the last piece, so that the payload
  // is the same however it is split.
  const std::uint64_t room =
      stage_ == Stage::UntilClose ? limits_.max_body - received_ : remaining_;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), room));
  if (size == 0) {
    fail(413, "body_too_large", kTooLarge);
    return {0, {}, State::Failed};
  }
  received_ += size;
  if (stage_ != Stage::UntilClose) {
    remaining_ -= size;
  }
  if (stage_ == Stage::Length && remaining_ == 0) {
    stage_ = Stage::Done;
    return {size, bytes.substr(0, size), State::Done};
  }
  if (stage_ == Stage::ChunkData && remaining_ == 0) {
    stage_ = Stage::DataCr;
  }
  return {size, bytes.substr(0, size), State::Data};
}

bool BodyDecoder::count_overhead() {
  ++overhead_;
  if (overhead_ > limits_.overhead_allowance + received_ * limits_.max_overhead_ratio) {
    return fail(413, "body_too_large", "The body consists mostly of chunk framing.");
  }
  return true;
}

bool BodyDecoder::take_framing(char c) {
  if (!count_overhead()) {
    return false;
  }
  switch (stage_) {
    case Stage::Size: return take_size(c);
    case Stage::ExtensionGap:
    case Stage::ExtensionName:
    case Stage::ExtensionNameGap:
    case Stage::ExtensionValue:
    case Stage::ExtensionToken:
    case Stage::ExtensionQuoted:
    case Stage::ExtensionEscape: return take_extension(c);
    case Stage::SizeLf: return c == '\n' ? start_chunk() : fail(400, "malformed_body", kBadChunk);
    case Stage::DataCr:
      stage_ = Stage::DataLf;
      return c == '\r' || fail(400, "malformed_body", kBadChunk);
    case Stage::DataLf:
      stage_ = Stage::Size;
      digits_ = 0;
      remaining_ = 0;
      return c == '\n' || fail(400, "malformed_body", kBadChunk);
    case Stage::TrailerStart:
    case Stage::TrailerName:
    case Stage::TrailerValue:
    case Stage::TrailerLf:
    case Stage::LastLf: return take_trailer(c);
    case Stage::UntilClose:
    case Stage::Length:
    case Stage::ChunkData:
    case Stage::Done:
    case Stage::Failed: break;
  }
  return false;
}

bool BodyDecoder::take_size(char c) {
  const int digit = hex_value(c);
  if (digit >= 0) {
    if (++digits_ > kMaxSizeDigits || (remaining_ >> 59U) != 0) {
      return fail(400, "malformed_body", kBadChunk);
    }
    remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
    return true;
  }
  if (digits_ == 0) {
    return fail(400, "malformed_body", kBadChunk);
  }
  if (c == '\r') {
    stage_ = Stage::SizeLf;
    return true;
  }
  stage_ = Stage::ExtensionGap;
  return take_extension(c);
}

bool BodyDecoder::take_extension(char c) {
  if (++extension_bytes_ > limits_.max_extensions) {
    return fail(400, "malformed_body", "The chunk extensions are too long.");
  }
  const bool named = named_;
  switch (stage_) {
    case Stage::ExtensionGap:
    case Stage::ExtensionNameGap:
      if (is_blank(c)) {
        blank_ = true;
        return true;
      }
      break;
    case Stage::ExtensionName:
      if (is_token_char(c)) {
        named_ = true;
        return true;
      }
      if (is_blank(c) && !named) {
        return true;
      }
      if (!named) {
        return fail(400, "malformed_body", kBadChunk);
      }
      if (is_blank(c)) {
        stage_ = Stage::ExtensionNameGap;
        blank_ = true;
        return true;
      }
      break;
    default: return take_extension_value(c);
  }
  if (c == ';') {
    named_ = false;
    blank_ = false;
    stage_ = Stage::ExtensionName;
    return true;
  }
  if (c == '=' && stage_ != Stage::ExtensionGap) {
    blank_ = false;
    stage_ = Stage::ExtensionValue;
    return true;
  }
  // Blanks stand before ';' and '=' only, never at the end of the line.
  if (c == '\r' && !blank_) {
    stage_ = Stage::SizeLf;
    return true;
  }
  return fail(400, "malformed_body", kBadChunk);
}

bool BodyDecoder::take_extension_value(char c) {
  if (stage_ == Stage::ExtensionEscape) {
    stage_ = Stage::ExtensionQuoted;
    return is_text(c) || fail(400, "malformed_body", kBadChunk);
  }
  if (stage_ == Stage::ExtensionQuoted) {
    if (c == '"') {
      stage_ = Stage::ExtensionGap;
      return true;
    }
    if (c == '\\') {
      stage_ = Stage::ExtensionEscape;
      return true;
    }
    return is_text(c) || fail(400, "malformed_body", kBadChunk);
  }
  if (stage_ == Stage::ExtensionValue) {
    if (is_blank(c)) {
      return true;
    }
    if (c == '"') {
      stage_ = Stage::ExtensionQuoted;
      return true;
    }
    stage_ = Stage::ExtensionToken;
    return is_token_char(c) || fail(400, "malformed_body", kBadChunk);
  }
  if (is_token_char(c)) {
    return true;
  }
  stage_ = Stage::ExtensionGap;
  --extension_bytes_;
  return take_extension(c);
}

bool BodyDecoder::start_chunk() {
  named_ = false;
  blank_ = false;
  if (remaining_ == 0) {
    stage_ = Stage::TrailerStart;
    return true;
  }
  if (remaining_ > limits_.max_body || received_ + remaining_ > limits_.max_body) {
    return fail(413, "body_too_large", kTooLarge);
  }
  stage_ = Stage::ChunkData;
  return true;
}

bool BodyDecoder::take_trailer(char c) {
  if (++trailer_bytes_ > limits_.max_trailer_bytes) {
    return fail(431, "head_too_large", "The trailer fields are too large.");
  }
  switch (stage_) {
    case Stage::TrailerStart:
      if (c == '\r') {
        stage_ = Stage::LastLf;
        return true;
      }
      if (++trailer_fields_ > limits_.max_trailer_fields) {
        return fail(431, "head_too_large", "There are too many trailer fields.");
      }
      stage_ = Stage::TrailerName;
      return is_token_char(c) || fail(400, "malformed_body", kBadChunk);
    case Stage::TrailerName:
      if (c == ':') {
        stage_ = Stage::TrailerValue;
        return true;
      }
      return is_token_char(c) || fail(400, "malformed_body", kBadChunk);
    case Stage::TrailerValue:
      if (c == '\r') {
        stage_ = Stage::TrailerLf;
        return true;
      }
      return is_text(c) || fail(400, "malformed_body", kBadChunk);
    case Stage::TrailerLf:
      stage_ = Stage::TrailerStart;
      return c == '\n' || fail(400, "malformed_body", kBadChunk);
    default: stage_ = Stage::Done; return c == '\n' || fail(400, "malformed_body", kBadChunk);
  }
}

}  // namespace waybill::http
