// Property: a chunk that is an object is written as a chunk of the same kind (one
// with usage alone becomes a preamble), and the chunks we write ourselves read as
// what they are, whatever was observed before.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "waybill/dialects/openai_chunk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace waybill::dialects;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const ReplyIdentity identity{"gen-1", "a/b", "P"};
  const ChunkFacts facts = read_chunk(text);
  if (facts.kind == ChunkKind::Done || facts.kind == ChunkKind::Malformed) {
    return 0;
  }
  if (facts.splices.size() > 0) {
    std::string out;
    write_chunk(out, text, facts, identity);
    const ChunkFacts again = read_chunk(out);
    const ChunkKind expected =
        facts.kind == ChunkKind::UsageOnly ? ChunkKind::Preamble : facts.kind;
    if (again.kind != expected || again.output_bytes != facts.output_bytes ||
        again.finish_reason != facts.finish_reason || !again.usage_value.empty() ||
        again.id_value.of(out) != "\"gen-1\"") {
      std::abort();
    }
  }
  StreamSummary summary;
  summary.observe(text, facts);
  std::string usage;
  write_usage_chunk(usage, summary, identity, ReplyBill{});
  const ChunkFacts last = read_chunk(usage);
  std::string error;
  write_error_chunk(error, summary, identity, {.message = "m", .error_type = "server"});
  if (last.kind == ChunkKind::Malformed || last.usage_value.empty() ||
      read_chunk(error).kind != ChunkKind::Error) {
    std::abort();
  }
  return 0;
}
