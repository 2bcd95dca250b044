// The HTTP/1.1 client side: pooled connections to one origin, one exchange at a time.

#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/base/secret.hpp"
#include "waybill/base/shared_use.hpp"
#include "waybill/base/url.hpp"
#include "waybill/http/body.hpp"
#include "waybill/http/content_decoder.hpp"
#include "waybill/http/head.hpp"
#include "waybill/http/places.hpp"
#include "waybill/net/connect.hpp"
#include "waybill/net/resolver.hpp"
#include "waybill/net/stream.hpp"
#include "waybill/net/tls.hpp"
#include "waybill/net/worker.hpp"

namespace waybill::http {

using net::Task;

// A forward proxy (RFC 9110 §3.7): asked for a tunnel to https origins.  Requests to http
// origins go to it in absolute form, with its credentials, which their head has to hold.
struct ForwardProxy {
  Url url;                                           // scheme, host and port
  std::shared_ptr<const net::TlsClientContext> tls;  // required for https:// proxies
  Secret authorization;                              // Proxy-Authorization of a tunnel, "" for none
};

struct OriginOptions {
  Url origin;  // scheme, host and port; the path is not used
  std::optional<ForwardProxy> proxy;
  std::shared_ptr<const net::TlsClientContext> tls;  // required for https origins
  // Of this pool alone, unless the pools of several workers share them.
  std::size_t max_connections = 1024;
  std::size_t max_waiting = 1024;          // requests queued for a connection
  std::shared_ptr<Places> places;          // shared: max_connections does not count
  std::shared_ptr<SharedUse> all_waiting;  // shared: max_waiting bounds those of all pools
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds idle_timeout{60'000};  // how long an idle connection is kept
};

struct PoolCounters {
  std::uint64_t opened = 0;
  std::uint64_t reused = 0;
  std::uint64_t stale = 0;  // idle ones that had been closed when they were wanted
  std::size_t open = 0;     // idle and in use
  std::size_t idle = 0;
};

class ClientExchange;

// The connections of one worker to one origin.
//
// Requires: outlives every ClientExchange made from it.
// Thread safety: none; one per worker and origin.
class ClientPool final : private Places::Taker {
 public:
  ClientPool(net::Worker& worker, net::Resolver& resolver, OriginOptions options);
  ~ClientPool() override;
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;

  [[nodiscard]] const PoolCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const OriginOptions& options() const noexcept { return options_; }
  void close_idle();

 private:
  friend class ClientExchange;
  class Idle;
  struct Waiting;

  void on_place_given() override;
  void on_place_wanted() override;

  bool take_place();
  void give_place_back();
  void get_in_line();
  void use_given_place();
  Waiting* next_waiting();
  void expire(Idle& idle);
  std::optional<net::Stream> take_idle();
  void keep(net::Stream stream);
  Task<Result<net::Stream>> open(TimePoint deadline, net::CallOff& call_off);
  Task<Result<void>> pass_proxy(net::Stream& stream, TimePoint deadline) const;
  Task<Result<void>> tunnel(net::Stream& stream, TimePoint deadline) const;

  net::Worker& worker_;
  net::Resolver& resolver_;
  OriginOptions options_;
  std::list<Idle> idle_;         // most recently used last
  std::list<Waiting*> waiting_;  // in the order of their coming
  PoolCounters counters_;
  std::shared_ptr<Places> places_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // read on the worker only
};

// How a connection was had.  A failure on a reused one before any byte of the
// response is no news about the provider: it may just have been closed.
enum class ConnectionUse : unsigned char {
  Fresh,
  Reused
};

// What pump() found.
enum class PumpState : unsigned char {
  Data,        // bytes were handed to the sink; call again
  WouldBlock,  // wait for readable()
  End,         // the body ended as its framing says
  Failed,      // broken framing, a lost connection, or a limit: see error()
};

// One request to an origin and the response to it, pulled by its owner.
//
//   ClientExchange exchange(pool);
//   co_await exchange.connect(ConnectionUse::Reused, deadline);
//   co_await exchange.send(head, body, deadline, patience);
//   co_await exchange.read_head(deadline);
//   loop: exchange.pump(sink); on WouldBlock co_await exchange.readable(deadline)
//
// Destroying it at any point closes the connection, unless the response ended
// cleanly, in which case the connection goes back to the pool.
//
// Thread safety: none.
class ClientExchange {
 public:
  explicit ClientExchange(ClientPool& pool) noexcept : pool_(pool) {}
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;
  ~ClientExchange();

  // Takes an idle connection (only if `allowed` is Reused) or opens one.  Fails
  // with the codes of net::connect(), net::Resolver and net::Stream::handshake(),
  // "pool_exhausted" when max_waiting requests wait already, or "proxy_failed".
  Task<Result<void>> connect(ConnectionUse allowed, TimePoint deadline);
  [[nodiscard]] ConnectionUse connection_use() const noexcept { return use_; }

  // Writes the request; one too large for the kernel's buffers until the server has taken it or
  // answers.  `head` and `body` must stay valid until the task ends.
  // Fails with "upstream_timeout" at `deadline`, or when the server has taken no byte for
  // as long as `patience`.  One that has answered early and reads no more is no failure here.
  Task<Result<void>> send(std::string_view head,
                          std::string_view body,
                          TimePoint deadline,
                          std::chrono::milliseconds patience);
  // Whether send() came to its end: all of it is the kernel's, or the server's if it is large.
  [[nodiscard]] bool request_whole() const noexcept { return request_whole_; }

  // Reads the response's head, skipping up to 8 interim (1xx) responses.  Fails
  // with "upstream_malformed" for what is not HTTP/1.1 as RFC 9112 demands it,
  // "upstream_closed" for a connection lost before the head was complete.
  Task<Result<ResponseHead>> read_head(TimePoint deadline);
  // True once any byte of the response has arrived.
  [[nodiscard]] bool response_begun() const noexcept { return response_begun_; }

  // Reads once from the connection and hands each piece of the (decoded) body to
  // `sink`, a callable taking std::string_view; the bytes are good until the next
  // co_await.
  template <class Sink>
  PumpState pump(Sink&& sink) {
    pieces_.clear();
    const PumpState state = pump_once();
    for (const std::string_view piece : pieces_) {
      sink(piece);
    }
    return state;
  }
  [[nodiscard]] auto readable(TimePoint deadline) { return stream_.readable(deadline); }

  // Gives the connection back (or closes it, as the destructor would): for an owner that has the
  // whole response and is busy with it.  Only error() and the like may be asked after this.
  void release() noexcept;

  // The connection closes after this response, however well it ends.
  void close_after() noexcept { keep_alive_ = false; }

  // Why the last call failed.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

  // Wakes whoever waits on this exchange with Cancelled / a Cancelled error; a
  // connection that is being opened is given up.  The exchange may be destroyed
  // before this returns, by who was woken.
  void cancel();

 private:
  Task<Result<void>> take_connection(ConnectionUse allowed, TimePoint deadline);
  Task<Result<void>> wait_for_place(ConnectionUse allowed, TimePoint deadline);
  Task<Result<void>> wait_taken(TimePoint deadline, std::chrono::milliseconds patience);
  Task<Result<std::string_view>> next_bytes(TimePoint deadline);
  Result<void> prepare_body(const ResponseHead& head, std::string_view early);
  PumpState pump_once();
  PumpState consume(std::string_view bytes);
  PumpState decode_content();
  PumpState end_of_stream();
  PumpState fail(ErrorKind kind, std::string_view code, std::string detail);

  ClientPool& pool_;
  net::Stream stream_;
  ConnectionUse use_ = ConnectionUse::Fresh;
  std::optional<BodyDecoder> decoder_;
  std::unique_ptr<ContentDecoder> content_;
  std::string early_;  // body bytes that came with the head
  bool has_early_ = false;
  std::string decoded_;  // output of content_
  std::vector<std::string_view> pieces_;
  std::optional<Error> error_;
  ClientPool::Waiting* waiting_for_place_ = nullptr;
  bool has_place_ = false;
  bool response_begun_ = false;
  bool request_whole_ = false;
  bool keep_alive_ = false;
  bool ended_ = false;
  net::CallOff call_off_;
};

}  // namespace waybill::http
