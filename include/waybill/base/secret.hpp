// Text that must not be shown: provider keys, client keys, passwords.

#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace waybill {

// Owns a secret and wipes its memory on destruction.
//
// There is no operator<<, no formatter and no JSON conversion on purpose:
// a Secret in a log statement does not compile.  Reading it is spelt reveal(),
// so every place that does can be found.
//
// Thread safety: as std::string.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) noexcept : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  [[nodiscard]] std::string_view reveal() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

 private:
  void wipe() noexcept;

  std::string text_;
};

}  // namespace waybill
