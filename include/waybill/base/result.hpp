// Result<T>: a T or an Error.  The subset of std::expected<T, Error> we use, under
// the same names, so that C++23 can replace it by an alias.

#pragma once

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "waybill/base/error.hpp"

namespace waybill {

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // Implicit, so that `return value;` and `return Error(...);` both read well.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) noexcept : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) noexcept : state_(std::in_place_index<1>, std::move(error)) {}
  // A T made in its place, to be filled there: for those that are large.
  explicit Result(std::in_place_t) : state_(std::in_place_index<0>) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Requires: has_value().
  [[nodiscard]] T& operator*() & noexcept { return *checked(); }
  [[nodiscard]] const T& operator*() const& noexcept {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(*checked()); }
  [[nodiscard]] T* operator->() noexcept { return checked(); }
  [[nodiscard]] const T* operator->() const noexcept {
    assert(has_value());
    return std::get_if<0>(&state_);
  }

  // Requires: !has_value().
  [[nodiscard]] const Error& error() const& noexcept {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

 private:
  T* checked() noexcept {
    assert(has_value());
    return std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() noexcept = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) noexcept : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  // Requires: !has_value().
  [[nodiscard]] const Error& error() const& noexcept {
    assert(error_.has_value());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace waybill
