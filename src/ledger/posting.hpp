// A settlement on its way to the journal, with what its request is known by.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/ledger/records.hpp"

#include "bytes.hpp"

namespace waybill::ledger {

// The mark is no part of the settlement: it expires, and rows that stand do not.
struct Posting {
  Settlement settlement;
  std::optional<IdempotencyMark> mark;

  friend bool operator==(const Posting&, const Posting&) = default;
};

// As the spill file keeps it: a settlement's bytes (settlement_codec.hpp), before which
// there is a zero and the mark where there is one.
void encode_posting(const Posting& posting, std::string& bytes);
// Nothing unless `bytes` is exactly what encode_posting() gives for some posting.
[[nodiscard]] std::optional<Posting> decode_posting(std::string_view bytes);

void encode_mark(const IdempotencyMark& mark, ByteWriter& out);
[[nodiscard]] IdempotencyMark decode_mark(ByteReader& in) noexcept;

}  // namespace waybill::ledger
