#include "waybill/base/error.hpp"

namespace waybill {

std::string_view name(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::InvalidRequest: return "invalid_request";
    case ErrorKind::Unauthenticated: return "unauthenticated";
    case ErrorKind::Forbidden: return "forbidden";
    case ErrorKind::NotFound: return "not_found";
    case ErrorKind::QuotaExhausted: return "quota_exhausted";
    case ErrorKind::UpstreamBusy: return "upstream_busy";
    case ErrorKind::UpstreamFailed: return "upstream_failed";
    case ErrorKind::Timeout: return "timeout";
    case ErrorKind::Cancelled: return "cancelled";
    case ErrorKind::Unavailable: return "unavailable";
    case ErrorKind::Internal: return "internal";
  }
  return "internal";  // unreachable: -Wswitch keeps the switch exhaustive
}

}  // namespace waybill
