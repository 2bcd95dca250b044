#include "waybill/net/stream.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace waybill::net {
namespace {

constexpr std::size_t kMostEarly = std::size_t{16} << 10U;

using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

IoOutcome to_outcome(Wake wake) noexcept {
  switch (wake) {
    case Wake::Ready: return IoOutcome::Ok;
    case Wake::TimedOut: return IoOutcome::TimedOut;
    case Wake::Cancelled: return IoOutcome::Cancelled;
  }
  return IoOutcome::Broken;
}

IoResult from_errno(ssize_t moved) noexcept {
  if (moved > 0) {
    return {static_cast<std::size_t>(moved), IoState::Done};
  }
  if (moved == 0) {
    return {0, IoState::End};
  }
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {0, later ? IoState::WouldBlock : IoState::Failed};
}

}  // namespace

// Shared by the Stream and the readiness events the loop still holds for it, so
// that an event that arrives after the Stream is gone finds a closed Core.
struct Stream::Core {
  // One direction's readiness.
  struct Direction {
    explicit Direction(Worker& worker) noexcept : waiter(worker) {}
    Waiter waiter;
    bool armed = false;  // the loop will tell when the socket becomes ready
    bool ready = false;  // it has told, and nobody has tried since
  };

  Core(Worker& on_worker, int descriptor)
      : worker(on_worker),
        socket(on_worker.executor()),
        fd(descriptor),
        read(on_worker),
        write(on_worker) {
    boost::system::error_code ec;
    socket.assign(asio::generic::stream_protocol(AF_INET, 0), descriptor, ec);
    closed = static_cast<bool>(ec);
  }

  void retain() noexcept { ++references; }
  void release() noexcept {
    if (--references == 0) {
      delete this;
    }
  }

  void arm(Direction& direction, Socket::wait_type type);
  void on_ready(Direction& direction);
  void on_watched_readable();
  IoResult receive(std::span<char> buffer);

  Worker& worker;
  Socket socket;
  int fd;
  SSL* session = nullptr;
  Direction read;
  Direction write;
  std::function<void()> on_gone;
  std::string early;              // read while the peer was watched; the next reads take it
  bool read_wants_write = false;  // TLS: the last read must wait for writability
  bool write_wants_read = false;  // TLS: the other way round
  bool closed = false;
  int references = 1;
};

namespace {

// Keeps a Core alive while the loop holds a readiness event for it.
template <class Core, class Direction>
class ReadyHandler {
 public:
  ReadyHandler(Core* core, Direction* direction) noexcept : core_(core), direction_(direction) {
    core_->retain();
  }
  ReadyHandler(ReadyHandler&& other) noexcept
      : core_(std::exchange(other.core_, nullptr)),
        direction_(other.direction_) {}
  ReadyHandler(const ReadyHandler&) = delete;
  ReadyHandler& operator=(const ReadyHandler&) = delete;
  ReadyHandler& operator=(ReadyHandler&&) = delete;
  ~ReadyHandler() {
    if (core_ != nullptr) {
      core_->release();
    }
  }

  void operator()(const boost::system::error_code&) { core_->on_ready(*direction_); }

 private:
  Core* core_;
  Direction* direction_;
};

}  // namespace

void Stream::Core::arm(Direction& direction, Socket::wait_type type) {
  if (direction.armed || closed) {
    return;
  }
  direction.armed = true;
  direction.ready = false;
  socket.async_wait(type, ReadyHandler<Core, Direction>(this, &direction));
}

void Stream::Core::on_ready(Direction& direction) {
  direction.armed = false;
  direction.ready = true;
  if (closed) {
    return;
  }
  if (direction.waiter.waiting()) {
    direction.waiter.wake(Wake::Ready);
  } else if (&direction == &read && on_gone) {
    on_watched_readable();
  }
}

// Reads what has come, because the end of the connection stands behind it: over TLS a
// close_notify is bytes like any other, and a client may send its next request early.
void Stream::Core::on_watched_readable() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const IoResult got = receive(buffer);
    if (got.state == IoState::WouldBlock) {
      arm(read, Socket::wait_read);
      return;
    }
    if (got.state != IoState::Done) {
      break;
    }
    early.append(buffer.data(), got.size);
    if (early.size() >= kMostEarly) {
      on_gone = nullptr;  // who sends that much is there
      return;
    }
  }
  const std::function<void()> tell = std::exchange(on_gone, nullptr);
  tell();
}

IoResult Stream::Core::receive(std::span<char> buffer) {
  read.ready = false;
  if (session == nullptr) {
    return from_errno(::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT));
  }
  ERR_clear_error();
  std::size_t size = 0;
  if (SSL_read_ex(session, buffer.data(), buffer.size(), &size) == 1) {
    return {size, IoState::Done};
  }
  switch (SSL_get_error(session, 0)) {
    case SSL_ERROR_WANT_READ: read_wants_write = false; return {0, IoState::WouldBlock};
    case SSL_ERROR_WANT_WRITE: read_wants_write = true; return {0, IoState::WouldBlock};
    case SSL_ERROR_ZERO_RETURN: return {0, IoState::End};
    default: ERR_clear_error(); return {0, IoState::Failed};
  }
}

Stream::Stream() noexcept = default;

Stream::Stream(Worker& worker, int fd) : core_(new Core(worker, fd)) {}

Stream::Stream(Stream&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    core_ = std::exchange(other.core_, nullptr);
  }
  return *this;
}

Stream::~Stream() {
  close();
}

bool Stream::is_open() const noexcept {
  return core_ != nullptr && !core_->closed;
}

int Stream::fd() const noexcept {
  return core_ == nullptr ? -1 : core_->fd;
}

bool Stream::is_tls() const noexcept {
  return core_ != nullptr && core_->session != nullptr;
}

SSL* Stream::session() const noexcept {
  return core_ == nullptr ? nullptr : core_->session;
}

void Stream::start_tls(SSL* session) {
  assert(core_ != nullptr && core_->session == nullptr);
  core_->session = session;
  SSL_set_fd(session, core_->fd);
}

IoResult Stream::try_read(std::span<char> buffer) {
  Core& core = *core_;
  if (core.closed) {
    return {0, IoState::Failed};
  }
  if (!core.early.empty()) {
    const std::size_t size = std::min(buffer.size(), core.early.size());
    core.early.copy(buffer.data(), size);
    core.early.erase(0, size);
    return {size, IoState::Done};
  }
  return core.receive(buffer);
}

IoResult Stream::try_write(std::string_view bytes) {
  Core& core = *core_;
  if (core.closed) {
    return {0, IoState::Failed};
  }
  if (core.session == nullptr) {
    return from_errno(::send(core.fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  ERR_clear_error();
  std::size_t size = 0;
  if (SSL_write_ex(core.session, bytes.data(), bytes.size(), &size) == 1) {
    return {size, IoState::Done};
  }
  switch (SSL_get_error(core.session, 0)) {
    case SSL_ERROR_WANT_WRITE: core.write_wants_read = false; return {0, IoState::WouldBlock};
    case SSL_ERROR_WANT_READ: core.write_wants_read = true; return {0, IoState::WouldBlock};
    default: ERR_clear_error(); return {0, IoState::Failed};
  }
}

IoResult Stream::try_write(std::span<const iovec> pieces) {
  Core& core = *core_;
  if (core.closed) {
    return {0, IoState::Failed};
  }
  if (core.session == nullptr) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg only reads it
    message.msg_iovlen = pieces.size();
    return from_errno(::sendmsg(core.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  for (const iovec& piece : pieces) {
    if (piece.iov_len > 0) {
      return try_write({static_cast<const char*>(piece.iov_base), piece.iov_len});
    }
  }
  return {0, IoState::Done};
}

Waiter& Stream::prepare_read() {
  Core& core = *core_;
  if (core.read_wants_write) {
    core.arm(core.write, Socket::wait_write);
    return core.write.waiter;
  }
  core.arm(core.read, Socket::wait_read);
  return core.read.waiter;
}

Waiter& Stream::prepare_write() {
  Core& core = *core_;
  if (core.write_wants_read) {
    core.arm(core.read, Socket::wait_read);
    return core.read.waiter;
  }
  core.arm(core.write, Socket::wait_write);
  return core.write.waiter;
}

Task<IoOutcome> Stream::write_all(std::string_view bytes, TimePoint deadline) {
  while (!bytes.empty()) {
    const IoResult sent = try_write(bytes);
    if (sent.state == IoState::Done) {
      bytes.remove_prefix(sent.size);
      continue;
    }
    if (sent.state != IoState::WouldBlock) {
      co_return IoOutcome::Broken;
    }
    const Wake wake = co_await writable(deadline);
    if (wake != Wake::Ready) {
      co_return to_outcome(wake);
    }
  }
  co_return IoOutcome::Ok;
}

Task<Result<void>> Stream::handshake(TimePoint deadline) {
  SSL* const tls = core_->session;
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(tls);
    if (done == 1) {
      co_return Result<void>();
    }
    const int reason = SSL_get_error(tls, done);
    Wake wake = Wake::Ready;
    if (reason == SSL_ERROR_WANT_READ) {
      core_->read_wants_write = false;
      wake = co_await readable(deadline);
    } else if (reason == SSL_ERROR_WANT_WRITE) {
      core_->write_wants_read = false;
      wake = co_await writable(deadline);
    } else {
      const long verdict = SSL_get_verify_result(tls);
      const unsigned long code = ERR_peek_last_error();
      const char* const text = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                               : code != 0          ? ERR_reason_error_string(code)
                                                    : "the peer closed the connection";
      ERR_clear_error();
      co_return Error(ErrorKind::UpstreamFailed, "tls_failed",
                      std::string("The TLS handshake failed: ") +
                          (text == nullptr ? "unknown reason" : text) + ".");
    }
    if (wake == Wake::TimedOut) {
      co_return Error(ErrorKind::Timeout, "tls_timeout", "The TLS handshake took too long.");
    }
    if (wake == Wake::Cancelled) {
      co_return Error(ErrorKind::Cancelled, "cancelled", "The TLS handshake was called off.");
    }
  }
}

void Stream::watch_peer(std::function<void()> on_gone) {
  Core& core = *core_;
  core.on_gone = std::move(on_gone);
  if (!core.on_gone || core.closed) {
    return;
  }
  if (core.read.ready) {
    core.on_watched_readable();
  } else {
    core.arm(core.read, Socket::wait_read);
  }
}

bool Stream::is_stale() {
  if (core_ == nullptr || core_->closed) {
    return true;
  }
  if (core_->read.ready || !core_->read.armed || !core_->early.empty()) {
    return true;
  }
  // The loop may not have come to the event yet.
  char byte = 0;
  const ssize_t peeked = ::recv(core_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return from_errno(peeked).state != IoState::WouldBlock;
}

void Stream::expect_silence() {
  core_->arm(core_->read, Socket::wait_read);
}

void Stream::cancel() {
  if (core_ == nullptr) {
    return;
  }
  // A woken coroutine may destroy this stream: hold the core until both are told.
  Core* const core = core_;
  core->retain();
  core->read.waiter.wake(Wake::Cancelled);
  core->write.waiter.wake(Wake::Cancelled);
  core->release();
}

void Stream::close() {
  if (core_ == nullptr) {
    return;
  }
  Core* const core = std::exchange(core_, nullptr);
  core->on_gone = nullptr;
  core->closed = true;
  if (core->session != nullptr) {
    SSL_shutdown(core->session);  // one best-effort close_notify; nobody waits for the answer
    SSL_free(core->session);
    core->session = nullptr;
    ERR_clear_error();
  }
  boost::system::error_code ignored;
  core->socket.close(ignored);  // also completes the events the loop holds
  core->read.waiter.wake_later(Wake::Cancelled);
  core->write.waiter.wake_later(Wake::Cancelled);
  core->release();
}

}  // namespace waybill::net
