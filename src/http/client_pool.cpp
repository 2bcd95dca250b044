#include <utility>

#include "waybill/http/client.hpp"
#include "waybill/http/message.hpp"

#include "idle_connection.hpp"

namespace waybill::http {
namespace {

using net::IoOutcome;
using net::IoResult;
using net::IoState;
using net::Wake;

Error proxy_failed(std::string detail) {
  return {ErrorKind::UpstreamFailed, "proxy_failed", std::move(detail)};
}

}  // namespace

void ClientPool::Idle::on_deadline() {
  pool_.expire(*this);
}

ClientPool::ClientPool(net::Worker& worker, net::Resolver& resolver, OriginOptions options)
    : worker_(worker),
      resolver_(resolver),
      options_(std::move(options)),
      places_(options_.places ? options_.places
                              : std::make_shared<Places>(options_.max_connections)) {
  places_->join(*this);
}

ClientPool::~ClientPool() {
  places_->leave(*this);
  *alive_ = false;
  close_idle();
}

void ClientPool::close_idle() {
  counters_.idle = 0;
  while (!idle_.empty()) {
    idle_.pop_front();
    give_place_back();
  }
}

void ClientPool::expire(Idle& idle) {
  idle_.erase(idle.place);
  counters_.idle = idle_.size();
  give_place_back();
}

bool ClientPool::take_place() {
  const bool taken = waiting_.empty() && places_->take();
  counters_.open += taken ? 1 : 0;
  return taken;
}

void ClientPool::give_place_back() {
  --counters_.open;
  places_->give_back();
}

void ClientPool::on_place_given() {
  worker_.post([this, alive = alive_, places = places_] {
    if (*alive) {
      use_given_place();
    } else {
      places->give_back();
    }
  });
}

void ClientPool::on_place_wanted() {
  worker_.post([this, alive = alive_] {
    // Where several pools are asked, the first that can has helped.
    if (*alive && !idle_.empty() && places_->wanted()) {
      expire(idle_.front());
    }
  });
}

void ClientPool::get_in_line() {
  if (places_->wait_in_line(*this)) {
    use_given_place();
  }
}

// Whoever waits longest gets the place itself, so that nobody who comes later can
// take it first.
void ClientPool::use_given_place() {
  Waiting* const next = next_waiting();
  if (next == nullptr) {  // given up meanwhile
    places_->give_back();
    return;
  }
  ++counters_.open;
  next->granted = true;
  next->waiter.wake_later(Wake::Ready);
}

ClientPool::Waiting* ClientPool::next_waiting() {
  if (waiting_.empty()) {
    return nullptr;
  }
  Waiting* const next = waiting_.front();
  waiting_.pop_front();
  if (waiting_.empty()) {
    places_->leave_line(*this);
  } else {
    get_in_line();
  }
  return next;
}

std::optional<net::Stream> ClientPool::take_idle() {
  while (!idle_.empty()) {
    net::Stream stream = std::move(idle_.back().stream);
    if (stream.is_open()) {
      stream.watch_peer(nullptr);
    }
    idle_.pop_back();
    counters_.idle = idle_.size();
    if (!stream.is_stale()) {
      ++counters_.reused;
      return stream;
    }
    ++counters_.stale;
    give_place_back();
  }
  return std::nullopt;
}

void ClientPool::keep(net::Stream stream) {
  if (places_->wanted() && !places_->keep_or_pass(*this)) {
    --counters_.open;  // to a pool of another worker; the connection cannot go along
    return;
  }
  if (Waiting* const next = next_waiting()) {
    next->granted = true;
    next->stream = std::move(stream);
    next->waiter.wake_later(Wake::Ready);
    return;
  }
  idle_.emplace_back(*this, std::move(stream));
  idle_.back().place = std::prev(idle_.end());
  Idle& idle = idle_.back();
  worker_.arm(idle, Clock::now() + options_.idle_timeout);
  // A connection that its peer has closed is of no use to anybody.
  idle.stream.watch_peer([this, &idle] { expire(idle); });
  counters_.idle = idle_.size();
}

// One request through a forward proxy to reach the origin (RFC 9110 §9.3.6).
Task<Result<void>> ClientPool::tunnel(net::Stream& stream, TimePoint deadline) const {
  const bool v6 = options_.origin.host_kind == HostKind::Ipv6;
  const std::string target = (v6 ? "[" + options_.origin.host + "]" : options_.origin.host) + ":" +
                             std::to_string(options_.origin.port);
  std::string text = "CONNECT " + target + " HTTP/1.1\r\n";
  append_field(text, "Host", target);
  if (!options_.proxy->authorization.empty()) {
    append_field(text, "Proxy-Authorization", options_.proxy->authorization.reveal());
  }
  text += "\r\n";
  const Secret request(std::move(text));
  const IoOutcome sent = co_await stream.write_all(request.reveal(), deadline);
  if (sent != IoOutcome::Ok) {
    co_return proxy_failed("The proxy does not take the request for a tunnel.");
  }
  // Read no further than the head: what follows belongs to the tunnel.
  std::string head;
  char byte = 0;
  while (!head.ends_with("\r\n\r\n")) {
    const IoResult got = stream.try_read({&byte, 1});
    if (got.state == IoState::Done) {
      head += byte;
      if (head.size() > HeadLimits{}.max_bytes) {
        co_return proxy_failed("The proxy's answer is too long.");
      }
      continue;
    }
    Wake wake = Wake::Cancelled;
    if (got.state == IoState::WouldBlock) {
      wake = co_await stream.readable(deadline);
    }
    if (wake != Wake::Ready) {
      co_return proxy_failed("The proxy does not answer.");
    }
  }
  const auto parsed = parse_response_head(head, Verb::connect);
  const auto* const response = std::get_if<ResponseHead>(&parsed);
  if (response != nullptr && response->status == 407) {
    co_return proxy_failed(
        "The proxy does not accept the credentials: see the provider's proxy_credentials.");
  }
  if (response == nullptr || response->status / 100 != 2) {
    co_return proxy_failed("The proxy refuses to reach the provider.");
  }
  co_return Result<void>();
}

// What stands between a connection to the proxy and one to the origin.
Task<Result<void>> ClientPool::pass_proxy(net::Stream& stream, TimePoint deadline) const {
  if (options_.proxy->url.scheme == UrlScheme::Https) {
    stream.start_tls(options_.proxy->tls->make_session(options_.proxy->url.host));
    const auto shaken = co_await stream.handshake(deadline);
    if (!shaken && shaken.error().kind() == ErrorKind::UpstreamFailed) {
      co_return proxy_failed("To the proxy: " + shaken.error().detail());
    }
    if (!shaken) {
      co_return shaken.error();
    }
  }
  // Plain http goes through a proxy as absolute-form requests; only TLS needs a tunnel.
  if (options_.origin.scheme == UrlScheme::Https) {
    co_return co_await tunnel(stream, deadline);
  }
  co_return Result<void>();
}

Task<Result<net::Stream>> ClientPool::open(TimePoint deadline, net::CallOff& call_off) {
  const Url& dialled = options_.proxy ? options_.proxy->url : options_.origin;
  auto addresses = co_await resolver_.resolve(dialled.host, dialled.port, deadline, call_off);
  if (!addresses) {
    co_return addresses.error();
  }
  auto connected = co_await net::connect(worker_, std::move(*addresses), deadline, call_off);
  if (!connected) {
    co_return connected.error();
  }
  net::Stream stream = std::move(*connected);
  const net::CallOff::Watch watch(call_off, stream);
  if (options_.proxy) {
    const auto passed = co_await pass_proxy(stream, deadline);
    if (!passed) {
      co_return passed.error();
    }
  }
  if (options_.origin.scheme == UrlScheme::Https) {
    stream.start_tls(options_.tls->make_session(options_.origin.host));
    const auto shaken = co_await stream.handshake(deadline);
    if (!shaken) {
      co_return shaken.error();
    }
  }
  ++counters_.opened;
  co_return stream;
}

}  // namespace waybill::http
