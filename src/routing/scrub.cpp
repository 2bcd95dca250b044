#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"
#include "waybill/routing/outcome.hpp"

namespace waybill::routing {
namespace {

constexpr std::size_t kLongest = 500;
constexpr std::string_view kRedacted = "[redacted]";

bool is_word(char c) noexcept {
  return is_alphanumeric(c) || c == '-' || c == '_' || c == '*' || c == '.' || c == '+' ||
         c == '/' || c == '=';
}

// Providers quote keys whole or starred out in the middle ("sk-ab***yz").  A long
// word of letters and digits mixed is treated as one as well: better a model name
// lost from a message than a key shown.
bool looks_like_credential(std::string_view word) noexcept {
  constexpr std::array<std::string_view, 9> kPrefixes{"sk-",  "sk_",  "pk-", "gsk_", "xai-",
                                                      "key-", "AIza", "eyJ", "hf_"};
  const auto starts = [word](std::string_view prefix) { return word.starts_with(prefix); };
  if (word.size() >= 6 && std::ranges::any_of(kPrefixes, starts)) {
    return true;
  }
  if (word.size() < 24) {
    return false;
  }
  const auto digits = std::ranges::count_if(word, is_digit);
  const bool is_address =
      word.find('/') != std::string_view::npos && word.find('.') != std::string_view::npos;
  return digits >= 4 && !is_address;
}

}  // namespace

std::string scrub(std::string_view provider_message) {
  // Cut first, with room for what the redaction takes away: the work is bounded.
  const std::string text = printable(provider_message, 4 * kLongest);
  std::string out;
  out.reserve(std::min(text.size(), kLongest));
  for (std::size_t at = 0; at < text.size();) {
    if (!is_word(text[at])) {
      out += text[at++];
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_word(text[end])) {
      ++end;
    }
    const std::string_view word(text.data() + at, end - at);
    out += looks_like_credential(word) ? kRedacted : word;
    at = end;
  }
  return printable(out, kLongest);
}

}  // namespace waybill::routing
