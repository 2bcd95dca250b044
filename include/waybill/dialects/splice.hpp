// Where the output of a splice differs from its input.

#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>

namespace waybill::dialects {

// Which OpenAI endpoint a body belongs to.
enum class RequestKind : std::uint8_t {
  Chat,        // POST /chat/completions
  Completion,  // POST /completions
  Embedding,   // POST /embeddings
};

// Bytes [begin, end) of a body.  An empty range means "not there".
struct ByteRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  [[nodiscard]] constexpr bool empty() const noexcept { return begin == end; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return end - begin; }
  [[nodiscard]] std::string_view of(std::string_view body) const noexcept {
    assert(begin <= end && end <= body.size());
    return {body.data() + begin, size()};
  }

  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// What the writer puts in place of a range.
enum class SpliceKind : std::uint8_t {
  Cut,           // nothing: the member and one comma go
  Model,         // the value of `model`
  Id,            // the value of `id`
  Provider,      // the value of `provider`
  Usage,         // the value of `usage`
  StreamUsage,   // the value of `stream_options.include_usage`
  StreamObject,  // before the closing brace of `stream_options`
  StreamValue,   // a `stream_options` that is null
  LimitKey,      // the name of the only output limit, with its quotes
  LimitValue,    // its value
  OldLimit,      // the value of max_tokens beside max_completion_tokens
  NewLimit,      // the value of max_completion_tokens beside max_tokens
  Head,          // after the opening brace: members that are missing
  AfterModel,    // after the value of `model`: members that are missing
  Tail,          // before the closing brace: members that are missing
};

struct Splice {
  ByteRange range;
  SpliceKind kind = SpliceKind::Cut;
};

// The splices of one body, by position.  Known members cannot repeat, so a
// fixed capacity suffices and nothing is allocated; places not in use are neither
// set nor copied.
class SpliceList {
 public:
  static constexpr std::size_t kCapacity = 32;

  SpliceList() noexcept {}  // NOLINT(modernize-use-equals-default): the union forbids it
  SpliceList(const SpliceList& other) noexcept : size_(other.size_) {
    std::uninitialized_copy_n(other.items_, size_, items_);
  }
  SpliceList& operator=(const SpliceList& other) noexcept {
    size_ = other.size_;
    std::uninitialized_copy_n(other.items_, size_, items_);
    return *this;
  }
  ~SpliceList() = default;

  void add(SpliceKind kind, ByteRange range) noexcept {
    assert(size_ < kCapacity);
    std::size_t at = size_++;
    for (; at > 0 && before(range, items_[at - 1].range); --at) {
      std::construct_at(&items_[at], items_[at - 1]);
    }
    std::construct_at(&items_[at], Splice{range, kind});
  }

  [[nodiscard]] const Splice* begin() const noexcept { return items_; }
  [[nodiscard]] const Splice* end() const noexcept { return items_ + size_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  // An insertion (an empty range) goes before what begins at the same place.
  static bool before(ByteRange a, ByteRange b) noexcept {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  }

  static_assert(std::is_trivially_copyable_v<Splice>);
  union {
    Splice items_[kCapacity];  // the first size_ live
  };
  std::size_t size_ = 0;
};

}  // namespace waybill::dialects
