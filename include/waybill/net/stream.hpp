// A connected byte stream: TCP, Unix socket, or TLS over either (or over TLS to a proxy).

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sys/uio.h>

#include "waybill/base/result.hpp"
#include "waybill/net/waiter.hpp"

using SSL = struct ssl_st;

namespace waybill::net {

enum class IoState : unsigned char {
  Done,        // some bytes were moved
  WouldBlock,  // nothing to do now: wait, then try again
  End,         // the peer has finished sending (TCP FIN, TLS close_notify)
  Failed,      // the connection is broken, or the TLS records are
};

struct IoResult {
  std::size_t size = 0;  // bytes moved; > 0 only with Done
  IoState state = IoState::WouldBlock;
};

// What has become of a wait or a whole write.
enum class IoOutcome : unsigned char {
  Ok,
  TimedOut,
  Cancelled,
  Broken
};

// One connection's socket, and its TLS session if it has one.
//
// Reading is "try, then wait": try_read() into a buffer of the worker, and only
// on WouldBlock co_await readable().  Nothing is borrowed while waiting, so
// thousands of silent connections hold no buffers, and a wait can be called off
// at any time without waiting for the kernel.
//
//   for (;;) {
//     const IoResult got = stream.try_read(worker.read_buffer());
//     if (got.state == IoState::WouldBlock) {
//       const Wake wake = co_await stream.readable(deadline);
//       if (wake != Wake::Ready) { ... }
//       continue;
//     }
//     ...
//   }
//
// Lifetime: closing or destroying the stream while a coroutine waits on it
// wakes that coroutine with Cancelled first.
// Thread safety: none; a stream lives and dies on its worker.
class Stream {
 public:
  Stream() noexcept;  // not connected
  // Adopts a connected, non-blocking socket.
  Stream(Worker& worker, int fd);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  [[nodiscard]] bool is_open() const noexcept;
  [[nodiscard]] int fd() const noexcept;

  // Puts a TLS session (client or server side already chosen) over the socket
  // and owns it.  Call handshake() before anything else.  Once that has succeeded,
  // another may be put over it: TLS to a server through TLS to its proxy.
  void start_tls(SSL* session);
  [[nodiscard]] bool is_tls() const noexcept;
  [[nodiscard]] SSL* session() const noexcept;
  // Fails with code "tls_failed"; the detail says why the peer was not trusted.
  Task<Result<void>> handshake(TimePoint deadline);

  // At most buffer.size() bytes.  Requires: !buffer.empty().
  IoResult try_read(std::span<char> buffer);
  IoResult try_write(std::string_view bytes);
  IoResult try_write(std::span<const iovec> pieces);

  // Wait until a try is worth it.  One wait of each kind at a time.
  [[nodiscard]] auto readable(TimePoint deadline) { return prepare_read().wait(deadline); }
  [[nodiscard]] auto writable(TimePoint deadline) { return prepare_write().wait(deadline); }

  // Writes everything.  `bytes` must stay valid until the task ends.
  Task<IoOutcome> write_all(std::string_view bytes, TimePoint deadline);

  // Calls `on_gone` once if the peer closes or breaks the connection while
  // nobody reads from it.  Bytes that arrive meanwhile are kept for the next
  // try_read(), up to 16 KiB; more end the watch.  An empty function ends it too.
  void watch_peer(std::function<void()> on_gone);

  // True if the peer has closed or sent something since the last read: such an
  // idle connection must not be reused.
  [[nodiscard]] bool is_stale();

  // Wakes everything that waits on this stream with Cancelled.
  void cancel();

  // Sends what TLS needs for a clean end, then closes.
  void close();

 private:
  struct Core;
  Waiter& prepare_read();
  Waiter& prepare_write();

  Core* core_ = nullptr;
};

}  // namespace waybill::net
