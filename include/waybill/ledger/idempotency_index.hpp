// Which requests carry an Idempotency-Key, under way or remembered: the one place that
// says whether a request is new.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "waybill/base/time.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

// Of two requests with one key exactly one is new, whichever workers they reach.  A
// request is claimed before it is sent anywhere, and then it is finished (remembered
// until its mark expires) or released (forgotten: nothing was delivered or charged).
//
//   absent --claim--> under way --finish--> remembered --expiry--> absent
//                               --release--------------------------> absent
//
// Bounded: where `capacity` keys are known, a new one is refused, none is forgotten.
// What is under way never expires.
//
// Thread safety: every method may be called from any thread; one of a few dozen mutexes
// is taken, by requests with a key only.
class IdempotencyIndex {
 public:
  enum class State : std::uint8_t {
    Claimed,     // new: the caller has it now
    UnderWay,    // the first one has not ended
    Remembered,  // it ended and stands
    OtherBody,   // the key names another request, under way or remembered
    Full,        // nothing was claimed
  };
  struct Answer {
    State state = State::Full;
    GenerationId earlier{};  // with UnderWay, Remembered and OtherBody
  };

  explicit IdempotencyIndex(std::size_t capacity);
  IdempotencyIndex(const IdempotencyIndex&) = delete;
  IdempotencyIndex& operator=(const IdempotencyIndex&) = delete;

  // What a former run remembered; all of it, even above the capacity.
  void load(std::span<const IdempotencyRecord> records);

  [[nodiscard]] Answer claim(const IdempotencyRecord& wanted, WallTime now);
  // Require: claimed by this very record.
  void finish(const IdempotencyRecord& claimed) noexcept;
  void release(const IdempotencyRecord& claimed) noexcept;

  // Forgets what has expired in the next part of the index that has any, so that no call
  // takes long; returns how much that was.
  std::size_t drop_expired(WallTime now);

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  struct Name {
    KeyId tenant = 0;
    Sha256 key{};
    friend bool operator==(const Name&, const Name&) = default;
  };
  // Salted: clients choose the keys, but neither the part nor the bucket they fall into.
  struct Hash {
    std::uint64_t salt = 0;
    std::size_t operator()(const Name& name) const noexcept;
  };
  struct Entry {
    Sha256 body{};
    GenerationId generation;
    WallTime expires;
    bool under_way = true;
  };
  struct Part {
    explicit Part(Hash hash) : entries(0, hash) {}
    std::mutex mutex;  // guards the two below
    std::unordered_map<Name, Entry, Hash> entries;
    WallTime first_expiry = WallTime::max();  // no remembered entry expires before
  };
  static constexpr std::size_t kParts = 64;

  [[nodiscard]] Part& part_of(const Name& name) noexcept;
  std::size_t sweep(Part& part, WallTime now);  // Requires: part.mutex held

  std::size_t capacity_;
  std::atomic<std::size_t> size_{0};
  Hash hash_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::atomic<std::size_t> next_part_{0};  // of drop_expired()
};

// One claim, held by the request that made it.  Released at its end unless it was
// finished, or left to the next start.
//
// Thread safety: none; the request's.
class IdempotencyClaim {
 public:
  // Requires: `index` has answered Claimed to `record`, and outlives the claim.
  IdempotencyClaim(IdempotencyIndex& index, const IdempotencyRecord& record) noexcept
      : index_(&index),
        record_(record) {}
  IdempotencyClaim(const IdempotencyClaim&) = delete;
  IdempotencyClaim& operator=(const IdempotencyClaim&) = delete;
  ~IdempotencyClaim() { release(); }

  [[nodiscard]] const IdempotencyMark& mark() const noexcept { return record_.mark; }

  // The first of these three counts.
  void finish() noexcept;
  void release() noexcept;
  // Stays under way: what became of the request is known after the next start only.
  void leave_open() noexcept { index_ = nullptr; }

 private:
  IdempotencyIndex* index_;
  IdempotencyRecord record_;
};

}  // namespace waybill::ledger
