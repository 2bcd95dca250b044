#include "connection.hpp"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "waybill/base/text.hpp"

namespace waybill::http {
namespace {

using net::IoResult;
using net::IoState;
using net::Wake;

// How much of an unwanted body is read so that the client sees the answer
// instead of a reset.
constexpr std::size_t kLingerBytes = 1024UL * 1024UL;
constexpr std::chrono::milliseconds kLingerTime{2'000};

Rejection request_timeout() {
  return {408, Error(ErrorKind::Timeout, "request_timeout",
                     "The request did not arrive in time; send it again, faster.")};
}

}  // namespace

Connection::Connection(Server& server, net::Stream stream, net::Peer peer, int tag)
    : server_(server),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      tag_(tag) {}

Task<> Connection::run(std::shared_ptr<const net::TlsServerContext> tls) {
  if (tls) {
    stream_.start_tls(tls->make_session());
    const auto shaken = co_await stream_.handshake(Clock::now() + server_.limits_.header_timeout);
    if (!shaken) {
      ++server_.counters_.turned_away;
      co_return;
    }
  }
  while (keep_alive_ && stream_.is_open()) {
    const Next next = co_await read_head();
    if (next == Next::Close) {
      co_return;
    }
    if (next == Next::Reject) {
      co_await reject(*std::exchange(rejection_, std::nullopt));
      co_return;
    }
    co_await serve();
  }
}

Task<Connection::Next> Connection::read_head() {
  scanned_ = 0;
  if (pending_ == "\r\n") {
    pending_.clear();  // some clients send it after a body; it begins nothing
  }
  bool begun = !pending_.empty();
  started_ = Clock::now();
  const auto first_wait =
      served_ == 0 ? server_.limits_.header_timeout : server_.limits_.idle_timeout;
  TimePoint deadline = started_ + (begun ? server_.limits_.header_timeout : first_wait);
  if (begun) {
    const std::string bytes = std::exchange(pending_, {});
    const Next next = take_head(bytes);
    if (next != Next::Close) {
      co_return next;
    }
  }
  for (;;) {
    const IoResult got = stream_.try_read(server_.worker_.read_buffer());
    if (got.state == IoState::WouldBlock) {
      idle_ = !begun;
      if (idle_ && server_.draining_) {
        co_return Next::Close;
      }
      const Wake wake = co_await stream_.readable(deadline);
      idle_ = false;
      if (wake == Wake::TimedOut && begun) {
        co_return refuse_unread(request_timeout(), pending_);
      }
      if (wake != Wake::Ready) {
        co_return Next::Close;
      }
      continue;
    }
    if (got.state != IoState::Done) {
      co_return Next::Close;
    }
    if (!begun) {
      begun = true;
      started_ = Clock::now();
      deadline = started_ + server_.limits_.header_timeout;
    }
    const std::string_view fresh(server_.worker_.read_buffer().data(), got.size);
    Next next = Next::Close;
    if (pending_.empty()) {
      next = take_head(fresh);
    } else {
      pending_.append(fresh);
      const std::string bytes = std::exchange(pending_, {});
      next = take_head(bytes);
    }
    if (next != Next::Close) {
      co_return next;
    }
  }
}

// Parses the head at the start of `bytes` and keeps what follows it; Close means
// that more bytes are needed (all are kept).
Connection::Next Connection::take_head(std::string_view bytes) {
  const HeadScan scan = find_head_end(bytes, scanned_);
  const std::size_t limit = server_.limits_.head.max_bytes;
  switch (scan.state) {
    case HeadScan::State::Malformed: return refuse_unread(malformed_head(), bytes);
    case HeadScan::State::NeedMore:
      if (bytes.size() > limit) {
        return refuse_unread(oversized_head(bytes), bytes);
      }
      scanned_ = scan.size;
      pending_.assign(bytes);
      return Next::Close;
    case HeadScan::State::Complete: break;
  }
  if (scan.size > limit) {
    return refuse_unread(oversized_head(bytes), bytes);
  }
  auto parsed = parse_request_head(bytes.substr(0, scan.size), server_.limits_.head);
  if (auto* const rejection = std::get_if<Rejection>(&parsed)) {
    return refuse_unread(std::move(*rejection), bytes);
  }
  head_ = std::move(std::get<RequestHead>(parsed));
  pending_.assign(bytes.substr(scan.size));
  return check_head();
}

// The head that is still here belongs to the request before, if to any.  Of the new one
// only so much is read: an answer to HEAD has no body, whatever is wrong.
Connection::Next Connection::refuse_unread(Rejection rejection, std::string_view bytes) {
  head_ = RequestHead{};
  head_.method = bytes.starts_with("HEAD ") ? Verb::head : Verb::unknown;
  rejection_ = std::move(rejection);
  return Next::Reject;
}

std::string Connection::rejection_fields() {
  return server_.handler_.rejection_fields(head_) + "Content-Type: application/json\r\n";
}

Connection::Next Connection::check_head() {
  if (const auto status = refused_method(head_.method)) {
    rejection_ = Rejection{*status, Error(ErrorKind::InvalidRequest, "method_not_allowed",
                                          "This method is not served here; use GET or POST.")};
    return Next::Reject;
  }
  BodyLimits limits;
  limits.max_body = server_.limits_.max_body_bytes;
  decoder_.emplace(head_.framing, limits);
  if (decoder_->fault()) {
    rejection_ = *decoder_->fault();
    return Next::Reject;
  }
  return Next::Serve;
}

Task<> Connection::serve() {
  ++served_;
  ++server_.counters_.requests;
  ServerExchange exchange(*this);
  co_await server_.handler_.handle(exchange);
  if (!stream_.is_open() || exchange.gone_) {
    keep_alive_ = false;
    co_return;
  }
  stream_.watch_peer(nullptr);
  if (!exchange.answered_) {
    const Rejection unanswered{
        500, Error(ErrorKind::Internal, "internal", "The request was not answered.")};
    const std::string body = server_.handler_.rejection_body(unanswered);
    exchange.close_after();
    const std::string fields = rejection_fields();
    const bool sent = co_await exchange.respond(500, fields, body);
    static_cast<void>(sent);
  }
  keep_alive_ = keep_alive_ && may_keep_alive(exchange);
  if (!keep_alive_) {
    if (!decoder_->done()) {
      co_await linger();
    }
    co_return;
  }
  if (pending_.empty() && pending_.capacity() > 4096) {
    free_memory(pending_);  // an idle connection holds no memory it does not need
  }
}

// Whether the body is over, after dropping what of it has already arrived.
bool Connection::discard_buffered_body() {
  std::size_t used = 0;
  while (!decoder_->done() && !decoder_->fault()) {
    const BodyDecoder::Step step = decoder_->feed(std::string_view(pending_).substr(used));
    used += step.consumed;
    if (step.state == BodyDecoder::State::NeedMore || step.state == BodyDecoder::State::Failed) {
      break;
    }
  }
  pending_.erase(0, used);
  return decoder_->done();
}

bool Connection::may_keep_alive(const ServerExchange& exchange) {
  return head_.keep_alive && exchange.keep_alive_ && !server_.draining_ &&
         served_ < server_.limits_.max_requests_per_connection && discard_buffered_body();
}

Task<> Connection::reject(Rejection rejection) {
  ++server_.counters_.rejected;
  std::string fields = rejection_fields();
  const Verb method = head_.method;
  head_ = RequestHead{};
  head_.method = method;
  decoder_.emplace(Framing{});
  ServerExchange exchange(*this);
  exchange.close_after();
  if (rejection.status == 405) {
    fields += "Allow: GET, HEAD, POST, OPTIONS\r\n";
  }
  const std::string body = server_.handler_.rejection_body(rejection);
  const bool sent = co_await exchange.respond(rejection.status, fields, body);
  if (sent) {
    co_await linger();
  }
}

// Closing with unread bytes makes the kernel send a reset, which can overtake
// the answer; so the rest is read and dropped for a short while.
Task<> Connection::linger() {
  ::shutdown(stream_.fd(), SHUT_WR);
  const TimePoint deadline = Clock::now() + kLingerTime;
  std::size_t dropped = 0;
  while (dropped < kLingerBytes) {
    const IoResult got = stream_.try_read(server_.worker_.read_buffer());
    if (got.state == IoState::Done) {
      dropped += got.size;
      continue;
    }
    if (got.state != IoState::WouldBlock) {
      co_return;
    }
    const Wake wake = co_await stream_.readable(deadline);
    if (wake != Wake::Ready) {
      co_return;
    }
  }
}

void Connection::drain() {
  if (idle_) {
    stream_.cancel();
  }
}

void Connection::abort() {
  keep_alive_ = false;
  // Seen by whoever reads, writes or watches: the client has gone.
  ::shutdown(stream_.fd(), SHUT_RDWR);
}

}  // namespace waybill::http
