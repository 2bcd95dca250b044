#include "waybill/http/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include <boost/beast/http/status.hpp>

#include "head_check.hpp"

namespace waybill::http {
namespace {

bool is_visible(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_field_value(std::string_view text) noexcept {
  if (!text.empty() &&
      (text.front() == ' ' || text.front() == '\t' || text.back() == ' ' || text.back() == '\t')) {
    return false;
  }
  return is_value_text(text);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!is_field_value(value)) {
    return;
  }
  out.append(name).append(": ").append(value).append("\r\n");
}

std::string_view reason_phrase(unsigned status) noexcept {
  const auto phrase =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  if (phrase.empty() || phrase == "<unknown-status>") {
    return "Unknown";
  }
  return {phrase.data(), phrase.size()};
}

HeadWriter HeadWriter::response(std::string& out, unsigned status) {
  HeadWriter writer(out);
  out += "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
  return writer;
}

HeadWriter HeadWriter::request(std::string& out,
                               std::string_view method,
                               std::string_view target,
                               std::string_view host) {
  HeadWriter writer(out);
  if (!is_token(method) || !is_visible(target)) {
    writer.refused_ = true;
    return writer;
  }
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  writer.add("Host", host);
  return writer;
}

HeadWriter& HeadWriter::add(std::string_view name, std::string_view value) {
  if (refused_ || !is_token(name) || !is_field_value(value)) {
    refused_ = true;
    return *this;
  }
  out_->append(name).append(": ").append(value).append("\r\n");
  return *this;
}

HeadWriter& HeadWriter::add(Field name, std::string_view value) {
  const auto text = boost::beast::http::to_string(name);
  return add(std::string_view(text.data(), text.size()), value);
}

HeadWriter& HeadWriter::add_content_length(std::uint64_t length) {
  return add("Content-Length", std::to_string(length));
}

HeadWriter& HeadWriter::add_chunked() {
  return add("Transfer-Encoding", "chunked");
}

Result<void> HeadWriter::finish() {
  if (refused_) {
    out_->resize(start_);
    return Error(ErrorKind::Internal, "invalid_header",
                 "A header field held a character that cannot stand in one.");
  }
  out_->append("\r\n");
  return {};
}

void append_chunk_header(std::string& out, std::size_t size) {
  std::array<char, kMaxChunkHeader> text{};
  const auto [end, failure] = std::to_chars(text.data(), text.data() + text.size(), size, 16);
  static_cast<void>(failure);  // 16 digits always fit
  out.append(text.data(), static_cast<std::size_t>(end - text.data())).append("\r\n");
}

std::string_view DateCache::at(WallTime now) {
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (second != second_) {
    constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    second_ = second;
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(now - day));
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                  kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                  kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                  static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    std::copy_n(text.begin(), kSize, text_.begin());
  }
  return {text_.data(), kSize};
}

}  // namespace waybill::http
