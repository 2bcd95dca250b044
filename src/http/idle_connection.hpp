// A pooled connection that nobody uses.

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

}  // namespace waybill::http
