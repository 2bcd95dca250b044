#include "waybill/http/server.hpp"

#include <utility>

#include "connection.hpp"

namespace waybill::http {

Server::Server(net::Worker& worker, ServerLimits limits, Handler& handler)
    : worker_(worker),
      limits_(limits),
      handler_(handler),
      idle_(worker) {}

Server::~Server() = default;

void Server::add_listener(net::ListenSocket socket, int tag, TlsSource tls) {
  auto on_accept = [this, tag, tls = std::move(tls)](net::Stream stream, net::Peer peer) {
    accept(std::move(stream), std::move(peer), tag, tls);
  };
  listeners_.push_back(
      std::make_unique<net::Listener>(worker_, std::move(socket), std::move(on_accept)));
}

void Server::accept(net::Stream stream, net::Peer peer, int tag, const TlsSource& tls) {
  ++counters_.accepted;
  SharedUse::Part place;
  const bool has_room = limits_.all_connections == nullptr
                            ? connections_.size() < limits_.max_connections
                            : place.take(*limits_.all_connections, 1, limits_.max_connections);
  if (draining_ || !has_room) {
    ++counters_.turned_away;
    return;  // the stream closes
  }
  connections_.push_back(
      std::make_unique<Connection>(*this, std::move(stream), std::move(peer), tag));
  connections_.back()->place = std::move(place);
  counters_.open = connections_.size();
  auto task = [](Server* server, std::list<std::unique_ptr<Connection>>::iterator place,
                 std::shared_ptr<const net::TlsServerContext> context) -> Task<> {
    co_await (*place)->run(std::move(context));
    server->forget(place);
  };
  worker_.spawn(task(this, std::prev(connections_.end()), tls ? tls() : nullptr));
}

void Server::forget(std::list<std::unique_ptr<Connection>>::iterator place) {
  connections_.erase(place);
  counters_.open = connections_.size();
  if (connections_.empty()) {
    idle_.wake_later(net::Wake::Ready);
  }
}

void Server::drain() {
  draining_ = true;
  listeners_.clear();
  // A drained connection may leave the list while we walk.
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = next++;
    (*current)->drain();
  }
}

void Server::abort() {
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto current = next++;
    (*current)->abort();
  }
}

Task<bool> Server::wait_idle(TimePoint deadline) {
  while (!connections_.empty()) {
    const net::Wake wake = co_await idle_.wait(deadline);
    if (wake == net::Wake::TimedOut) {
      break;
    }
  }
  co_return connections_.empty();
}

}  // namespace waybill::http
