// A pooled connection that nobody uses, and a request that waits for one.

#pragma once

#include <list>

#include "waybill/http/client.hpp"

namespace waybill::http {

// Closes itself when it has been idle too long.
class ClientPool::Idle final : public net::TimerWheel::Entry {
 public:
  Idle(ClientPool& pool, net::Stream connection) noexcept
      : stream(std::move(connection)),
        pool_(pool) {}

  net::Stream stream;
  std::list<Idle>::iterator place;

 private:
  void on_deadline() override;
  ClientPool& pool_;
};

// A request that waits for a place in the pool.  Who gives one up hands it over here,
// with the connection that stands on it if it can be used again.
struct ClientPool::Waiting {
  explicit Waiting(net::Worker& worker) noexcept : waiter(worker) {}
  net::Waiter waiter;
  net::Stream stream;
  bool granted = false;
};

}  // namespace waybill::http
