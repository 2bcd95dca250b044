// One attempt of a generation: the upstream call, and the relay of its answer.

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "generation.hpp"

namespace waybill::gateway {
namespace {

using http::PumpState;
using routing::AttemptOutcome;
using routing::OutcomeKind;

constexpr std::size_t kMaxErrorBody = 64UL * 1024UL;
constexpr std::chrono::seconds kErrorBodyTime{10};
// After so many reads without a pause the worker's other streams have their turn.
constexpr unsigned kReadsPerTurn = 16;

// A progress mark is due every 1,000 tokens, or for a cent's worth of them.
std::uint64_t bytes_between_marks(const catalog::Endpoint& endpoint) {
  constexpr std::uint64_t kTokens = 1000;
  constexpr std::uint64_t kBytesPerToken = 3;  // as estimate_tokens() has it
  const Money cent = Money::picodollars(10'000'000'000);
  const Money price = endpoint.price.base.completion.value_or(Money());
  const std::int64_t per_token = std::max<std::int64_t>(1, price.count());
  const auto affordable = static_cast<std::uint64_t>(cent.count() / per_token);
  return std::clamp<std::uint64_t>(affordable, 1, kTokens) * kBytesPerToken;
}

std::optional<AttemptOutcome> failed(OutcomeKind kind) {
  return AttemptOutcome{kind};
}

bool is_media_type(std::string_view field, std::string_view type) noexcept {
  return iequals(trim_ows(field.substr(0, field.find(';'))), type);
}

AttemptOutcome error_outcome(OutcomeKind kind, int status, const dialects::UpstreamFault& fault) {
  AttemptOutcome outcome;
  outcome.kind = kind;
  outcome.status = status;
  outcome.provider_code = fault.code.empty() ? fault.type : fault.code;
  outcome.provider_message = fault.message;
  return outcome;
}

}  // namespace

Task<std::optional<AttemptOutcome>> Generation::attempt(const routing::Attempt& step) {
  const catalog::Endpoint& endpoint = catalog().endpoint(plan_.attempts[step.candidate].endpoint);
  const catalog::Model& model = catalog().model(endpoint.model);
  Call call(*view_->pools[endpoint.provider], endpoint, catalog().provider_of(endpoint), model);
  call.kind = step.kind;
  call.number = static_cast<std::uint32_t>(failures_.size() + 1);
  call.began = Clock::now();
  call.deadline = std::min({step.deadline, deadline_, call.began + endpoint.timeouts.total});
  call.mark_every_bytes = bytes_between_marks(endpoint);
  call_ = &call;
  auto failure = co_await call_upstream(call);
  call_ = nullptr;
  relay_ = nullptr;
  if (failure) {
    record_failure(call, *failure);
  }
  co_return failure;
}

Task<std::optional<AttemptOutcome>> Generation::call_upstream(Call& call) {
  if (client_gone_ || cut_off_) {
    co_return failed(interrupted());
  }
  const auto allowed = call.kind == routing::AttemptKind::Resend ? http::ConnectionUse::Fresh
                                                                 : http::ConnectionUse::Reused;
  const TimePoint connect_by =
      std::min(call.deadline, Clock::now() + call.endpoint.timeouts.connect);
  auto connected = co_await call.exchange.connect(allowed, connect_by);
  if (!connected) {
    co_return outcome_of(call, connected.error());
  }
  const UpstreamBytes request = upstream_request(call);
  const bool logged = co_await log_intent(call);
  if (!logged) {
    co_return failed(OutcomeKind::Busy);
  }
  if (client_gone_ || cut_off_) {
    co_return failed(interrupted());
  }
  call.dispatched = true;
  call.sent = Clock::now();
  auto sent = co_await call.exchange.send(request.head, request.body, call.deadline);
  if (!sent) {
    co_return outcome_of(call, sent.error());
  }
  const TimePoint head_by =
      facts_.stream ? std::min(call.deadline, call.sent + call.endpoint.timeouts.first_token)
                    : call.deadline;
  auto head = co_await call.exchange.read_head(head_by);
  if (!head) {
    co_return outcome_of(call, head.error());
  }
  call.status = head->status;
  std::optional<AttemptOutcome> outcome;
  if (head->status < 200 || head->status > 299) {
    outcome = co_await read_failure(call, *head);
  } else if (facts_.stream) {
    outcome = co_await relay_stream(call, *head);
  } else {
    outcome = co_await relay_body(call, *head);
  }
  co_return outcome;
}

Generation::UpstreamBytes Generation::upstream_request(const Call& call) const {
  dialects::UpstreamRequest wanted;
  wanted.upstream_model = call.endpoint.upstream_model;
  switch (call.provider.quirks.stream_usage) {
    case config::StreamUsage::Asked: wanted.usage = dialects::UsageRequest::Ask; break;
    case config::StreamUsage::Always: wanted.usage = dialects::UsageRequest::Leave; break;
    case config::StreamUsage::Never: wanted.usage = dialects::UsageRequest::Remove; break;
  }
  if (kind_ == dialects::RequestKind::Chat) {  // the legacy endpoint knows only max_tokens
    wanted.limit_member = call.provider.quirks.max_tokens_member;
  }
  UpstreamBytes out;
  out.body.reserve(body_.size() + 128);
  dialects::write_upstream_request(out.body, body_, facts_, wanted);
  const auto& heads = view_->live->providers[call.provider.index].heads;
  const std::string_view head = heads[static_cast<std::size_t>(kind_)].reveal();
  out.head.reserve(head.size() + 64);
  out.head.append(head).append(facts_.stream ? "Accept: text/event-stream\r\n"
                                             : "Accept: application/json\r\n");
  out.head.append("Content-Length: ").append(std::to_string(out.body.size())).append("\r\n\r\n");
  return out;
}

Task<bool> Generation::log_intent(const Call& call) {
  ledger::Intent intent;
  intent.generation = id_;
  intent.attempt = call.number;
  intent.key = caller_.key->id;
  intent.api = api();
  intent.streamed = facts_.stream;
  intent.model = call.model.id;
  intent.provider = call.provider.name;
  intent.endpoint = call.endpoint.tag;
  intent.upstream_model = call.endpoint.upstream_model;
  intent.price_version = call.endpoint.price.version;
  intent.prompt_estimate = dialects::estimate_tokens(facts_.text_bytes);
  intent.started = created_;
  if (claim_) {
    intent.mark = claim_->mark();
  }
  const bool logged = co_await gateway_.intents_.log(intent);
  intent_logged_ = intent_logged_ || logged;
  co_return logged;
}

AttemptOutcome Generation::outcome_of(const Call& call, const Error& error) const {
  AttemptOutcome outcome;
  outcome.status = static_cast<int>(call.status);
  if (client_gone_ || cut_off_ || error.kind() == ErrorKind::Cancelled) {
    outcome.kind = interrupted();
  } else if (error.kind() == ErrorKind::Timeout) {
    outcome.kind = OutcomeKind::Timeout;
  } else if (error.code() == "pool_exhausted") {
    outcome.kind = OutcomeKind::Busy;
  } else if (error.code() == "tls_failed") {
    outcome.kind = OutcomeKind::TlsFailed;
  } else if (call.dispatched && error.code() == "upstream_malformed") {
    outcome.kind = OutcomeKind::ProtocolError;
  } else if (call.dispatched && call.exchange.response_begun()) {
    outcome.kind = OutcomeKind::StreamBroken;
  } else if (call.dispatched && call.exchange.connection_use() == http::ConnectionUse::Reused) {
    outcome.kind = OutcomeKind::StaleConnection;
  } else {
    outcome.kind = OutcomeKind::ConnectFailed;
  }
  return outcome;
}

// Reads a whole body of at most `limit` bytes.
Task<std::optional<AttemptOutcome>> Generation::gather(Call& call,
                                                       std::string& body,
                                                       std::size_t limit,
                                                       TimePoint deadline) {
  for (;;) {
    const PumpState state = call.exchange.pump([&](std::string_view piece) {
      if (body.size() <= limit) {
        body += piece;
      }
    });
    if (body.size() > limit) {
      co_return failed(OutcomeKind::ProtocolError);
    }
    if (state == PumpState::End) {
      co_return std::nullopt;
    }
    if (state == PumpState::Failed) {
      co_return outcome_of(call, *call.exchange.error());
    }
    if (state == PumpState::WouldBlock) {
      const TimePoint silent_until = Clock::now() + call.endpoint.timeouts.between_events;
      const net::Wake wake = co_await call.exchange.readable(std::min(deadline, silent_until));
      if (wake != net::Wake::Ready) {
        co_return failed(wake == net::Wake::TimedOut ? OutcomeKind::Timeout : interrupted());
      }
    }
  }
}

// The answer was a failure: learns what the provider says about it.
Task<AttemptOutcome> Generation::read_failure(Call& call, const http::ResponseHead& head) {
  std::string body;
  const auto broken = co_await gather(call, body, kMaxErrorBody, Clock::now() + kErrorBodyTime);
  AttemptOutcome outcome;
  outcome.kind = OutcomeKind::Status;
  outcome.status = static_cast<int>(head.status);
  if (broken && broken->kind == OutcomeKind::ClientGone) {
    outcome.kind = OutcomeKind::ClientGone;
    co_return outcome;
  }
  if (!broken) {
    const auto facts = dialects::read_reply(kind_, body, call.provider.usage_quirks);
    if (facts) {
      outcome = error_outcome(OutcomeKind::Status, static_cast<int>(head.status), facts->fault);
    }
  }
  outcome.retry_after =
      routing::parse_retry_after(head.header(http::Field::retry_after), wall_now());
  co_return outcome;
}

Task<std::optional<AttemptOutcome>> Generation::relay_body(Call& call,
                                                           const http::ResponseHead& head) {
  std::string body;
  const auto limit = static_cast<std::size_t>(settings().limits.response_bytes);
  auto broken = co_await gather(call, body, limit, call.deadline);
  note_upstream_time(call);
  if (broken) {
    co_return broken;
  }
  if (body.empty()) {
    co_return failed(OutcomeKind::EmptyBody);
  }
  if (is_media_type(head.header(http::Field::content_type), "text/event-stream")) {
    co_return failed(OutcomeKind::NotJson);
  }
  body.reserve(body.size() + net::Worker::kReadPadding);
  const auto facts = dialects::read_reply(kind_, body, call.provider.usage_quirks);
  if (!facts) {
    co_return failed(OutcomeKind::NotJson);
  }
  if (!facts->fault.message.empty() || !facts->has_choices) {
    co_return error_outcome(
        facts->fault.message.empty() ? OutcomeKind::NoChoices : OutcomeKind::ErrorBody,
        facts->fault.status.value_or(0), facts->fault);
  }
  co_await answer_body(call, body, *facts);
  co_return std::nullopt;
}

Task<> Generation::answer_body(Call& call,
                               const std::string& body,
                               const dialects::ReplyFacts& facts) {
  Reported reported = seen(call);
  reported.usage = facts.usage;
  reported.fault = facts.usage_fault;
  reported.output_bytes = facts.output_bytes;
  const Bill bill = bill_complete(call.endpoint, reported);
  ledger::Settlement record = settlement(call, bill, ledger::Outcome::Ok);
  record.upstream_id = facts.upstream_id;
  record.finish_reason = facts.finish_reason;
  record.native_finish_reason =
      facts.native_finish_reason.empty() ? facts.finish_reason : facts.native_finish_reason;
  const bool durable = co_await settle(std::move(record));
  if (!durable) {
    co_await refuse_unsettled();
    co_return;
  }
  count_success(call, bill);
  status_ = 200;
  std::string out;
  out.reserve(body.size() + 512);
  const dialects::ReplyIdentity identity{id_text_, call.model.id, call.provider.display_name};
  dialects::write_reply(out, body, facts, identity, bill.for_reply());
  const std::string fields = response_fields("application/json", call.provider.display_name);
  const bool sent = co_await client_.respond(200, fields, out);
  client_gone_ = client_gone_ || !sent;
  report(&call, bill, {});
}

Task<std::optional<AttemptOutcome>> Generation::relay_stream(Call& call,
                                                             const http::ResponseHead& head) {
  if (is_media_type(head.header(http::Field::content_type), "application/json")) {
    std::string body;
    auto broken = co_await gather(call, body, kMaxErrorBody, call.deadline);
    if (broken) {
      co_return broken;
    }
    const auto facts = dialects::read_reply(kind_, body, call.provider.usage_quirks);
    co_return facts && facts->is_error
        ? error_outcome(OutcomeKind::ErrorBody, facts->fault.status.value_or(0), facts->fault)
        : AttemptOutcome{body.empty() ? OutcomeKind::EmptyBody : OutcomeKind::NotJson};
  }
  StreamRelay relay(kind_, call.provider.usage_quirks,
                    {id_text_, call.model.id, call.provider.display_name});
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
Task<std::optional<AttemptOutcome>> Generation::pump_stream(Call& call, StreamRelay& relay) {
  http::SseParser& parser = call.events;
  TimePoint last_event = call.sent;
  unsigned reads = 0;
  for (;;) {
    std::string& out = gateway_.chunk_out_;
    out.clear();
    StreamRelay::Step step = StreamRelay::Step::Continue;
    const PumpState state = call.exchange.pump([&](std::string_view piece) {
      if (step != StreamRelay::Step::Failed) {
        step = feed(parser, piece, relay, out);
      }
    });
    if (state == PumpState::End && step == StreamRelay::Step::Continue) {
      if (const auto last = parser.finish()) {
        step = relay.take(*last, out);
      }
    }
    const TimePoint now = Clock::now();
    if (!out.empty()) {
      const bool sent = co_await send_events(call, now);
      if (!sent) {
        co_return failed(OutcomeKind::ClientGone);
      }
      last_event = Clock::now();  // the provider could not go on while the client held us up
    }
    if (step == StreamRelay::Step::Failed || parser.error()) {
      co_return relay.failed_by_error_event()
          ? error_outcome(OutcomeKind::ErrorBody, relay.fault().status.value_or(0), relay.fault())
          : AttemptOutcome{OutcomeKind::StreamBroken};
    }
    if (step == StreamRelay::Step::Ended || state == PumpState::End) {
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
                                            : call.sent + call.endpoint.timeouts.first_token);
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

StreamRelay::Step Generation::feed(http::SseParser& parser,
                                   std::string_view piece,
                                   StreamRelay& relay,
                                   std::string& out) {
  parser.feed(piece);
  while (const auto event = parser.next()) {
    const StreamRelay::Step step = relay.take(*event, out);
    if (step == StreamRelay::Step::Failed) {
      return step;
    }
  }
  return relay.ended() ? StreamRelay::Step::Ended : StreamRelay::Step::Continue;
}

void Generation::begin_content(Call& call, TimePoint now) {
  call.first_content = now;
  note_upstream_time(call);
  first_token_ = std::chrono::duration_cast<std::chrono::microseconds>(now - started_);
  if (!client_.stream_begun()) {
    begin_stream_head(call.provider.display_name);
  }
  client_.worker().arm(ticker_, now + settings().defaults.keep_alive_comment);
}

Task<> Generation::end_stream(Call& call, StreamRelay& relay) {
  Reported reported = seen(call);
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
    const bool wanted = settings().defaults.usage == config::UsageReport::Always ||
                        facts_.include_usage == dialects::UsageWish::True;
    if (wanted) {
      relay.write_usage(out, bill.for_reply());
    }
  } else {
    status_ = 503;
    relay.write_error(
        out, {503, "The ledger could not record this answer.", "server", "ledger_unavailable"});
  }
  out += kStreamDone;
  const bool sent = co_await client_.end_stream(out);
  client_gone_ = client_gone_ || !sent;
  report(&call, bill, durable ? std::string_view{} : std::string_view("ledger_unavailable"));
}

// The answer broke off after content: what was delivered is billed, and the
// client is told, in the stream, that this is not the end it wanted.
Task<> Generation::break_stream(Call& call, StreamRelay& relay, const AttemptOutcome& outcome) {
  Reported reported = seen(call);
  reported.usage = relay.usage();
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
  static_cast<void>(durable);  // start-up closes it from the intent log
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
    out += kStreamDone;
    const bool sent = co_await client_.end_stream(out);
    static_cast<void>(sent);
  }
  report(&call, bill, gone ? std::string_view("client_disconnected") : failure.error.code());
}

// Reads what follows the end of the answer, so that the connection can be used
// again if that was all.
void Generation::drop_rest(Call& call, StreamRelay& relay) {
  std::string nowhere;  // after the end nothing is relayed
  PumpState state = PumpState::Data;
  for (int i = 0; i < 4 && state == PumpState::Data; ++i) {
    state = call.exchange.pump(
        [&](std::string_view piece) { feed(call.events, piece, relay, nowhere); });
  }
  if (relay.spoke_after_end() || call.events.error()) {
    call.exchange.close_after();
  }
}

}  // namespace waybill::gateway
