// One attempt of a generation: the upstream call, and its answer where that is a body.

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "attempt_outcome.hpp"
#include "generation.hpp"

namespace waybill::gateway {
namespace {

using http::PumpState;
using routing::AttemptOutcome;
using routing::OutcomeKind;

constexpr std::size_t kMaxErrorBody = 64UL * 1024UL;
constexpr std::chrono::seconds kErrorBodyTime{10};
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

bool is_media_type(std::string_view field, std::string_view type) noexcept {
  return iequals(trim_ows(field.substr(0, field.find(';'))), type);
}

}  // namespace

Task<std::optional<AttemptOutcome>> Generation::attempt(const routing::Attempt& step) {
  const catalog::Endpoint& endpoint = catalog().endpoint(plan_.attempts[step.candidate].endpoint);
  const catalog::Model& model = catalog().model(endpoint.model);
  const ProviderLink& link = view_->live->providers[endpoint.provider];
  Call call(*view_->pools[endpoint.provider], endpoint, catalog().provider_of(endpoint), model,
            link);
  call.translated = link.dialect != api_.dialect || api_.dialect->name != "openai_chat";
  call.passed =
      call.translated && link.dialect == api_.dialect && link.dialect->pass_request != nullptr;
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
    co_return failed_by(call, connected.error());
  }
  auto request = upstream_request(call);
  if (!request) {
    co_return failed(OutcomeKind::Unsayable);
  }
  const bool logged = co_await log_intent(call);
  if (!logged) {
    co_return failed(OutcomeKind::Unrecorded);
  }
  if (client_gone_ || cut_off_) {
    co_return failed(interrupted());
  }
  call.dispatched = true;
  call.sent = Clock::now();
  auto sent = co_await call.exchange.send(request->head, request->body, call.deadline,
                                          call.endpoint.timeouts.between_events);
  if (!sent) {
    co_return outcome_of(call, sent.error());
  }
  free_memory(request->body);  // the answer may last for long
  call.asked = Clock::now();
  const TimePoint head_by =
      facts_.stream ? std::min(call.deadline, call.asked + call.endpoint.timeouts.first_token)
                    : call.deadline;
  auto head = co_await call.exchange.read_head(head_by);
  if (!head) {
    co_return failed_by(call, head.error());
  }
  call.status = head->status;
  std::optional<AttemptOutcome> outcome;
  if (head->status < 200 || head->status > 299) {
    outcome = co_await read_failure(call, *head);
  } else if (facts_.stream) {
    const bool streamed =
        call.link.dialect->framing != dialects::Framing::Sse ||
        !is_media_type(head->header(http::Field::content_type), "application/json");
    outcome = streamed ? co_await relay_stream(call) : co_await read_unstreamed(call);
  } else {
    outcome = co_await relay_body(call, *head);
  }
  co_return outcome;
}

dialects::UpstreamRequest Generation::splice_wishes(const Call& call) const {
  dialects::UpstreamRequest wanted;
  wanted.upstream_model = call.endpoint.upstream_model;
  switch (call.provider.quirks.stream_usage) {
    case config::StreamUsage::Asked: wanted.usage = dialects::UsageRequest::Ask; break;
    case config::StreamUsage::Always: wanted.usage = dialects::UsageRequest::Leave; break;
    case config::StreamUsage::Never: wanted.usage = dialects::UsageRequest::Remove; break;
  }
  if (api_.kind == dialects::RequestKind::Chat) {  // the legacy endpoint knows only max_tokens
    wanted.limit_member = call.provider.quirks.max_tokens_member;
  }
  return wanted;
}

dialects::EncodeTarget Generation::translation_target(const Call& call) const {
  dialects::EncodeTarget target;
  target.upstream_model = call.endpoint.upstream_model;
  target.stream = facts_.stream;
  if (call.endpoint.max_completion_tokens > 0) {
    target.max_output = call.endpoint.max_completion_tokens;
  }
  target.chat.limit_member = call.provider.quirks.max_tokens_member;
  target.chat.ask_usage = call.provider.quirks.stream_usage == config::StreamUsage::Asked;
  target.chat.reasoning_member = call.provider.quirks.reasoning_member;
  target.chat.cache_member = call.provider.quirks.cache_member;
  target.adaptive_reasoning = call.endpoint.capabilities.adaptive_reasoning.value_or(false);
  return target;
}

Result<Generation::UpstreamBytes> Generation::upstream_request(Call& call) const {
  UpstreamBytes out;
  if (call.passed) {
    auto body = call.link.dialect->pass_request(body_, translation_target(call));
    if (!body) {
      return body.error();
    }
    out.body = *std::move(body);
  } else if (call.translated) {
    auto encoded =
        dialects::translate(*call.link.dialect, *conversation_, translation_target(call));
    if (!encoded) {
      return encoded.error();
    }
    out.body = std::move(encoded->body);
    call.losses = std::move(encoded->losses);
  } else {
    out.body.reserve(body_.size() + 128);
    dialects::write_upstream_request(out.body, body_, facts_, splice_wishes(call));
  }
  const std::string_view fields = call.link.fields.reveal();
  const std::string path =
      request_path(*call.link.dialect, api_.kind, call.endpoint.upstream_model, facts_.stream);
  out.head.reserve(call.link.target.size() + path.size() + fields.size() + 96);
  out.head.append("POST ").append(call.link.target).append(path).append(" HTTP/1.1\r\n");
  out.head.append(fields).append(facts_.stream ? "Accept: text/event-stream\r\n"
                                               : "Accept: application/json\r\n");
  for (const std::string_view name : call.link.dialect->passed_fields) {
    const std::string_view value = client_.head().header(name);
    if (!value.empty()) {
      http::append_field(out.head, name, value);
    }
  }
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

AttemptOutcome Generation::failed_by(const Call& call, const Error& error) {
  const AttemptOutcome outcome = outcome_of(call, error);
  const bool news = outcome.kind == OutcomeKind::ConnectFailed ||
                    outcome.kind == OutcomeKind::TlsFailed ||
                    outcome.kind == OutcomeKind::ProtocolError ||
                    (outcome.kind == OutcomeKind::Timeout && !call.dispatched);
  if (news) {
    gateway_.trouble_.tell(call.provider.name, error, Clock::now());
  }
  return outcome;
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
  if (!broken && call.translated) {
    outcome = error_outcome(OutcomeKind::Status, static_cast<int>(head.status),
                            call.link.dialect->decode_error(body));
  } else if (!broken) {
    const auto facts = dialects::read_reply(api_.kind, body, call.provider.usage_quirks);
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
  call.exchange.release();  // the client may be slow
  if (body.empty()) {
    co_return failed(OutcomeKind::EmptyBody);
  }
  if (is_media_type(head.header(http::Field::content_type), "text/event-stream")) {
    co_return failed(OutcomeKind::NotJson);
  }
  if (call.translated) {
    co_return co_await relay_translated(call, std::move(body));
  }
  body.reserve(body.size() + net::Worker::kReadPadding);
  const auto facts = dialects::read_reply(api_.kind, body, call.provider.usage_quirks);
  if (!facts) {
    co_return failed(OutcomeKind::NotJson);
  }
  if (facts->is_error) {
    const bool silent = facts->fault.message.empty() && !facts->has_choices;
    co_return error_outcome(silent ? OutcomeKind::NoChoices : OutcomeKind::ErrorBody,
                            facts->fault.status.value_or(0), facts->fault);
  }
  co_await answer_body(call, std::move(body), *facts);
  co_return std::nullopt;
}

Task<> Generation::answer_body(Call& call, std::string body, const dialects::ReplyFacts& facts) {
  Reported reported = seen();
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
  free_memory(body);
  const std::string fields = response_fields("application/json", call.provider.display_name);
  const bool sent = co_await client_.respond(200, fields, out);
  client_gone_ = client_gone_ || !sent;
  report(&call, bill, {});
}

// A stream was asked for and one JSON document came: mostly an error, and never an answer
// that could be relayed as what the client wants.
Task<AttemptOutcome> Generation::read_unstreamed(Call& call) {
  std::string body;
  const auto broken = co_await gather(call, body, kMaxErrorBody, call.deadline);
  if (broken) {
    co_return *broken;
  }
  if (call.translated) {
    std::optional<dialects::UpstreamFault> fault;
    const auto answer = call.link.dialect->decode_response(body, call.provider.usage_quirks, fault);
    co_return answer&& fault
        ? error_outcome(OutcomeKind::ErrorBody, fault->status.value_or(0), *fault)
        : AttemptOutcome{body.empty() ? OutcomeKind::EmptyBody : OutcomeKind::NotJson};
  }
  const auto facts = dialects::read_reply(api_.kind, body, call.provider.usage_quirks);
  co_return facts && facts->is_error
      ? error_outcome(OutcomeKind::ErrorBody, facts->fault.status.value_or(0), facts->fault)
      : AttemptOutcome{body.empty() ? OutcomeKind::EmptyBody : OutcomeKind::NotJson};
}

}  // namespace waybill::gateway
