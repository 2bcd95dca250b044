// Opening outgoing connections.

#pragma once

#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/net/call_off.hpp"
#include "waybill/net/resolver.hpp"
#include "waybill/net/stream.hpp"

namespace waybill::net {

// Connects to the first of `candidates` that answers, starting another attempt
// every 250 ms while the earlier ones are silent, or at once when one fails
// (RFC 8305 §5).  TCP_NODELAY is set: event streams are small writes.
//
// Fails with Timeout/"connect_timeout" once `deadline` passes, with
// UpstreamFailed/"connect_failed" if every candidate refused, and with
// Cancelled/"cancelled" when it is called off.
Task<Result<Stream>> connect(Worker& worker,
                             std::vector<Address> candidates,
                             TimePoint deadline,
                             CallOff& call_off);

}  // namespace waybill::net
