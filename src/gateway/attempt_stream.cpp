// The relay of an attempt's stream: events as they come, and the three ends it can have.

#include <algorithm>
#include <utility>

#include "attempt_outcome.hpp"
#include "generation.hpp"
#include "stream_relay.hpp"
#include "translated_relay.hpp"

namespace waybill::gateway {
namespace {

using http::PumpState;
using routing::AttemptOutcome;
using routing::OutcomeKind;

// After so many reads without a pause the worker's other streams have their turn.
constexpr unsigned kReadsPerTurn = 16;

}  // namespace

std::unique_ptr<AnswerRelay> Generation::make_relay(const Call& call) const {
  if (call.translated) {
    return std::make_unique<TranslatedRelay>(*call.link.dialect, *api_.dialect,
                                             call.provider.usage_quirks, reply_context(call));
  }
  return std::make_unique<StreamRelay>(
      api_.kind, call.provider.usage_quirks,
      dialects::ReplyIdentity{id_text_, call.model.id, call.provider.display_name}, tells_usage());
}

Task<std::optional<AttemptOutcome>> Generation::relay_stream(Call& call) {
  const auto made = make_relay(call);
  AnswerRelay& relay = *made;
  relay_ = &relay;
  auto broken = co_await pump_stream(call, relay);
  if (!broken && !relay.is_complete()) {
    broken = failed(relay.content_sent() ? OutcomeKind::StreamBroken : OutcomeKind::EmptyBody);
  }
  if (!broken) {
    co_await end_stream(call, relay);
    co_return std::nullopt;
  }
  if (relay.content_sent()) {
    co_await break_stream(call, relay, *broken);
    co_return std::nullopt;
  }
  co_return broken;
}

// Relays events until the stream ends; nothing means it ended by itself.
Task<std::optional<AttemptOutcome>> Generation::pump_stream(Call& call, AnswerRelay& relay) {
  TimePoint last_event = call.asked;
  unsigned reads = 0;
  for (;;) {
    std::string& out = gateway_.chunk_out_;
    out.clear();
    AnswerRelay::Step step = AnswerRelay::Step::Continue;
    const PumpState state =
        call.exchange.pump([&](std::string_view piece) { step = relay.feed(piece, out); });
    if (state == PumpState::End && step == AnswerRelay::Step::Continue) {
      step = relay.finish(out);
    }
    const TimePoint now = Clock::now();
    if (!out.empty()) {
      const bool sent = co_await send_events(call, now);
      if (!sent) {
        co_return failed(OutcomeKind::ClientGone);
      }
      last_event = Clock::now();  // the provider could not go on while the client held us up
    }
    if (step == AnswerRelay::Step::Failed) {
      co_return relay.failed_by_error_event()
          ? error_outcome(OutcomeKind::ErrorBody, relay.fault().status.value_or(0), relay.fault())
          : AttemptOutcome{OutcomeKind::StreamBroken};
    }
    if (step == AnswerRelay::Step::Ended || state == PumpState::End) {
      co_return std::nullopt;
    }
    if (state == PumpState::Failed) {
      // A stream that has said everything may end untidily.
      co_return relay.is_complete() && !client_gone_
          ? std::nullopt
          : std::optional(outcome_of(call, *call.exchange.error()));
    }
    const TimePoint due = std::min(
        call.deadline, relay.content_sent() ? last_event + call.endpoint.timeouts.between_events
                                            : call.asked + call.endpoint.timeouts.first_token);
    if (now >= due) {  // bytes that are no events keep no stream alive
      co_return failed(OutcomeKind::Timeout);
    }
    if (state == PumpState::WouldBlock) {
      const net::Wake wake = co_await call.exchange.readable(due);
      if (wake != net::Wake::Ready) {
        co_return failed(wake == net::Wake::TimedOut ? OutcomeKind::Timeout : interrupted());
      }
    } else if (++reads % kReadsPerTurn == 0) {
      co_await net::asio::post(client_.worker().executor(), net::asio::deferred);
    }
  }
}

// Sends what the gateway's buffer holds.
Task<bool> Generation::send_events(Call& call, TimePoint now) {
  if (!call.first_content) {
    begin_content(call, now);
  }
  last_sent_ = now;
  mark_progress(call, now);  // first, so that nothing a client has is ever unbilled
  const bool sent = co_await client_.send(gateway_.chunk_out_);
  client_gone_ = client_gone_ || !sent;
  co_return sent;
}

void Generation::begin_content(Call& call, TimePoint now) {
  call.first_content = now;
  client_.forget_body(body_);  // nothing is tried again from here on
  conversation_.reset();
  note_upstream_time(call);
  first_token_ = std::chrono::duration_cast<std::chrono::microseconds>(now - started_);
  if (!client_.stream_begun()) {
    begin_stream_head(call.provider.display_name);
  }
  client_.worker().arm(ticker_, now + settings().defaults.keep_alive_comment);
}

Task<> Generation::end_stream(Call& call, AnswerRelay& relay) {
  if (!call.first_content) {  // an answer without a word, or one that is told at its end
    begin_content(call, Clock::now());
  }
  Reported reported = seen();
  reported.usage = relay.usage();
  reported.fault = relay.usage_fault();
  reported.output_bytes = relay.output_bytes();
  const Bill bill = bill_complete(call.endpoint, reported);
  ledger::Settlement record = settlement(call, bill, ledger::Outcome::Ok);
  fill_from_stream(record, relay);
  drop_rest(call, relay);
  const bool durable = co_await settle(std::move(record));
  drop_rest(call, relay);
  std::string out;
  if (durable) {
    count_success(call, bill);
    status_ = 200;
    relay.write_end(out, bill.for_reply());
  } else {
    status_ = 503;
    relay.write_error(
        out, {503, "The ledger could not record this answer.", "server", "ledger_unavailable"});
  }
  const bool sent = co_await client_.end_stream(out);
  client_gone_ = client_gone_ || !sent;
  report(&call, bill, durable ? std::string_view{} : std::string_view("ledger_unavailable"));
}

// The answer broke off after content: what was delivered is billed, and the
// client is told, in the stream, that this is not the end it wanted.
Task<> Generation::break_stream(Call& call, AnswerRelay& relay, const AttemptOutcome& outcome) {
  if (!call.first_content) {
    begin_content(call, Clock::now());
  }
  Reported reported = seen();
  reported.usage = relay.usage();
  reported.usage_so_far = relay.usage_so_far();
  reported.fault = relay.usage_fault();
  reported.output_bytes = relay.output_bytes();
  const Bill bill = bill_partial(call.endpoint, reported);
  const bool gone = client_gone_ || outcome.kind == OutcomeKind::ClientGone;
  ledger::Settlement record =
      settlement(call, bill, gone ? ledger::Outcome::Cancelled : ledger::Outcome::Partial);
  fill_from_stream(record, relay);
  record.cancelled = gone;
  record.error_code =
      gone ? std::string("client_disconnected") : std::string(routing::name(outcome.kind));
  count_failure(call, outcome);
  const bool durable = co_await settle(std::move(record));
  if (durable) {  // else start-up closes it from the intent log
    count_bill(call, bill);
  }
  failures_.push_back({call.provider.name, outcome});
  const routing::FinalFailure failure = routing::summarize(std::span(&failures_.back(), 1));
  status_ = gone ? 499 : static_cast<unsigned>(failure.status);
  if (!gone) {
    std::string out;
    const std::string said =
        failure.provider_message.empty()
            ? failure.error.detail()
            : failure.error.detail() + " The provider says: " + failure.provider_message;
    relay.write_error(out, {failure.status, said, failure.error_type, failure.provider_code});
    const bool sent = co_await client_.end_stream(out);
    static_cast<void>(sent);
  }
  report(&call, bill, gone ? std::string_view("client_disconnected") : failure.error.code());
}

// Reads what follows the end of the answer, so that the connection can be used
// again if that was all.
void Generation::drop_rest(Call& call, AnswerRelay& relay) {
  std::string nowhere;  // after the end nothing is relayed
  AnswerRelay::Step step = AnswerRelay::Step::Continue;
  PumpState state = PumpState::Data;
  for (int i = 0; i < 4 && state == PumpState::Data; ++i) {
    state = call.exchange.pump([&](std::string_view piece) { step = relay.feed(piece, nowhere); });
  }
  if (relay.spoke_after_end() || step == AnswerRelay::Step::Failed) {
    call.exchange.close_after();
  }
}

}  // namespace waybill::gateway
