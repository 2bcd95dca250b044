// Writes JSON text front to back.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "waybill/base/money.hpp"

namespace waybill {

// Members appear in the order written, and amounts as exact decimals: neither would
// survive a document model that sorts its members and keeps doubles.
//
// The caller balances what it opens.  Thread safety: none.
class JsonWriter {
 public:
  // Writes behind what `out` holds already.
  explicit JsonWriter(std::string out = {}) noexcept : out_(std::move(out)), begin_(out_.size()) {}

  // As an element of an array, or as the whole.
  void begin_object();
  void begin_array();
  void text(std::string_view value);
  void raw(std::string_view json);  // one JSON value, already written

  // As a member of an object.
  void begin_object(std::string_view name);
  void begin_array(std::string_view name);
  void text(std::string_view name, std::string_view value);
  void text_or_null(std::string_view name, std::string_view value);  // null if empty
  void text_if_any(std::string_view name, std::string_view value);   // no member if empty
  void number(std::string_view name, std::uint64_t value);
  void real(std::string_view name, double value);  // the shortest text that reads the same; finite
  void integer(std::string_view name, std::int64_t value);
  void number_or_null(std::string_view name, std::uint64_t value);  // null if 0
  void amount(std::string_view name, Money value);                  // a JSON number
  void amount(std::string_view name, MoneySum value);
  void decimal(std::string_view name, Money value);  // a string
  void flag(std::string_view name, bool value);
  void null(std::string_view name);
  void raw(std::string_view name, std::string_view json);

  void end_object();
  void end_array();

  [[nodiscard]] std::string take() { return std::move(out_); }
  [[nodiscard]] const std::string& written() const noexcept { return out_; }

 private:
  void separate();
  void member(std::string_view name);

  std::string out_;
  std::size_t begin_ = 0;
};

}  // namespace waybill
