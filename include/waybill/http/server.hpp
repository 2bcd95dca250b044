// The HTTP/1.1 server side: connections in, exchanges out.
//
// RFC 9112.  Requests on one connection are served one after the other, so
// pipelined clients get their answers in order.

#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/base/shared_use.hpp"
#include "waybill/http/body.hpp"
#include "waybill/http/head.hpp"
#include "waybill/http/message.hpp"
#include "waybill/net/listener.hpp"
#include "waybill/net/stream.hpp"
#include "waybill/net/tls.hpp"
#include "waybill/net/worker.hpp"

namespace waybill::http {

struct ServerLimits {
  HeadLimits head;
  std::size_t max_body_bytes = 32UL * 1024UL * 1024UL;
  // Of all requests together, counted in `all_body_bytes` if there is one.  What of a
  // body fits the read buffer is not counted, so that small requests cost nothing.
  std::uint64_t max_all_body_bytes = 1024UL * 1024UL * 1024UL;
  SharedUse* all_body_bytes = nullptr;
  std::chrono::milliseconds header_timeout{10'000};  // from the first byte to the end of the head
  std::chrono::milliseconds body_timeout{60'000};    // for a whole request body
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds write_timeout{60'000};   // without progress while writing
  std::size_t max_connections = 100'000;             // of one worker
  // Counts the connections of all workers where max_connections is for them together.
  SharedUse* all_connections = nullptr;
  std::uint64_t max_requests_per_connection = 1'000'000;
};

struct ServerCounters {
  std::uint64_t accepted = 0;
  std::uint64_t turned_away = 0;  // over max_connections
  std::uint64_t requests = 0;
  std::uint64_t rejected = 0;  // requests that broke HTTP's rules or our limits
  std::size_t open = 0;
};

using net::Task;
class Connection;

// One request and the response to it.
//
// The handler reads the body if it wants it, then answers exactly once, by
// respond() or by begin_stream(), send() and end_stream().  What it leaves
// unread or unsaid the connection cleans up.
//
// Lifetime: lives during Handler::handle().
// Thread safety: none; stays on its worker.
class ServerExchange {
 public:
  explicit ServerExchange(Connection& connection) noexcept : connection_(connection) {}
  ServerExchange(const ServerExchange&) = delete;
  ServerExchange& operator=(const ServerExchange&) = delete;

  [[nodiscard]] const RequestHead& head() const noexcept;
  [[nodiscard]] const net::Peer& peer() const noexcept;
  // What add_listener() was given: tells a public from an admin listener.
  [[nodiscard]] int listener_tag() const noexcept;
  [[nodiscard]] net::Worker& worker() const noexcept;
  // When the request's first byte was seen.
  [[nodiscard]] TimePoint started() const noexcept;

  // Reads the whole body into `body`, with at least Worker::kReadPadding bytes of
  // capacity after its end.  Answers `Expect: 100-continue` first.  On failure
  // the caller answers with the rejection, and the connection closes after it.  The
  // body counts among those of all requests until forget_body() or the exchange's end.
  Task<std::optional<Rejection>> read_body(std::string& body);
  // Frees what read_body() gave, once nobody needs it any more.
  void forget_body(std::string& body) noexcept;

  // Sends a whole response.  `fields` are complete header lines, each with its
  // CRLF (HeadWriter makes them); status line, Date, Content-Length and
  // Connection are added.  `body` must stay valid until the task ends.  False if the client is
  // gone.
  Task<bool> respond(unsigned status, std::string_view fields, std::string_view body);

  // Starts a response of unknown length.  Nothing is sent before the first
  // send(), so that head and first bytes leave in one segment.
  void begin_stream(unsigned status, std::string fields);
  [[nodiscard]] bool stream_begun() const noexcept { return stream_begun_; }

  // Sends bytes at once, as one chunk.  False if the client is gone or has taken
  // nothing for write_timeout.
  Task<bool> send(std::string_view bytes);
  // Sends a few bytes without waiting, unless a send() is waiting already; for
  // keep-alive comments from a timer.  False if the client is gone.
  bool try_send(std::string_view bytes);
  // As send(), for the last bytes (there may be none) and the end of the body.
  Task<bool> end_stream(std::string_view last_bytes);

  // Ends the connection without a proper end of the body: the one honest signal
  // HTTP/1.1 has for a response that broke off.
  void abort_stream() noexcept;

  // Calls `on_gone` once if the client disconnects from now on.
  void watch_client(std::function<void()> on_gone);
  void unwatch_client();
  [[nodiscard]] bool client_gone() const noexcept { return gone_; }

  // No write waits for the client beyond `deadline`, however slowly it reads.
  void limit_writes(TimePoint deadline) noexcept { write_deadline_ = deadline; }

  // The connection closes after this response.
  void close_after() noexcept { keep_alive_ = false; }

  [[nodiscard]] bool answered() const noexcept { return answered_; }
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

 private:
  friend class Connection;
  enum class StreamEnd : unsigned char {
    No,
    Yes
  };
  void frame(std::string& out, std::string_view bytes, StreamEnd end);
  void write_head(std::string& out, unsigned status, std::string_view fields);
  Task<bool> send_stream(std::string_view bytes, StreamEnd end);
  Task<bool> write(std::string_view first, std::string_view second);
  Task<bool> write_rest(std::string rest);
  Task<std::optional<Rejection>> drain_body();
  bool count_body(std::size_t size);

  Connection& connection_;
  SharedUse::Part body_bytes_;
  std::size_t counted_ = net::Worker::kReadBufferSize;  // of the body, with what costs nothing
  TimePoint write_deadline_ = TimePoint::max();
  std::string stream_head_;
  bool stream_begun_ = false;
  bool chunked_ = false;
  bool answered_ = false;
  bool keep_alive_ = true;
  bool gone_ = false;
  bool writing_ = false;  // a send() waits for the socket
  std::string carry_;     // what try_send() could not get rid of
  std::uint64_t bytes_sent_ = 0;
};

// What serves the requests of a Server.
class Handler {
 public:
  virtual ~Handler() = default;

  // Serves one request.  The exchange outlives the task.
  virtual Task<> handle(ServerExchange& exchange) = 0;

  // The body (JSON) of the answer to a request that never became an exchange.
  virtual std::string rejection_body(const Rejection& rejection) = 0;

  // Complete header lines of that answer, beside its Content-Type.  `head` is empty
  // where the request's own could not be read.
  virtual std::string rejection_fields(const RequestHead& head) = 0;
};

// The connections of one worker.
//
// Thread safety: none; made, used and destroyed on its worker's thread, or
// before it runs and after it stopped.
class Server {
 public:
  Server(net::Worker& worker, ServerLimits limits, Handler& handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Gives the TLS context for each new connection; null for plain listeners.
  using TlsSource = std::function<std::shared_ptr<const net::TlsServerContext>()>;
  void add_listener(net::ListenSocket socket, int tag, TlsSource tls = nullptr);

  // New limits for requests that start from now on.
  void set_limits(const ServerLimits& limits) noexcept { limits_ = limits; }

  // Accepts no more, closes idle connections, and lets busy ones finish.
  void drain();
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  // Closes everything now.
  void abort();
  // Waits until no connection is left; false if `deadline` came first, or hurry() was called.
  Task<bool> wait_idle(TimePoint deadline);
  // Ends a wait_idle() that is under way.
  void hurry() { idle_.wake_later(net::Wake::TimedOut); }

  [[nodiscard]] const ServerCounters& counters() const noexcept { return counters_; }

 private:
  friend class Connection;
  friend class ServerExchange;

  void accept(net::Stream stream, net::Peer peer, int tag, const TlsSource& tls);
  void forget(std::list<std::unique_ptr<Connection>>::iterator place);
  net::Worker& worker_;
  ServerLimits limits_;
  Handler& handler_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  ServerCounters counters_;
  bool draining_ = false;
  net::Waiter idle_;
  std::string scratch_;  // outgoing bytes are put together here
  DateCache date_;
};

}  // namespace waybill::http
