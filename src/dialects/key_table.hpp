// Compile-time lookup from member names to enumerators.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace waybill::dialects {

// A perfect-enough hash table that is built by the compiler: 256 slots, linear
// probing, so that a lookup touches one or two names and an unknown one none.
template <class Value, std::size_t N>
class KeyTable {
 public:
  struct Entry {
    std::string_view name;
    Value value{};
  };

  consteval explicit KeyTable(const Entry (&entries)[N]) {
    static_assert(N < kSlots / 2);
    for (std::size_t i = 0; i < N; ++i) {
      std::size_t slot = hash(entries[i].name);
      while (slots_[slot] != 0) {
        slot = (slot + 1) % kSlots;
      }
      slots_[slot] = static_cast<std::uint8_t>(i + 1);
      entries_[i] = entries[i];
    }
  }

  [[nodiscard]] constexpr std::optional<Value> find(std::string_view name) const noexcept {
    if (name.empty()) {
      return std::nullopt;
    }
    for (std::size_t slot = hash(name); slots_[slot] != 0; slot = (slot + 1) % kSlots) {
      const Entry& entry = entries_[slots_[slot] - 1U];
      if (entry.name == name) {
        return entry.value;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] constexpr const std::array<Entry, N>& entries() const noexcept { return entries_; }

 private:
  static constexpr std::size_t kSlots = 256;

  static constexpr std::size_t hash(std::string_view name) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(name[i]); };
    return (name.size() * 37U + byte(0) * 7U + byte(name.size() / 2) * 31U +
            byte(name.size() - 1) * 3U) %
           kSlots;
  }

  std::array<std::uint8_t, kSlots> slots_{};
  std::array<Entry, N> entries_{};
};

// Deduces N: `make_key_table<Value>({{"a", Value::A}, ...})`.
template <class Value, std::size_t N>
consteval KeyTable<Value, N> make_key_table(
    const typename KeyTable<Value, N>::Entry (&entries)[N]) {
  return KeyTable<Value, N>(entries);
}

}  // namespace waybill::dialects
