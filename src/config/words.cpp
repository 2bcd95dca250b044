#include "words.hpp"

#include <algorithm>

#include "waybill/base/text.hpp"

#include "schema.hpp"

namespace waybill::config {
namespace {

constexpr std::size_t kLongestName = 128;
constexpr std::string_view kLettersAndDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

}  // namespace

bool is_name(std::string_view text) noexcept {
  static constexpr std::string_view kSigns = "._:/@+-";
  return !text.empty() && text.size() <= kLongestName &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return kLettersAndDigits.find(c) != std::string_view::npos ||
                  kSigns.find(c) != std::string_view::npos;
         });
}

bool is_token(std::string_view text) noexcept {
  static constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kLettersAndDigits.find(c) != std::string_view::npos ||
           kSigns.find(c) != std::string_view::npos;
  });
}

std::string quote(std::string_view text) {
  return "'" + printable(text, 60) + "'";
}

std::string join_choices(std::string_view choices) {
  std::string out;
  const auto all = split_choices(choices);
  for (std::size_t i = 0; i < all.size(); ++i) {
    out += i == 0 ? "" : i + 1 == all.size() ? " or " : ", ";
    out += all[i];
  }
  return out;
}

std::string did_you_mean(std::string_view suggestion) {
  return "did you mean '" + std::string(suggestion) + "'?";
}

}  // namespace waybill::config
