#include "waybill/dialects/openai_reply.hpp"

#include <limits>

#include "reply_head.hpp"
#include "reply_reader.hpp"
#include "splice_writer.hpp"

namespace waybill::dialects {
namespace {

constexpr std::size_t kMaxId = 128;
constexpr std::size_t kMaxModel = 256;

// What read_reply_members() has not put there already.
void fill(ReplyFacts& facts, JsonWalker& walker, const ReplyMembers& members) {
  const bool vectors = facts.kind == RequestKind::Embedding;
  facts.has_choices = vectors ? members.vectors > 0 : members.choices.count > 0;
  facts.is_error = members.has_error || !facts.has_choices;
  facts.output_bytes = members.choices.output_bytes;
  facts.usage = members.usage.usage;
  facts.usage_fault = check_output(members.usage.fault, facts.usage, facts.output_bytes);
  if (bill_by(facts.usage_fault) == BillBy::Estimate) {
    facts.usage.reset();
  }
  facts.usage_value = members.usage_value;
  facts.usage_form = members.usage.form;
  if (members.choices.first_finish.raw.end != 0) {
    facts.finish_reason = walker.decode(members.choices.first_finish).substr(0, kMaxWord);
  }
  facts.native_finish_reason = decoded_value(walker, members.choices.first_native, kMaxWord);
  facts.upstream_id = decoded_value(walker, members.id, kMaxId);
  facts.upstream_model = decoded_value(walker, members.model, kMaxModel);
  facts.has_id = members.has_id;
  facts.has_model = members.has_model;
  facts.has_provider = members.has_provider;
  facts.has_fingerprint = members.has_fingerprint;
  facts.has_members = members.has_members;
}

}  // namespace

Result<ReplyFacts> read_reply(RequestKind kind, std::string_view body, const UsageQuirks& quirks) {
  if (body.size() > std::numeric_limits<std::int32_t>::max()) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's reply is larger than 2 GiB.");
  }
  Result<ReplyFacts> result(std::in_place);
  ReplyFacts& facts = *result;
  facts.kind = kind;
  JsonWalker walker(body, JsonOrigin::Upstream);
  ReplyMembers members(facts.fault, facts.splices);
  const bool good = read_reply_members(walker, ReplyForm::Body, quirks, members);
  if (!walker.ok()) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's reply is not valid JSON: " + std::string(walker.fault().what) +
                     " (at byte " + std::to_string(walker.fault().offset) + ").");
  }
  if (!good) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's reply gives a member twice that may only stand once.");
  }
  if (!members.is_object && !members.has_error) {
    return Error(ErrorKind::UpstreamFailed, "upstream_not_an_object",
                 "The provider's reply is JSON, but not an object.");
  }
  fill(facts, walker, members);
  return result;
}

void write_reply(std::string& out,
                 std::string_view body,
                 const ReplyFacts& facts,
                 const ReplyIdentity& identity,
                 const ReplyBill& bill) {
  const bool fingerprint = facts.kind != RequestKind::Embedding && !facts.has_fingerprint;
  const ReplyHead head{.identity = identity,
                       .has_id = facts.has_id,
                       .has_model = facts.has_model,
                       .add_provider = !facts.has_provider,
                       .add_fingerprint = fingerprint,
                       .has_members = facts.has_members};
  write_spliced(out, body, facts.splices, [&](const Splice& splice) {
    if (splice.kind == SpliceKind::Tail) {
      out += ",\"usage\":";
    }
    if (splice.kind == SpliceKind::Tail || splice.kind == SpliceKind::Usage) {
      append_usage(out, facts.usage_value.of(body), bill.usage, bill.charge, facts.usage_form);
    } else {
      head.write(out, splice.kind);
    }
  });
}

}  // namespace waybill::dialects
