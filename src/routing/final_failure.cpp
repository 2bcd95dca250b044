#include "waybill/routing/final_failure.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "waybill/base/text.hpp"

namespace waybill::routing {
namespace {

bool has_status(const AttemptOutcome& outcome, int status) noexcept {
  return outcome.status == status &&
         (outcome.kind == OutcomeKind::Status || outcome.kind == OutcomeKind::ErrorBody);
}

// Whether `holds` for all that endpoints had to say.  A dead pooled connection that
// was followed by another attempt said nothing.
template <class Predicate>
bool every(std::span<const FailedAttempt> attempts, Predicate holds) {
  return holds(attempts.back().outcome) &&
         std::ranges::all_of(attempts, [&holds](const FailedAttempt& attempt) {
           return attempt.outcome.kind == OutcomeKind::StaleConnection || holds(attempt.outcome);
         });
}

struct Choice {
  int status;
  ErrorKind kind;
  std::string_view code;
  std::string_view error_type;
  std::string_view sentence;  // follows the provider's name
};

Choice client_fault(int status) {
  switch (status) {
    case 413:
      return {413, ErrorKind::InvalidRequest, "payload_too_large", "payload_too_large",
              "found the request too large. Send less."};
    case 415:
      return {415, ErrorKind::InvalidRequest, "unsupported_media_type", "invalid_request",
              "does not take this content type. Send JSON."};
    case 422:
      return {422, ErrorKind::InvalidRequest, "unprocessable", "unprocessable",
              "could not process the request. Its own message says what to change."};
    default:
      return {400, ErrorKind::InvalidRequest, "invalid_request", "invalid_request",
              "refused the request as invalid. Its own message says what to change."};
  }
}

Choice unavailable(const AttemptOutcome& outcome) {
  constexpr auto kKind = ErrorKind::UpstreamFailed;
  constexpr std::string_view kType = "provider_unavailable";
  switch (outcome.kind) {
    case OutcomeKind::ConnectFailed:
    case OutcomeKind::StaleConnection:
      return {502, kKind, "upstream_unreachable", kType,
              "could not be reached. Check its address and that it runs."};
    case OutcomeKind::TlsFailed:
      return {502, kKind, "upstream_tls_failed", kType,
              "could not be reached over TLS. Check its certificate, the settings' CA and that it "
              "speaks HTTP/1.1."};
    case OutcomeKind::StreamBroken:
      return {502, kKind, "upstream_stream_broken", kType,
              "broke off its answer. Send the request again."};
    case OutcomeKind::EmptyBody:
    case OutcomeKind::NotJson:
    case OutcomeKind::NoChoices:
    case OutcomeKind::ProtocolError:
      return {502, kKind, "upstream_invalid_response", kType,
              "answered with something that is no answer. Check its address in the settings."};
    case OutcomeKind::Status:
    case OutcomeKind::ErrorBody:
    case OutcomeKind::Busy:
    case OutcomeKind::Timeout:
    case OutcomeKind::ClientGone:
    case OutcomeKind::ShuttingDown:
    case OutcomeKind::Unrecorded:
    case OutcomeKind::Unsayable: break;
  }
  if (outcome.status == 401 || outcome.status == 402 || outcome.status == 403) {
    return {502, kKind, "upstream_refused_credentials", kType,
            "refused Waybill's own credentials or account. Whoever runs Waybill has to check its "
            "key at the provider."};
  }
  if (outcome.status == 404) {
    return {502, kKind, "upstream_model_missing", kType,
            "does not have the model. Whoever runs Waybill has to check upstream_model."};
  }
  return {502, kKind, "upstream_error", kType, "answered with an error. Send the request again."};
}

Choice choose(std::span<const FailedAttempt> attempts, const StatusRules& rules) {
  const AttemptOutcome& last = attempts.back().outcome;
  if (last.kind == OutcomeKind::ClientGone) {
    return {499, ErrorKind::Cancelled, "client_gone", "server",
            "was still answering when the client went away."};
  }
  if (last.kind == OutcomeKind::ShuttingDown) {
    return {503, ErrorKind::Unavailable, "shutting_down", "provider_overloaded",
            "was still answering when Waybill was stopped. Try again shortly."};
  }
  if (last.kind == OutcomeKind::Unrecorded) {
    return {503, ErrorKind::Unavailable, "ledger_unavailable", "server",
            "was not asked, because the ledger takes no new work. Try again shortly."};
  }
  if (last.kind == OutcomeKind::Unsayable) {
    return {400, ErrorKind::InvalidRequest, "dialect_unsupported", "invalid_request",
            "has no way to be asked this. Change the request or choose another model."};
  }
  if (classify(last, rules) == Verdict::Final) {
    return client_fault(last.status);
  }
  if (every(attempts, [](const AttemptOutcome& outcome) { return has_status(outcome, 429); })) {
    return {429, ErrorKind::UpstreamBusy, "rate_limit_exceeded", "rate_limit_exceeded",
            "has reached its rate limit, and no other endpoint is left. Wait and try again."};
  }
  if (every(attempts, is_busy)) {
    return {503, ErrorKind::UpstreamBusy, "provider_overloaded", "provider_overloaded",
            "is overloaded, and so is every other endpoint. Wait and try again."};
  }
  if (is_timeout(last)) {
    return {504, ErrorKind::Timeout, "upstream_timeout", "timeout",
            "did not answer in time. Try again, or raise the timeouts in the settings."};
  }
  return unavailable(last);
}

// A hint that one attempt did not give would be a guess about that endpoint.
std::optional<std::chrono::seconds> smallest_retry_after(std::span<const FailedAttempt> attempts) {
  std::optional<std::chrono::seconds> smallest;
  for (const FailedAttempt& attempt : attempts) {
    if (attempt.outcome.kind == OutcomeKind::StaleConnection) {
      continue;
    }
    if (!attempt.outcome.retry_after) {
      return std::nullopt;
    }
    smallest =
        std::min(smallest.value_or(*attempt.outcome.retry_after), *attempt.outcome.retry_after);
  }
  return smallest;
}

// A provider's code is its own text too, and some echo what they were sent.
std::string scrub_code(std::string_view code) {
  constexpr std::size_t kLongest = 64;
  return printable(scrub(code), kLongest);
}

int seen_code(const AttemptOutcome& outcome) noexcept {
  if (outcome.status >= 400 && outcome.status <= 599) {
    return outcome.status;
  }
  return is_timeout(outcome) ? 504 : 502;
}

}  // namespace

FinalFailure summarize(std::span<const FailedAttempt> attempts, const StatusRules& rules) {
  assert(!attempts.empty());
  const FailedAttempt& last = attempts.back();
  const Choice choice = choose(attempts, rules);

  std::string sentence = "The provider " + std::string(last.provider) + " ";
  sentence += choice.sentence;
  FinalFailure failure{.status = choice.status,
                       .error = Error(choice.kind, choice.code, std::move(sentence)),
                       .error_type = choice.error_type,
                       .provider = std::string(last.provider),
                       .provider_code = scrub_code(last.outcome.provider_code),
                       .provider_message = scrub(last.outcome.provider_message),
                       .retry_after = std::nullopt,
                       .previous_errors = {}};
  if (failure.provider_code.empty() && last.outcome.status != 0) {
    failure.provider_code = std::to_string(last.outcome.status);
  }
  if (choice.kind == ErrorKind::UpstreamBusy) {
    failure.retry_after = smallest_retry_after(attempts);
  } else if (choice.kind == ErrorKind::Unavailable) {  // our own trouble, which passes
    failure.retry_after = std::chrono::seconds(1);
  }
  for (const FailedAttempt& attempt : attempts.first(attempts.size() - 1)) {
    const AttemptOutcome& outcome = attempt.outcome;
    failure.previous_errors.push_back(
        {std::string(attempt.provider), seen_code(outcome), name(outcome.kind)});
  }
  return failure;
}

}  // namespace waybill::routing
