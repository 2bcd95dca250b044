#include "waybill/dialects/usage.hpp"

#include "json_walk.hpp"
#include "member_cutter.hpp"
#include "splice_writer.hpp"

namespace waybill::dialects {
namespace {

void append_count(std::string& out, std::string_view name, std::uint64_t value) {
  out += name;
  out += std::to_string(value);
}

void append_amount(std::string& out, std::string_view name, Money amount) {
  out += name;
  out += to_decimal(amount);
}

void append_cost(std::string& out, const Charge& charge) {
  append_amount(out, R"("cost":)", charge.total);
  out += charge.key == KeyOwner::Client ? R"(,"is_byok":true)" : R"(,"is_byok":false)";
}

void append_cost_details(std::string& out, const Charge& charge) {
  // Prices are bounded far below where the sum could overflow.
  const Money upstream = add(charge.prompt, charge.completion).value_or(charge.total);
  append_amount(out, R"("cost_details":{"upstream_inference_cost":)", upstream);
  append_amount(out, R"(,"upstream_inference_prompt_cost":)", charge.prompt);
  append_amount(out, R"(,"upstream_inference_completions_cost":)", charge.completion);
  out += '}';
}

void append_built(std::string& out, const Usage& usage, const Charge& charge) {
  append_count(out, R"({"prompt_tokens":)", usage.prompt);
  append_count(out, R"(,"completion_tokens":)", usage.completion);
  append_count(out, R"(,"total_tokens":)", usage.prompt + usage.completion);
  out += ',';
  append_cost(out, charge);
  append_count(out, R"(,"prompt_tokens_details":{"cached_tokens":)", usage.cached_read);
  append_count(out, R"(,"cache_write_tokens":)", usage.cache_write);
  append_count(out, R"(,"audio_tokens":)", usage.audio_prompt);
  out += R"(,"video_tokens":0},)";
  append_cost_details(out, charge);
  append_count(out, R"(,"completion_tokens_details":{"reasoning_tokens":)", usage.reasoning);
  append_count(out, R"(,"image_tokens":)", usage.image_completion);
  append_count(out, R"(,"audio_tokens":)", usage.audio_completion);
  out += "}}";
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
                  const Charge& charge) {
  const bool counted = charge.counted_by == CountedBy::Provider;
  const UsageSplices splices = counted ? splice_usage(upstream) : UsageSplices{};
  if (!splices.usable || !splices.has_members) {
    append_built(out, usage, charge);
    return;
  }
  write_spliced(out, upstream, splices.list, [&](const Splice&) {
    out += ',';
    append_cost(out, charge);
    out += ',';
    append_cost_details(out, charge);
  });
}

}  // namespace waybill::dialects
