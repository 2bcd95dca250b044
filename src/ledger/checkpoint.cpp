#include "checkpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "waybill/base/ascii.hpp"

namespace waybill::ledger {
namespace {

constexpr std::string_view kHead = "waybill-checkpoint v1";
constexpr std::array<std::string_view, 2> kKinds{"periodic", "continued"};

std::string to_text(Int128 value) {
  std::string out;
  const bool negative = value < 0;
  do {  // digit by digit: the most negative value has no positive twin
    const int digit = static_cast<int>(value % 10);
    out += static_cast<char>('0' + (negative ? -digit : digit));
    value /= 10;
  } while (value != 0);
  if (negative) {
    out += '-';
  }
  std::ranges::reverse(out);
  return out;
}

// What the signature is over.
std::string signed_text(const Checkpoint& checkpoint, const LaneId& lane) {
  std::string out(kHead);
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.append(" ").append(name).append("=").append(value);
  };
  add("lane", to_hex(lane));
  add("seq", std::to_string(checkpoint.seq));
  add("hash", to_hex(checkpoint.hash));
  add("debits", to_text(checkpoint.debits));
  add("credits", to_text(checkpoint.credits));
  add("at", std::to_string(checkpoint.at.time_since_epoch().count()));
  add("kind", kKinds[static_cast<std::size_t>(checkpoint.kind)]);
  add("key", to_hex(checkpoint.voucher->key));
  return out;
}

// Takes the values of a line one by one; after the first that is not as it should be
// everything is empty.  Whether the line is canonical is for the caller to see.
class LineReader {
 public:
  explicit LineReader(std::string_view line) noexcept : rest_(line) {
    if (!rest_.starts_with(kHead)) {
      rest_ = {};
      return;
    }
    rest_.remove_prefix(kHead.size());
  }

  std::string_view value(std::string_view name) noexcept {
    if (rest_.size() < name.size() + 2 || rest_.front() != ' ' ||
        rest_.substr(1, name.size()) != name || rest_[name.size() + 1] != '=') {
      rest_ = {};
      return {};
    }
    rest_.remove_prefix(name.size() + 2);
    const std::string_view out = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(out.size());
    return out;
  }
  std::int64_t number(std::string_view name) noexcept {
    const std::string_view text = value(name);
    std::int64_t out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  }
  Int128 sum(std::string_view name) noexcept {
    constexpr std::size_t kMostDigits = 38;  // every sum of that many fits
    std::string_view text = value(name);
    const bool negative = text.starts_with('-');
    text.remove_prefix(negative ? 1 : 0);
    Int128 out = 0;
    for (const char c : text.substr(0, kMostDigits)) {
      out = out * 10 + (is_digit(c) ? c - '0' : 0);
    }
    return negative ? -out : out;
  }
  void bytes(std::string_view name, std::span<std::uint8_t> out) noexcept {
    const std::string_view text = value(name);
    for (std::size_t i = 0; i < out.size() && 2 * i + 2 <= text.size(); ++i) {
      std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, out[i], 16);
    }
  }

 private:
  std::string_view rest_;
};

}  // namespace

void sign(Checkpoint& checkpoint, const LaneId& lane, const SigningKey& key) {
  checkpoint.voucher = Voucher{.key = key.public_key(), .signature = {}};
  checkpoint.voucher->signature = key.sign(signed_text(checkpoint, lane));
}

bool is_signature_sound(const Checkpoint& checkpoint, const LaneId& lane) {
  return is_signed_by(checkpoint.voucher->key, signed_text(checkpoint, lane),
                      checkpoint.voucher->signature);
}

std::string to_line(const Checkpoint& checkpoint, const LaneId& lane) {
  return signed_text(checkpoint, lane) + " signature=" + to_hex(checkpoint.voucher->signature);
}

std::optional<CheckpointLine> parse_checkpoint_line(std::string_view line) {
  LineReader in(line);
  CheckpointLine out;
  Checkpoint& checkpoint = out.checkpoint;
  checkpoint.voucher.emplace();
  in.bytes("lane", out.lane);
  checkpoint.seq = in.number("seq");
  in.bytes("hash", checkpoint.hash);
  checkpoint.debits = in.sum("debits");
  checkpoint.credits = in.sum("credits");
  checkpoint.at = WallTime(std::chrono::microseconds(in.number("at")));
  checkpoint.kind =
      in.value("kind") == kKinds[1] ? CheckpointKind::ContinuedFromCopy : CheckpointKind::Periodic;
  in.bytes("key", checkpoint.voucher->key);
  in.bytes("signature", checkpoint.voucher->signature);
  // Whatever was not canonical comes out otherwise than it went in.
  if (to_line(checkpoint, out.lane) != line) {
    return std::nullopt;
  }
  return out;
}

}  // namespace waybill::ledger
