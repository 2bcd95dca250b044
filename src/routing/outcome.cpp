#include "waybill/routing/outcome.hpp"

#include <algorithm>

namespace waybill::routing {
namespace {

bool contains(std::span<const std::uint16_t> statuses, int status) noexcept {
  return std::ranges::any_of(statuses, [status](std::uint16_t s) { return int{s} == status; });
}

Verdict classify_status(int status, const StatusRules& rules) noexcept {
  if (contains(rules.client_fault, status)) {
    return Verdict::Final;
  }
  if (contains(rules.move_on, status)) {
    return Verdict::MoveOn;
  }
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422: return Verdict::Final;
    default: return Verdict::MoveOn;
  }
}

}  // namespace

std::string_view name(OutcomeKind kind) noexcept {
  switch (kind) {
    case OutcomeKind::ConnectFailed: return "connect_failed";
    case OutcomeKind::TlsFailed: return "tls_failed";
    case OutcomeKind::StaleConnection: return "stale_connection";
    case OutcomeKind::Timeout: return "timeout";
    case OutcomeKind::Busy: return "busy";
    case OutcomeKind::Status: return "status";
    case OutcomeKind::EmptyBody: return "empty_body";
    case OutcomeKind::NotJson: return "not_json";
    case OutcomeKind::NoChoices: return "no_choices";
    case OutcomeKind::ErrorBody: return "error_body";
    case OutcomeKind::ProtocolError: return "protocol_error";
    case OutcomeKind::StreamBroken: return "stream_broken";
    case OutcomeKind::ClientGone: return "client_gone";
    case OutcomeKind::ShuttingDown: return "shutting_down";
    case OutcomeKind::Unrecorded: return "unrecorded";
    case OutcomeKind::Unsayable: return "unsayable";
  }
  return "unknown";
}

Verdict classify(const AttemptOutcome& outcome, const StatusRules& rules) noexcept {
  switch (outcome.kind) {
    case OutcomeKind::ClientGone:
    case OutcomeKind::ShuttingDown:
    case OutcomeKind::Unrecorded: return Verdict::Final;
    case OutcomeKind::Status:
    case OutcomeKind::ErrorBody:  // its status is 0 unless the error named one
      return classify_status(outcome.status, rules);
    case OutcomeKind::ConnectFailed:
    case OutcomeKind::TlsFailed:
    case OutcomeKind::StaleConnection:
    case OutcomeKind::Timeout:
    case OutcomeKind::Busy:
    case OutcomeKind::EmptyBody:
    case OutcomeKind::NotJson:
    case OutcomeKind::NoChoices:
    case OutcomeKind::ProtocolError:
    case OutcomeKind::Unsayable:
    case OutcomeKind::StreamBroken: return Verdict::MoveOn;
  }
  return Verdict::MoveOn;
}

bool is_busy(const AttemptOutcome& outcome) noexcept {
  if (outcome.kind == OutcomeKind::Busy) {
    return true;
  }
  const bool by_status =
      outcome.kind == OutcomeKind::Status || outcome.kind == OutcomeKind::ErrorBody;
  return by_status && (outcome.status == 429 || outcome.status == 503 || outcome.status == 529);
}

bool is_timeout(const AttemptOutcome& outcome) noexcept {
  if (outcome.kind == OutcomeKind::Timeout) {
    return true;
  }
  const bool by_status =
      outcome.kind == OutcomeKind::Status || outcome.kind == OutcomeKind::ErrorBody;
  return by_status && (outcome.status == 408 || outcome.status == 504 || outcome.status == 524);
}

}  // namespace waybill::routing
