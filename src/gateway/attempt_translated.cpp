// A whole answer of a provider that speaks another dialect than the client.

#include <utility>

#include "waybill/base/text.hpp"

#include "attempt_outcome.hpp"
#include "generation.hpp"

namespace waybill::gateway {
namespace {

using routing::AttemptOutcome;
using routing::OutcomeKind;

// Counts what an answer says.
class OutputMeter final : public dialects::EventSink {
 public:
  void take(const dialects::Event& event) override { bytes_ += dialects::output_bytes(event); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

std::uint64_t output_bytes_of(const dialects::Answer& answer) {
  OutputMeter meter;
  dialects::tell(answer, meter);
  return meter.bytes();
}

constexpr std::size_t kMostIdBytes = 128;
constexpr std::size_t kMostWordBytes = 64;

}  // namespace

Task<std::optional<AttemptOutcome>> Generation::relay_translated(Call& call, std::string body) {
  std::optional<dialects::UpstreamFault> fault;
  auto answer = call.link.dialect->decode_response(body, call.provider.usage_quirks, fault);
  if (!call.passed) {
    free_memory(body);
  }
  if (!answer) {
    co_return failed(OutcomeKind::NotJson);
  }
  if (fault || answer->choices.empty()) {
    const bool silent = !fault || fault->message.empty();
    co_return error_outcome(silent ? OutcomeKind::NoChoices : OutcomeKind::ErrorBody,
                            fault ? fault->status.value_or(0) : 0,
                            fault.value_or(dialects::UpstreamFault()));
  }
  co_await answer_translated(call, *answer, std::move(body));
  co_return std::nullopt;
}

Task<> Generation::answer_translated(Call& call, const dialects::Answer& answer, std::string body) {
  Reported reported = seen();
  reported.usage = answer.usage;
  reported.output_bytes = output_bytes_of(answer);
  reported.fault = dialects::check_output(answer.usage_fault, answer.usage, reported.output_bytes);
  const Bill bill = bill_complete(call.endpoint, reported);
  ledger::Settlement record = settlement(call, bill, ledger::Outcome::Ok);
  const dialects::Choice& first = answer.choices.front();
  record.upstream_id = answer.id.substr(0, kMostIdBytes);
  record.finish_reason = dialects::name(first.finish);
  record.native_finish_reason = first.native_finish.empty()
                                    ? record.finish_reason
                                    : first.native_finish.substr(0, kMostWordBytes);
  const bool durable = co_await settle(std::move(record));
  if (!durable) {
    co_await refuse_unsettled();
    co_return;
  }
  count_success(call, bill);
  status_ = 200;
  std::string out;
  if (call.passed) {
    api_.dialect->pass_response(body, reply_context(call), bill.for_reply(), out);
  } else {
    api_.dialect->encode_response(answer, reply_context(call), bill.for_reply(), out);
  }
  const std::string fields = response_fields("application/json", call.provider.display_name);
  const bool sent = co_await client_.respond(200, fields, out);
  client_gone_ = client_gone_ || !sent;
  report(&call, bill, {});
}

}  // namespace waybill::gateway
