#include "waybill/ledger/idempotency_index.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace waybill::ledger {

std::size_t IdempotencyIndex::Hash::operator()(const Name& name) const noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, name.key.data(), sizeof(value));
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;  // spreads small integers
  value = (value ^ salt ^ (static_cast<std::uint64_t>(name.tenant) * kOdd)) * (kOdd ^ (salt << 1U));
  return static_cast<std::size_t>(value ^ (value >> 32U));
}

IdempotencyIndex::IdempotencyIndex(std::size_t capacity) : capacity_(capacity) {
  std::array<std::uint8_t, sizeof(hash_.salt)> random{};
  fill_random(random);
  std::memcpy(&hash_.salt, random.data(), random.size());
  parts_.reserve(kParts);
  for (std::size_t i = 0; i < kParts; ++i) {
    parts_.push_back(std::make_unique<Part>(hash_));
  }
}

IdempotencyIndex::Part& IdempotencyIndex::part_of(const Name& name) noexcept {
  return *parts_[(hash_(name) >> 20U) % kParts];  // the map uses the lowest bits most
}

void IdempotencyIndex::load(std::span<const IdempotencyRecord> records) {
  for (const IdempotencyRecord& record : records) {
    const Name name{.tenant = record.tenant, .key = record.mark.key};
    Part& part = part_of(name);
    const std::scoped_lock lock(part.mutex);
    const Entry entry{.body = record.mark.body,
                      .generation = record.generation,
                      .expires = record.mark.expires,
                      .under_way = false};
    if (part.entries.insert_or_assign(name, entry).second) {
      size_.fetch_add(1, std::memory_order_relaxed);
    }
    part.first_expiry = std::min(part.first_expiry, entry.expires);
  }
}

IdempotencyIndex::Answer IdempotencyIndex::claim(const IdempotencyRecord& wanted, WallTime now) {
  const Name name{.tenant = wanted.tenant, .key = wanted.mark.key};
  const Entry entry{
      .body = wanted.mark.body, .generation = wanted.generation, .expires = wanted.mark.expires};
  Part& part = part_of(name);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.entries.find(name);
  if (found != part.entries.end()) {
    const Entry& known = found->second;
    if (!known.under_way && known.expires <= now) {
      found->second = entry;
      return {.state = State::Claimed};
    }
    const State state = known.body != wanted.mark.body ? State::OtherBody
                        : known.under_way              ? State::UnderWay
                                                       : State::Remembered;
    return {.state = state, .earlier = known.generation};
  }
  if (size_.load(std::memory_order_relaxed) >= capacity_) {
    sweep(part, now);
  }
  if (size_.fetch_add(1, std::memory_order_relaxed) >= capacity_) {
    size_.fetch_sub(1, std::memory_order_relaxed);
    return {.state = State::Full};
  }
  part.entries.emplace(name, entry);
  return {.state = State::Claimed};
}

void IdempotencyIndex::finish(const IdempotencyRecord& claimed) noexcept {
  const Name name{.tenant = claimed.tenant, .key = claimed.mark.key};
  Part& part = part_of(name);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.entries.find(name);
  if (found != part.entries.end() && found->second.generation == claimed.generation) {
    found->second.under_way = false;
    part.first_expiry = std::min(part.first_expiry, found->second.expires);
  }
}

void IdempotencyIndex::release(const IdempotencyRecord& claimed) noexcept {
  const Name name{.tenant = claimed.tenant, .key = claimed.mark.key};
  Part& part = part_of(name);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.entries.find(name);
  if (found != part.entries.end() && found->second.generation == claimed.generation) {
    part.entries.erase(found);
    size_.fetch_sub(1, std::memory_order_relaxed);
  }
}

std::size_t IdempotencyIndex::drop_expired(WallTime now) {
  std::size_t dropped = 0;
  for (std::size_t tried = 0; dropped == 0 && tried < kParts; ++tried) {
    Part& part = *parts_[next_part_.fetch_add(1, std::memory_order_relaxed) % kParts];
    const std::scoped_lock lock(part.mutex);
    dropped = sweep(part, now);
  }
  return dropped;
}

std::size_t IdempotencyIndex::sweep(Part& part, WallTime now) {
  if (part.first_expiry > now) {
    return 0;
  }
  part.first_expiry = WallTime::max();
  const std::size_t dropped = std::erase_if(part.entries, [&](const auto& item) {
    const Entry& entry = item.second;
    if (entry.under_way) {
      return false;
    }
    if (entry.expires > now) {
      part.first_expiry = std::min(part.first_expiry, entry.expires);
      return false;
    }
    return true;
  });
  size_.fetch_sub(dropped, std::memory_order_relaxed);
  return dropped;
}

void IdempotencyClaim::finish() noexcept {
  if (IdempotencyIndex* const index = std::exchange(index_, nullptr)) {
    index->finish(record_);
  }
}

void IdempotencyClaim::release() noexcept {
  if (IdempotencyIndex* const index = std::exchange(index_, nullptr)) {
    index->release(record_);
  }
}

}  // namespace waybill::ledger
