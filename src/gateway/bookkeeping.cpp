// The bill and the books of a generation.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/gateway/error_reply.hpp"

#include "generation.hpp"

namespace waybill::gateway {
namespace {

constexpr std::chrono::seconds kMarkEvery{5};

std::chrono::microseconds since(TimePoint start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

// The provider may have gone on and bill the call, though nobody saw its end.
bool ended_unseen(routing::OutcomeKind kind) noexcept {
  return kind == routing::OutcomeKind::Timeout || kind == routing::OutcomeKind::ClientGone ||
         kind == routing::OutcomeKind::ShuttingDown || kind == routing::OutcomeKind::StreamBroken;
}

}  // namespace

ledger::Endpoint Generation::api() const noexcept {
  return api_.endpoint;
}

Reported Generation::seen() const {
  Reported reported;
  reported.prompt_bytes = facts_.text_bytes;
  reported.images = facts_.image_count;
  reported.output_limit = facts_.max_output_tokens;
  reported.prompts = facts_.prompt_count;
  reported.choices = facts_.choices_n;
  reported.largest_entry = settings().ledger.largest_entry;
  return reported;
}

ledger::Settlement Generation::settlement(const Call& call,
                                          const Bill& bill,
                                          ledger::Outcome outcome) const {
  ledger::Settlement record;
  record.generation = id_;
  record.key = caller_.key->id;
  record.api = api();
  record.outcome = outcome;
  record.usage_source = bill.source;
  record.streamed = facts_.stream;
  record.anomaly = bill.anomaly;
  record.model = call.model.id;
  record.provider = call.provider.name;
  record.endpoint = call.endpoint.tag;
  record.upstream_model = call.endpoint.upstream_model;
  record.price_version = call.endpoint.price.version;
  record.counts = bill.counts;
  record.cost = bill.cost;
  record.provider_cost = bill.cost.total;
  record.status = static_cast<std::uint16_t>(call.status);
  record.attempt = call.number;
  record.created = created_;
  record.first_token = first_token_;
  if (call.first_content) {
    record.upstream_latency =
        std::chrono::duration_cast<std::chrono::microseconds>(*call.first_content - call.sent);
  } else if (call.dispatched) {
    record.upstream_latency = since(call.sent);
  }
  record.duration = since(started_);
  record.failed_attempts = failed_attempts_;
  return record;
}

// The generation as it stands when no attempt became the answer.
ledger::Settlement Generation::failed_settlement(std::string_view error_code) {
  ledger::Settlement record = std::move(*last_failed_);
  record.outcome = client_gone_ ? ledger::Outcome::Cancelled : ledger::Outcome::Failed;
  record.cancelled = client_gone_;
  record.error_code = client_gone_ ? "client_disconnected" : error_code;
  record.duration = since(started_);
  record.failed_attempts = failed_attempts_;
  std::erase_if(record.failed_attempts, [&record](const ledger::FailedAttempt& attempt) {
    return attempt.number == record.attempt;  // that one is the record itself
  });
  return record;
}

void Generation::fill_from_stream(ledger::Settlement& record, const AnswerRelay& relay) const {
  record.upstream_id = relay.upstream_id();
  record.finish_reason = relay.finish_reason();
  const std::string_view native = relay.native_finish_reason();
  record.native_finish_reason =
      native.empty() ? record.finish_reason : std::string(native.substr(0, 64));
}

void Generation::record_failure(Call& call, const routing::AttemptOutcome& outcome) {
  note_upstream_time(call);
  count_failure(call, outcome);
  Bill nothing;
  nothing.counts.requests = 0;
  if (call.dispatched || !last_failed_) {
    last_failed_ = settlement(call, nothing, ledger::Outcome::Failed);
    if (call.exchange.request_whole() && ended_unseen(outcome.kind)) {
      last_failed_->provider_basis = ledger::ProviderCostBasis::Unknown;
      last_failed_->provider_cost = catalog::cost_of_lost_call(
          call.endpoint.price, dialects::estimate_tokens(facts_.text_bytes),
          settings().ledger.largest_entry);
    }
  }
  ledger::FailedAttempt failed;
  failed.number = call.number;
  failed.provider = call.provider.name;
  failed.endpoint = call.endpoint.tag;
  failed.upstream_model = call.endpoint.upstream_model;
  failed.status = static_cast<std::uint16_t>(call.status);
  failed.error_code = routing::name(outcome.kind);
  failed.latency = since(call.began);
  failed_attempts_.push_back(std::move(failed));
}

void Generation::count_failure(const Call& call, const routing::AttemptOutcome& outcome) {
  view_->live->health->failed(call.endpoint.index, outcome, Clock::now());
  gateway_.metrics_.count_attempt(view_->live->metric_slots[call.endpoint.index],
                                  telemetry::attempt_result(outcome));
}

void Generation::count_success(const Call& call, const Bill& bill) {
  view_->live->health->succeeded(call.endpoint.index, call.began);
  gateway_.metrics_.count_attempt(view_->live->metric_slots[call.endpoint.index],
                                  telemetry::AttemptResult::Succeeded);
  count_bill(call, bill);
}

// What the ledger holds, whole answers and broken ones.
void Generation::count_bill(const Call& call, const Bill& bill) {
  telemetry::WorkerMetrics& metrics = gateway_.metrics_;
  const std::size_t slot = view_->live->metric_slots[call.endpoint.index];
  metrics.count_tokens(slot, telemetry::TokenKind::Prompt, bill.counts.prompt);
  metrics.count_tokens(slot, telemetry::TokenKind::Completion, bill.counts.completion);
  metrics.count_tokens(slot, telemetry::TokenKind::CacheRead, bill.counts.cached_read);
  metrics.count_tokens(slot, telemetry::TokenKind::CacheWrite, bill.counts.cache_write);
  metrics.count_tokens(slot, telemetry::TokenKind::Reasoning, bill.counts.reasoning);
  metrics.count_cost(slot, bill.cost.total);
  const bool estimated =
      bill.source == ledger::UsageSource::Estimate || bill.source == ledger::UsageSource::Partial;
  metrics.settlements.estimated += estimated ? 1 : 0;
  metrics.settlements.anomalies += bill.anomaly ? 1 : 0;
}

Task<bool> Generation::settle(ledger::Settlement settlement) {
  const TimePoint asked = Clock::now();
  const bool stands = claim_ && ledger::stands_for_repeats(settlement);
  const ledger::SettleStatus status =
      co_await gateway_.desk_.settle(std::move(settlement), claim_ ? &claim_->mark() : nullptr);
  gateway_.metrics_.settlements.latency_us.observe(
      static_cast<std::uint64_t>(since(asked).count()));
  const bool durable = ledger::is_durable(status);
  gateway_.metrics_.settlements.settled += durable ? 1 : 0;
  if (claim_) {
    settle_claim(durable, stands);
  }
  co_return durable;
}

// A mark after the first content, and then often enough that a crash loses little.
void Generation::mark_progress(const Call& call, TimePoint now) {
  const std::uint64_t delivered = relay_->output_bytes();
  const bool due = marked_bytes_ == 0 || delivered - marked_bytes_ >= call.mark_every_bytes ||
                   now - marked_at_ >= kMarkEvery;
  if (delivered > marked_bytes_ && due) {
    marked_at_ = now;
    log_progress();
  }
}

void Generation::log_progress() {
  catalog::UsageCounts delivered;
  delivered.prompt = dialects::estimate_tokens(facts_.text_bytes);
  delivered.completion = dialects::estimate_tokens(relay_->output_bytes());
  marked_bytes_ = relay_->output_bytes();
  const auto logged = gateway_.ledger_.log_progress(client_.worker().index(), id_, delivered);
  static_cast<void>(logged);  // the mark before stands
}

// Until the provider answered, or the attempt failed; connecting is part of it.
void Generation::note_upstream_time(Call& call) {
  if (!call.wait_noted) {
    call.wait_noted = true;
    upstream_wait_ += since(call.dispatched ? call.sent : call.began);
  }
}

std::chrono::microseconds Generation::pending_wait() const {
  const bool pending = call_ != nullptr && !call_->wait_noted;
  return pending ? since(call_->dispatched ? call_->sent : call_->began)
                 : std::chrono::microseconds(0);
}

Task<> Generation::refuse_unsettled() {
  status_ = 503;
  const Error error(ErrorKind::Unavailable, "ledger_unavailable",
                    "The answer could not be recorded, so it is not given; try again shortly.");
  const std::string body = told(503, error, {});
  const bool sent = co_await client_.respond(503, response_fields("application/json", {}), body);
  static_cast<void>(sent);
  report(nullptr, {}, error.code());
}

// One access line and the counters of the whole.
void Generation::report(const Call* call, const Bill& bill, std::string_view error_code) {
  telemetry::WorkerMetrics& metrics = gateway_.metrics_;
  metrics.count_request(route(), status_ == 499 ? 400 : status_);
  const bool gone = client_gone_ && status_ != 200;
  if (intent_logged_) {
    metrics.count_generation(gone             ? telemetry::GenerationOutcome::Cancelled
                             : status_ == 200 ? telemetry::GenerationOutcome::Succeeded
                                              : telemetry::GenerationOutcome::Failed);
  }
  const auto duration = since(started_);
  metrics.duration_us.observe(static_cast<std::uint64_t>(duration.count()));
  // What a stream takes after its first content is the provider's time.
  metrics.overhead_us.observe(
      static_cast<std::uint64_t>(own_time(first_token_.value_or(duration)).count()));
  metrics.response_bytes.observe(client_.bytes_sent());
  if (first_token_) {
    metrics.ttft_us.observe(static_cast<std::uint64_t>(first_token_->count()));
  }
  if (!settings().logging.access) {
    return;
  }
  std::array<telemetry::AccessAttempt, 9> attempts;
  std::size_t count = 0;
  for (const ledger::FailedAttempt& failed : failed_attempts_) {
    if (count + 1 < attempts.size()) {
      const bool by_status = failed.error_code == routing::name(routing::OutcomeKind::Status);
      attempts[count++] = {failed.provider, failed.error_code, by_status ? failed.status : 0U};
    }
  }
  telemetry::AccessRecord record;
  record.time = created_ + duration;
  record.generation_id = id_text_;
  record.key = caller_.key != nullptr ? std::string_view(caller_.key->name) : std::string_view{};
  // What names no model of ours may be anything, a prompt too: it is not written down.
  record.model_requested = models_.empty() ? std::string_view{} : std::string_view(facts_.model);
  if (call != nullptr) {
    record.model_served = call->model.id;
    record.provider = call->provider.name;
    attempts[count++] = {call->provider.name, error_code};
  }
  record.attempts = {attempts.data(), count};
  record.prompt_tokens = bill.counts.prompt;
  record.completion_tokens = bill.counts.completion;
  record.cached_tokens = bill.counts.cached_read;
  record.cost = bill.cost.total;
  record.ttft = first_token_;
  record.duration = duration;
  record.status = status_;
  record.error_code = error_code;
  record.estimated =
      bill.source == ledger::UsageSource::Estimate || bill.source == ledger::UsageSource::Partial;
  record.streamed = facts_.stream;
  record.cancelled = gone;
  gateway_.access_log_.append(record, Clock::now());
}

}  // namespace waybill::gateway
