#include <cstring>
#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/http/server.hpp"

#include "connection.hpp"

namespace waybill::http {
namespace {

using net::IoResult;
using net::IoState;
using net::Wake;

// How much of an unwanted body is waited for before its request is answered.
constexpr std::size_t kDrainBytes = 256UL * 1024UL;
constexpr std::chrono::seconds kDrainTime{2};

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Rejection lost_body() {
  return {400, Error(ErrorKind::Cancelled, "client_disconnected",
                     "The connection ended before the body did.")};
}

Rejection slow_body() {
  return {408, Error(ErrorKind::Timeout, "request_timeout",
                     "The request body did not arrive in time; send it again, faster.")};
}

Rejection no_memory() {
  return {503, Error(ErrorKind::Unavailable, "request_bodies_full",
                     "The requests being served take all the memory that is set aside for them; "
                     "try again shortly, or send less.")};
}

}  // namespace

const RequestHead& ServerExchange::head() const noexcept {
  return connection_.head_;
}

const net::Peer& ServerExchange::peer() const noexcept {
  return connection_.peer_;
}

int ServerExchange::listener_tag() const noexcept {
  return connection_.tag_;
}

net::Worker& ServerExchange::worker() const noexcept {
  return connection_.server_.worker_;
}

TimePoint ServerExchange::started() const noexcept {
  return connection_.started_;
}

// In steps of a read buffer, as the bytes come: a length that is only announced takes
// nothing from others.
bool ServerExchange::count_body(std::size_t size) {
  const ServerLimits& limits = connection_.server_.limits_;
  while (size > counted_ && limits.all_body_bytes != nullptr) {
    constexpr std::size_t kStep = net::Worker::kReadBufferSize;
    if (!body_bytes_.take(*limits.all_body_bytes, kStep, limits.max_all_body_bytes)) {
      return false;
    }
    counted_ += kStep;
  }
  return true;
}

void ServerExchange::forget_body(std::string& body) noexcept {
  free_memory(body);
  body_bytes_.give_back();
}

Task<std::optional<Rejection>> ServerExchange::read_body(std::string& body) {
  BodyDecoder& decoder = *connection_.decoder_;
  std::string& pending = connection_.pending_;
  const Framing& framing = connection_.head_.framing;
  body.clear();
  if (framing.kind == Framing::Kind::Length) {
    body.reserve(static_cast<std::size_t>(framing.length) + net::Worker::kReadPadding);
  }
  const TimePoint deadline = Clock::now() + connection_.server_.limits_.body_timeout;
  // What came with the head first, then what the connection brings.
  std::size_t used = 0;
  const auto take = [&](std::string_view bytes) {
    std::size_t taken = 0;
    while (!decoder.done()) {
      const BodyDecoder::Step step = decoder.feed(bytes.substr(taken));
      taken += step.consumed;
      body.append(step.data);
      if (step.state != BodyDecoder::State::Data) {
        break;
      }
    }
    return taken;
  };
  used = take(pending);
  pending.erase(0, used);
  if (!decoder.done() && !decoder.fault() && connection_.head_.expects_continue &&
      pending.empty() && decoder.received() == 0) {
    const bool sent = co_await write(kContinue, {});
    if (!sent) {
      co_return lost_body();
    }
  }
  while (!decoder.done() && !decoder.fault()) {
    const IoResult got = connection_.stream_.try_read(worker().read_buffer());
    if (got.state == IoState::WouldBlock) {
      const Wake wake = co_await connection_.stream_.readable(deadline);
      if (wake != Wake::Ready) {
        keep_alive_ = false;
        co_return wake == Wake::TimedOut ? slow_body() : lost_body();
      }
      continue;
    }
    if (got.state != IoState::Done) {
      gone_ = true;
      co_return lost_body();
    }
    const std::string_view fresh(worker().read_buffer().data(), got.size);
    pending.assign(fresh.substr(take(fresh)));
    if (!count_body(body.size())) {
      keep_alive_ = false;
      forget_body(body);
      co_return no_memory();
    }
  }
  if (decoder.fault()) {
    keep_alive_ = false;
    co_return *decoder.fault();
  }
  body.reserve(body.size() + net::Worker::kReadPadding);
  co_return std::nullopt;
}

void ServerExchange::write_head(std::string& out, unsigned status, std::string_view fields) {
  out += "HTTP/1.1 ";
  out += static_cast<char>('0' + status / 100);
  out += static_cast<char>('0' + status / 10 % 10);
  out += static_cast<char>('0' + status % 10);
  out += ' ';
  out.append(reason_phrase(status)).append("\r\nDate: ");
  out.append(connection_.server_.date_.at(wall_now())).append("\r\n").append(fields);
  if (!connection_.may_keep_alive(*this)) {
    keep_alive_ = false;
    out += "Connection: close\r\n";
  }
}

// An answer to a request whose body nobody read: what of the body comes soon is read
// and dropped, so that the connection stays in step, and judged as any other body.
Task<std::optional<Rejection>> ServerExchange::drain_body() {
  BodyDecoder& decoder = *connection_.decoder_;
  const TimePoint deadline = Clock::now() + kDrainTime;
  std::size_t drained = 0;
  while (!connection_.discard_buffered_body() && !decoder.fault() && drained < kDrainBytes) {
    const IoResult got = connection_.stream_.try_read(worker().read_buffer());
    if (got.state == IoState::Done) {
      drained += got.size;
      connection_.pending_.append(worker().read_buffer().data(), got.size);
      continue;
    }
    Wake wake = Wake::Cancelled;
    if (got.state == IoState::WouldBlock) {
      wake = co_await connection_.stream_.readable(deadline);
    }
    if (wake != Wake::Ready) {
      break;  // the connection closes after the answer
    }
  }
  co_return decoder.fault();
}

Task<bool> ServerExchange::respond(unsigned status,
                                   std::string_view fields,
                                   std::string_view body) {
  answered_ = true;
  std::string rejection_body;
  std::string rejection_fields;
  if (!connection_.decoder_->done() && !connection_.head_.expects_continue) {
    auto rejection = co_await drain_body();
    if (rejection) {
      keep_alive_ = false;
      status = rejection->status;
      rejection_body = connection_.server_.handler_.rejection_body(*rejection);
      body = rejection_body;
      rejection_fields = connection_.rejection_fields();
      fields = rejection_fields;
    }
  }
  std::string& out = connection_.server_.scratch_;
  out.clear();
  write_head(out, status, fields);
  const bool has_body = status != 204 && status != 304;
  if (has_body) {
    out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  out += "\r\n";
  if (!has_body || connection_.head_.method == Verb::head) {
    body = {};
  }
  bool sent = false;
  constexpr std::size_t kCopyLimit = 16UL * 1024UL;
  if (body.size() <= kCopyLimit) {
    out += body;
    sent = co_await write(out, {});
  } else {
    sent = co_await write(out, body);
  }
  co_return sent;
}

void ServerExchange::begin_stream(unsigned status, std::string fields) {
  stream_begun_ = true;
  answered_ = true;
  chunked_ = connection_.head_.version == 11;
  if (!chunked_) {
    keep_alive_ = false;  // an HTTP/1.0 client takes the end of the connection for the end
  }
  stream_head_.clear();
  write_head(stream_head_, status, fields);
  stream_head_ += chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
}

Task<bool> ServerExchange::send(std::string_view bytes) {
  return send_stream(bytes, StreamEnd::No);
}

Task<bool> ServerExchange::end_stream(std::string_view last_bytes) {
  return send_stream(last_bytes, StreamEnd::Yes);
}

void ServerExchange::frame(std::string& out, std::string_view bytes, StreamEnd end) {
  if (!stream_head_.empty()) {
    out += stream_head_;
    free_memory(stream_head_);
  }
  if (!bytes.empty()) {
    if (chunked_) {
      append_chunk_header(out, bytes.size());
    }
    out += bytes;
    if (chunked_) {
      out += "\r\n";
    }
  }
  if (chunked_ && end == StreamEnd::Yes) {
    out += kLastChunk;
  }
}

Task<bool> ServerExchange::send_stream(std::string_view bytes, StreamEnd end) {
  std::string& out = connection_.server_.scratch_;
  out.assign(carry_);
  free_memory(carry_);
  frame(out, bytes, end);
  return write(out, {});
}

bool ServerExchange::try_send(std::string_view bytes) {
  if (gone_ || writing_ || !connection_.stream_.is_open()) {
    return !gone_;
  }
  std::string& out = connection_.server_.scratch_;
  out.assign(carry_);
  free_memory(carry_);
  frame(out, bytes, StreamEnd::No);
  const IoResult sent = connection_.stream_.try_write(out);
  if (sent.state != IoState::Done && sent.state != IoState::WouldBlock) {
    gone_ = true;
    return false;
  }
  bytes_sent_ += sent.size;
  carry_.assign(out, sent.size);
  return true;
}

void ServerExchange::abort_stream() noexcept {
  gone_ = true;
  connection_.keep_alive_ = false;
}

// Tries at once; only what does not fit into the socket is copied and waited for.
Task<bool> ServerExchange::write(std::string_view first, std::string_view second) {
  net::Stream& stream = connection_.stream_;
  if (gone_ || !stream.is_open()) {
    co_return false;
  }
  iovec pieces[2] = {{const_cast<char*>(first.data()), first.size()},
                     {const_cast<char*>(second.data()), second.size()}};
  const IoResult sent = second.empty() ? stream.try_write(first) : stream.try_write(pieces);
  bytes_sent_ += sent.size;
  if (sent.state == IoState::Done && sent.size == first.size() + second.size()) {
    co_return true;
  }
  if (sent.state != IoState::Done && sent.state != IoState::WouldBlock) {
    gone_ = true;
    co_return false;
  }
  std::string rest;
  if (sent.size < first.size()) {
    rest.assign(first.substr(sent.size));
    rest.append(second);
  } else {
    rest.assign(second.substr(sent.size - first.size()));
  }
  const bool written = co_await write_rest(std::move(rest));
  co_return written;
}

Task<bool> ServerExchange::write_rest(std::string rest) {
  std::string_view bytes = rest;
  writing_ = true;
  while (!bytes.empty()) {
    const IoResult sent = connection_.stream_.try_write(bytes);
    if (sent.state == IoState::Done) {
      bytes_sent_ += sent.size;
      bytes.remove_prefix(sent.size);
      continue;
    }
    Wake wake = Wake::Cancelled;
    if (sent.state == IoState::WouldBlock) {
      wake = co_await connection_.stream_.writable(
          std::min(write_deadline_, Clock::now() + connection_.server_.limits_.write_timeout));
    }
    if (wake != Wake::Ready) {
      gone_ = true;
      break;
    }
  }
  writing_ = false;
  co_return bytes.empty();
}

void ServerExchange::watch_client(std::function<void()> on_gone) {
  connection_.stream_.watch_peer([this, on_gone = std::move(on_gone)] {
    gone_ = true;
    on_gone();
  });
}

void ServerExchange::unwatch_client() {
  connection_.stream_.watch_peer(nullptr);
}

}  // namespace waybill::http
