#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

#include "waybill/dialects/usage.hpp"

#include "json_walk.hpp"
#include "member_cutter.hpp"
#include "splice_writer.hpp"

namespace waybill::dialects {
namespace {

// Collects text whose size is known to be small, to be appended at once.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what is not written is not read
class SmallText {
 public:
  SmallText& text(std::string_view text) noexcept {
    assert(text.size() <= room());
    at_ = std::copy(text.begin(), text.end(), at_);
    return *this;
  }
  SmallText& count(std::string_view name, std::uint64_t value) noexcept {
    text(name);
    at_ = std::to_chars(at_, at_ + room(), value).ptr;
    return *this;
  }
  SmallText& amount(std::string_view name, Money amount) noexcept {
    text(name);
    assert(kMaxDecimalSize <= room());
    at_ = write_decimal(at_, amount);
    return *this;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), at_}; }

 private:
  [[nodiscard]] std::size_t room() const noexcept {
    return static_cast<std::size_t>(bytes_.data() + bytes_.size() - at_);
  }

  // Enough for the largest of the texts below: 350 bytes of names and words, 9
  // counts and 4 amounts.
  std::array<char, 768> bytes_;
  char* at_ = bytes_.data();
};

void write_cost(SmallText& out, const Charge& charge) {
  out.amount(R"("cost":)", charge.total);
  out.text(charge.key == KeyOwner::Client ? R"(,"is_byok":true)" : R"(,"is_byok":false)");
}

void write_cost_details(SmallText& out, const Charge& charge) {
  // Prices are bounded far below where the sum could overflow.
  const Money upstream = add(charge.prompt, charge.completion).value_or(charge.total);
  out.amount(R"("cost_details":{"upstream_inference_cost":)", upstream)
      .amount(R"(,"upstream_inference_prompt_cost":)", charge.prompt)
      .amount(R"(,"upstream_inference_completions_cost":)", charge.completion)
      .text("}");
}

// What goes behind the members of a provider's object.
void write_added(SmallText& out, const Charge& charge) {
  out.text(",");
  write_cost(out, charge);
  out.text(",");
  write_cost_details(out, charge);
}

void append_built(std::string& out, const Usage& usage, const Charge& charge) {
  SmallText built;
  built.count(R"({"prompt_tokens":)", usage.prompt)
      .count(R"(,"completion_tokens":)", usage.completion)
      .count(R"(,"total_tokens":)", usage.prompt + usage.completion)
      .text(",");
  write_cost(built, charge);
  built.count(R"(,"prompt_tokens_details":{"cached_tokens":)", usage.cached_read)
      .count(R"(,"cache_write_tokens":)", usage.cache_write)
      .count(R"(,"audio_tokens":)", usage.audio_prompt)
      .text(R"(,"video_tokens":0},)");
  write_cost_details(built, charge);
  built.count(R"(,"completion_tokens_details":{"reasoning_tokens":)", usage.reasoning)
      .count(R"(,"image_tokens":)", usage.image_completion)
      .count(R"(,"audio_tokens":)", usage.audio_completion)
      .text("}}");
  out += built.view();
}

struct UsageSplices {
  SpliceList list;
  bool usable = false;  // an object, and not one that repeats our members without end
  bool has_members = false;
};

UsageSplices splice_usage(std::string_view upstream) {
  UsageSplices splices;
  JsonWalker walker(upstream, JsonOrigin::Upstream);
  if (upstream.empty() || walker.peek() != JsonType::Object) {
    return splices;
  }
  MemberCutter cutter(splices.list);
  ObjectWalk object(walker);
  JsonText name;
  unsigned ours = 0;
  while (object.next(name)) {
    const std::string_view member = walker.decode(name);
    const bool cut = member == "cost" || member == "is_byok" || member == "cost_details";
    if (!walker.take_value()) {
      return splices;
    }
    if (!cut) {
      cutter.keep(object);
    } else if (++ours > 8) {
      return splices;
    } else {
      cutter.cut(object, walker.position());
    }
  }
  cutter.finish();
  splices.list.add(SpliceKind::Tail, {object.close(), object.close()});
  splices.usable = walker.finish();
  splices.has_members = cutter.kept();
  return splices;
}

}  // namespace

void append_usage(std::string& out,
                  std::string_view upstream,
                  const Usage& usage,
                  const Charge& charge,
                  UsageForm form) {
  const bool counted = charge.counted_by == CountedBy::Provider;
  if (counted && form == UsageForm::Plain) {
    SmallText added;
    write_added(added, charge);
    out += upstream.substr(0, upstream.size() - 1);
    out += added.text("}").view();
    return;
  }
  const UsageSplices splices = counted ? splice_usage(upstream) : UsageSplices{};
  if (!splices.usable || !splices.has_members) {
    append_built(out, usage, charge);
    return;
  }
  write_spliced(out, upstream, splices.list, [&](const Splice&) {
    SmallText added;
    write_added(added, charge);
    out += added.view();
  });
}

}  // namespace waybill::dialects
