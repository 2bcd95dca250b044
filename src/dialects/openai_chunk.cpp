#include "waybill/dialects/openai_chunk.hpp"

#include <charconv>
#include <limits>

#include "reply_head.hpp"
#include "reply_reader.hpp"
#include "splice_writer.hpp"

namespace waybill::dialects {
namespace {

constexpr std::size_t kMaxValue = 256;  // of what a summary repeats

bool is_done(std::string_view data) noexcept {
  if (data.starts_with('{')) {
    return false;  // nearly always
  }
  const std::size_t begin = data.find_first_not_of(" \t");
  const std::size_t end = data.find_last_not_of(" \t");
  return begin != std::string_view::npos && data.substr(begin, end - begin + 1) == "[DONE]";
}

ChunkKind kind_of(std::string_view data, const ReplyMembers& members) noexcept {
  if (members.has_error || members.object.of(data) == "\"error\"") {
    return ChunkKind::Error;
  }
  if (!members.is_object) {
    return ChunkKind::Malformed;
  }
  if (members.choices.has_content) {
    return ChunkKind::Content;
  }
  if (members.choices.last_finish.raw.end != 0) {
    return ChunkKind::Finish;
  }
  const bool usage = !members.usage_value.empty() && members.choices.count == 0;
  return usage ? ChunkKind::UsageOnly : ChunkKind::Preamble;
}

void keep_value(std::string& kept, std::string_view data, ByteRange value) {
  if (!value.empty() && value.size() <= kMaxValue) {
    kept = value.of(data);
  }
}

}  // namespace

ChunkFacts read_chunk(std::string_view data, const UsageQuirks& quirks) {
  ChunkFacts facts;
  if (is_done(data)) {
    facts.kind = ChunkKind::Done;
    return facts;
  }
  if (data.size() > std::numeric_limits<std::int32_t>::max()) {
    return facts;
  }
  JsonWalker walker(data, JsonOrigin::Upstream);
  ReplyMembers members(facts.fault, facts.splices);
  if (!read_reply_members(walker, ReplyForm::Chunk, quirks, members)) {
    facts = ChunkFacts{};  // nothing of what was read up to the fault
    return facts;
  }
  facts.kind = kind_of(data, members);
  facts.output_bytes = members.choices.output_bytes;
  if (members.choices.last_finish.raw.end != 0) {
    facts.finish_reason = walker.decode(members.choices.last_finish).substr(0, kMaxWord);
  }
  facts.usage = members.usage.usage;
  facts.usage_fault = members.usage.fault;
  facts.usage_value = members.usage_value;
  facts.id_value = members.id;
  facts.model_value = members.model;
  facts.created = members.created;
  facts.object = members.object;
  facts.service_tier = members.service_tier;
  facts.system_fingerprint = members.system_fingerprint;
  facts.native_finish_reason = members.choices.last_native;
  facts.has_id = members.has_id;
  facts.has_model = members.has_model;
  facts.has_provider = members.has_provider;
  facts.has_members = members.has_members;
  return facts;
}

void write_chunk(std::string& out,
                 std::string_view data,
                 const ChunkFacts& facts,
                 const ReplyIdentity& identity) {
  const ReplyHead head{.identity = identity,
                       .has_id = facts.has_id,
                       .has_model = facts.has_model,
                       .add_provider = !facts.has_provider,
                       .has_members = facts.has_members};
  write_spliced(out, data, facts.splices,
                [&](const Splice& splice) { head.write(out, splice.kind); });
}

void StreamSummary::observe(std::string_view data, const ChunkFacts& facts) {
  if (!facts.created.empty()) {
    const std::string_view digits = facts.created.of(data);
    std::int64_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    created = result.ec == std::errc() && value > 0 ? value : created;
  }
  keep_value(service_tier, data, facts.service_tier);
  keep_value(system_fingerprint, data, facts.system_fingerprint);
  keep_value(native_finish_reason, data, facts.native_finish_reason);
  if (!facts.finish_reason.empty()) {
    finish_reason = facts.finish_reason;
  }
  if (!facts.usage_value.empty()) {
    usage = facts.usage_value.of(data);
  }
}

}  // namespace waybill::dialects
