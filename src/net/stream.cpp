#include "waybill/net/stream.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace waybill::net {
namespace {

constexpr std::size_t kMostEarly = std::size_t{16} << 10U;

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
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK;  // these calls never sleep: no EINTR
  return {0, later ? IoState::WouldBlock : IoState::Failed};
}

}  // namespace

// What a Stream points to; it stays in its place while the Stream moves.
struct Stream::Core final : Poller::Watched {
  // What is known of a direction without asking the kernel.
  enum class Readiness : unsigned char {
    Unknown,  // nothing was tried yet: trying tells
    No,       // the kernel had no more: an edge will tell when it has
    Yes       // there may be more, and no edge will tell
  };
  struct Direction {
    explicit Direction(Worker& worker) noexcept : waiter(worker) {}
    Waiter waiter;
    Readiness readiness = Readiness::Unknown;
  };

  Core(Worker& on_worker, int descriptor)
      : worker(on_worker),
        fd(descriptor),
        read(on_worker),
        write(on_worker),
        closed(!worker.poller().add(descriptor, *this)) {}

  void retain() noexcept { ++references; }
  void release() noexcept {
    if (--references == 0) {
      delete this;
    }
  }

  // Keeps the Core for something that is still to run.
  class Hold {
   public:
    explicit Hold(Core& core) noexcept : core_(&core) { core.retain(); }
    Hold(Hold&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (core_ != nullptr) {
        core_->release();
      }
    }

   private:
    Core* core_;
  };

  void on_events(std::uint32_t events) override;
  void tell(Direction& direction);
  void on_watched_readable();
  IoResult receive(std::span<char> buffer);
  // What a read of a socket says about the next one.
  IoResult note_read(IoResult got, std::size_t wanted) noexcept;
  IoResult note_written(IoResult sent, std::size_t wanted) noexcept;
  Waiter& prepare(Direction& direction);

  Worker& worker;
  int fd;
  SSL* session = nullptr;
  Direction read;
  Direction write;
  std::function<void()> on_gone;
  std::string early;              // read while the peer was watched; the next reads take it
  bool peer_ended = false;        // the end stands behind what is still to be read
  bool read_wants_write = false;  // TLS: the last read must wait for writability
  bool write_wants_read = false;  // TLS: the other way round
  bool closed;
  int references = 1;
};

void Stream::Core::on_events(std::uint32_t events) {
  retain();  // who is told may destroy the stream
  constexpr std::uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLIN | kEnd)) != 0) {
    peer_ended = peer_ended || (events & kEnd) != 0;
    tell(read);
  }
  if (!closed && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
    tell(write);
  }
  release();
}

void Stream::Core::tell(Direction& direction) {
  direction.readiness = Readiness::Yes;
  if (direction.waiter.waiting()) {
    direction.waiter.wake(Wake::Ready);
  } else if (&direction == &read && on_gone) {
    on_watched_readable();
  }
}

// Who waits although there may be more is woken at once: no edge will come.
Waiter& Stream::Core::prepare(Direction& direction) {
  if (direction.readiness == Readiness::Yes && !closed) {
    worker.post([hold = Hold(*this), &direction] { direction.waiter.wake(Wake::Ready); });
  }
  // post() never runs what it is given before it returns.
  return direction.waiter;  // NOLINT(clang-analyzer-cplusplus.NewDelete)
}

IoResult Stream::Core::note_read(IoResult got, std::size_t wanted) noexcept {
  if (got.state == IoState::WouldBlock) {
    read.readiness = Readiness::No;
  } else {
    // A short read has emptied the socket (epoll(7)), but its end makes no further edge.
    const bool emptied = got.state == IoState::Done && got.size < wanted && !peer_ended;
    read.readiness = emptied ? Readiness::No : Readiness::Yes;
  }
  return got;
}

IoResult Stream::Core::note_written(IoResult sent, std::size_t wanted) noexcept {
  const bool full = sent.state == IoState::WouldBlock || sent.size < wanted;
  write.readiness = full ? Readiness::No : Readiness::Yes;
  return sent;
}

// Reads what has come, because the end of the connection stands behind it: over TLS a
// close_notify is bytes like any other, and a client may send its next request early.
void Stream::Core::on_watched_readable() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const IoResult got = receive(buffer);
    if (got.state == IoState::WouldBlock) {
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
  if (session == nullptr) {
    if (read.readiness == Readiness::No) {
      return {0, IoState::WouldBlock};
    }
    return note_read(from_errno(::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT)),
                     buffer.size());
  }
  ERR_clear_error();
  std::size_t size = 0;
  if (SSL_read_ex(session, buffer.data(), buffer.size(), &size) == 1) {
    read.readiness = Readiness::Yes;
    return {size, IoState::Done};
  }
  switch (SSL_get_error(session, 0)) {
    case SSL_ERROR_WANT_READ:
      read_wants_write = false;
      read.readiness = Readiness::No;
      return {0, IoState::WouldBlock};
    case SSL_ERROR_WANT_WRITE:
      read_wants_write = true;
      write.readiness = Readiness::No;
      return {0, IoState::WouldBlock};
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
  assert(core_ != nullptr);
  if (core_->session == nullptr) {
    SSL_set_fd(session, core_->fd);
  } else {
    // The new session's records travel as the data of the one below, which it owns.  Waiting
    // stays as it is: such a BIO wants what the session below wants of the socket.
    BIO* const below = BIO_new(BIO_f_ssl());
    BIO_set_ssl(below, core_->session, BIO_CLOSE);
    SSL_set_bio(session, below, below);
  }
  core_->session = session;
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
    if (core.write.readiness == Core::Readiness::No) {
      return {0, IoState::WouldBlock};
    }
    return core.note_written(
        from_errno(::send(core.fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)),
        bytes.size());
  }
  ERR_clear_error();
  std::size_t size = 0;
  if (SSL_write_ex(core.session, bytes.data(), bytes.size(), &size) == 1) {
    return {size, IoState::Done};
  }
  switch (SSL_get_error(core.session, 0)) {
    case SSL_ERROR_WANT_WRITE:
      core.write_wants_read = false;
      core.write.readiness = Core::Readiness::No;
      return {0, IoState::WouldBlock};
    case SSL_ERROR_WANT_READ:
      core.write_wants_read = true;
      core.read.readiness = Core::Readiness::No;
      return {0, IoState::WouldBlock};
    default: ERR_clear_error(); return {0, IoState::Failed};
  }
}

IoResult Stream::try_write(std::span<const iovec> pieces) {
  Core& core = *core_;
  if (core.closed) {
    return {0, IoState::Failed};
  }
  if (core.session == nullptr) {
    if (core.write.readiness == Core::Readiness::No) {
      return {0, IoState::WouldBlock};
    }
    std::size_t wanted = 0;
    for (const iovec& piece : pieces) {
      wanted += piece.iov_len;
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg only reads it
    message.msg_iovlen = pieces.size();
    return core.note_written(from_errno(::sendmsg(core.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)),
                             wanted);
  }
  for (const iovec& piece : pieces) {
    if (piece.iov_len > 0) {
      return try_write({static_cast<const char*>(piece.iov_base), piece.iov_len});
    }
  }
  return {0, IoState::Done};
}

Waiter& Stream::prepare_read() {
  return core_->prepare(core_->read_wants_write ? core_->write : core_->read);
}

Waiter& Stream::prepare_write() {
  return core_->prepare(core_->write_wants_read ? core_->read : core_->write);
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
      core_->read.readiness = Core::Readiness::No;
      wake = co_await readable(deadline);
    } else if (reason == SSL_ERROR_WANT_WRITE) {
      core_->write_wants_read = false;
      core_->write.readiness = Core::Readiness::No;
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
  if (core.read.readiness != Core::Readiness::No) {
    core.on_watched_readable();
  }
}

bool Stream::is_stale() {
  if (core_ == nullptr || core_->closed) {
    return true;
  }
  if (core_->peer_ended || !core_->early.empty()) {
    return true;
  }
  // Nothing has come since a read found the connection empty, as far as the last look at
  // the poller tells.  What has come in this very turn is found by the write or the read.
  if (core_->read.readiness == Core::Readiness::No) {
    return false;
  }
  char byte = 0;
  const ssize_t peeked = ::recv(core_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return from_errno(peeked).state != IoState::WouldBlock;
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
  core->worker.poller().forget(*core);
  ::close(core->fd);
  core->read.waiter.wake_later(Wake::Cancelled);
  core->write.waiter.wake_later(Wake::Cancelled);
  core->release();
}

}  // namespace waybill::net
