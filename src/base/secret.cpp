#include "waybill/base/secret.hpp"

#include <openssl/crypto.h>

namespace waybill {

Secret::Secret(Secret&& other) noexcept : text_(std::move(other.text_)) {
  other.wipe();  // a short text was copied, not stolen
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    text_ = other.text_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = std::move(other.text_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() {
  wipe();
}

void Secret::wipe() noexcept {
  text_.resize(text_.capacity());  // what was moved away may still stand behind the end
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

}  // namespace waybill
