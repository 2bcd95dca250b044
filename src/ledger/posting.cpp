#include "posting.hpp"

#include "settlement_codec.hpp"

namespace waybill::ledger {
namespace {

constexpr char kMarked = 0;  // a settlement begins with its version, which is never 0

}  // namespace

void encode_mark(const IdempotencyMark& mark, ByteWriter& out) {
  out.digest(mark.key);
  out.digest(mark.body);
  out.signed_number(mark.expires.time_since_epoch().count());
}

IdempotencyMark decode_mark(ByteReader& in) noexcept {
  IdempotencyMark mark;
  mark.key = in.digest();
  mark.body = in.digest();
  mark.expires = WallTime(microseconds(in.signed_number()));
  return mark;
}

void encode_posting(const Posting& posting, std::string& bytes) {
  if (posting.mark) {
    bytes += kMarked;
    ByteWriter out(bytes);
    encode_mark(*posting.mark, out);
  }
  encode_settlement(posting.settlement, bytes);
}

std::optional<Posting> decode_posting(std::string_view bytes) {
  std::optional<IdempotencyMark> mark;
  if (!bytes.empty() && bytes.front() == kMarked) {
    ByteReader in(bytes.substr(1));
    mark = decode_mark(in);
    if (!in.ok()) {
      return std::nullopt;
    }
    bytes = in.rest();
  }
  auto settlement = decode_settlement(bytes);
  if (!settlement) {
    return std::nullopt;
  }
  return Posting{.settlement = std::move(*settlement), .mark = mark};
}

}  // namespace waybill::ledger
