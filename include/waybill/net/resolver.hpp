// Names to addresses, by c-ares, with a cache.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "waybill/base/result.hpp"
#include "waybill/net/call_off.hpp"
#include "waybill/net/task.hpp"
#include "waybill/net/worker.hpp"

namespace waybill::net {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

struct ResolverLimits {
  std::chrono::milliseconds timeout{2000};  // per look-up
  std::chrono::seconds positive_ttl{60};    // used where it is below the record's
  std::chrono::seconds negative_ttl{5};
  std::chrono::seconds stale_if_error{3600};  // an expired answer beats none
  std::size_t max_addresses = 16;             // of one name
  std::size_t max_names = 1024;               // in the cache
};

// Resolves host names off the request path where it can: answers come from a
// cache, and callers that ask for the same name share one look-up.
//
// Names ending in ".local" go to getaddrinfo (multicast DNS is the system's
// affair) on a thread of the resolver's own.
//
// Thread safety: none; one per worker.
class Resolver {
 public:
  Resolver(Worker& worker, ResolverLimits limits);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Addresses in the order to try them, alternating families (RFC 8305 §4),
  // each with `port`.  IP literals are answered at once.
  // Fails with code "dns_failed" or "dns_timeout", or with "cancelled" when it is
  // called off; the look-up itself goes on for who else asks.
  Task<Result<std::vector<Address>>> resolve(std::string host,
                                             std::uint16_t port,
                                             TimePoint deadline,
                                             CallOff& call_off);

  struct Counters {
    std::uint64_t lookups = 0;
    std::uint64_t failures = 0;
  };
  [[nodiscard]] const Counters& counters() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace waybill::net
