#include "waybill/base/json_writer.hpp"

#include <array>
#include <charconv>

#include "waybill/base/text.hpp"

namespace waybill {

// A comma is due after a finished value; after '{', '[' and ':' none is.
void JsonWriter::separate() {
  if (out_.size() > begin_ && out_.back() != '{' && out_.back() != '[' && out_.back() != ':') {
    out_ += ',';
  }
}

void JsonWriter::member(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_ += ':';
}

void JsonWriter::begin_object() {
  separate();
  out_ += '{';
}

void JsonWriter::begin_array() {
  separate();
  out_ += '[';
}

void JsonWriter::text(std::string_view value) {
  separate();
  append_json_string(out_, value);
}

void JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
}

void JsonWriter::begin_object(std::string_view name) {
  member(name);
  out_ += '{';
}

void JsonWriter::begin_array(std::string_view name) {
  member(name);
  out_ += '[';
}

void JsonWriter::text(std::string_view name, std::string_view value) {
  member(name);
  append_json_string(out_, value);
}

void JsonWriter::text_or_null(std::string_view name, std::string_view value) {
  value.empty() ? null(name) : text(name, value);
}

void JsonWriter::text_if_any(std::string_view name, std::string_view value) {
  if (!value.empty()) {
    text(name, value);
  }
}

void JsonWriter::number(std::string_view name, std::uint64_t value) {
  raw(name, std::to_string(value));
}

void JsonWriter::real(std::string_view name, double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  raw(name, {text.data(), static_cast<std::size_t>(end - text.data())});
}

void JsonWriter::integer(std::string_view name, std::int64_t value) {
  raw(name, std::to_string(value));
}

void JsonWriter::number_or_null(std::string_view name, std::uint64_t value) {
  value == 0 ? null(name) : number(name, value);
}

void JsonWriter::amount(std::string_view name, Money value) {
  raw(name, to_decimal(value));
}

void JsonWriter::amount(std::string_view name, MoneySum value) {
  raw(name, to_decimal(value));
}

void JsonWriter::decimal(std::string_view name, Money value) {
  text(name, to_decimal(value));
}

void JsonWriter::flag(std::string_view name, bool value) {
  raw(name, value ? "true" : "false");
}

void JsonWriter::null(std::string_view name) {
  raw(name, "null");
}

void JsonWriter::raw(std::string_view name, std::string_view json) {
  member(name);
  out_ += json;
}

void JsonWriter::end_object() {
  out_ += '}';
}

void JsonWriter::end_array() {
  out_ += ']';
}

}  // namespace waybill
