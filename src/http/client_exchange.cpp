#include <algorithm>
#include <utility>

#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "waybill/base/text.hpp"
#include "waybill/http/client.hpp"

#include "idle_connection.hpp"

namespace waybill::http {
namespace {

using net::IoResult;
using net::IoState;
using net::Wake;

constexpr int kMaxInterim = 8;

Error cancelled() {
  return {ErrorKind::Cancelled, "cancelled", "The request to the provider was called off."};
}

Error timed_out(std::string_view what) {
  return {ErrorKind::Timeout, "upstream_timeout",
          "The provider " + std::string(what) + " in time."};
}

Error lost_connection() {
  return {ErrorKind::UpstreamFailed, "upstream_closed",
          "The provider closed the connection before it had answered."};
}

Error malformed(std::string detail) {
  return {ErrorKind::UpstreamFailed, "upstream_malformed", std::move(detail)};
}

// Bytes that the peer's kernel has not taken yet (tcp(7)).
int unsent_bytes(const net::Stream& stream) noexcept {
  int bytes = 0;
  return ::ioctl(stream.fd(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

}  // namespace

ClientExchange::~ClientExchange() {
  release();
}

void ClientExchange::release() noexcept {
  if (!has_place_) {
    return;
  }
  has_place_ = false;
  if (ended_ && keep_alive_ && stream_.is_open() && !call_off_.called()) {
    pool_.keep(std::move(stream_));
    return;
  }
  stream_.close();
  pool_.give_place_back();
}

Task<Result<void>> ClientExchange::take_connection(ConnectionUse allowed, TimePoint deadline) {
  for (;;) {
    if (call_off_.called()) {
      co_return cancelled();
    }
    if (allowed == ConnectionUse::Reused) {
      if (auto idle = pool_.take_idle()) {
        stream_ = std::move(*idle);
        use_ = ConnectionUse::Reused;
        has_place_ = true;
        co_return Result<void>();
      }
    }
    if (pool_.take_place()) {
      has_place_ = true;
      co_return Result<void>();
    }
    if (allowed == ConnectionUse::Fresh && !pool_.idle_.empty()) {
      pool_.close_idle();
      continue;
    }
    auto granted = co_await wait_for_place(allowed, deadline);
    co_return granted;
  }
}

// The place, perhaps with the connection that stands on it, comes from who gives it up.
Task<Result<void>> ClientExchange::wait_for_place(ConnectionUse allowed, TimePoint deadline) {
  SharedUse::Part in_queue;
  const std::size_t bound = pool_.options_.max_waiting;
  const bool room = pool_.options_.all_waiting
                        ? in_queue.take(*pool_.options_.all_waiting, 1, bound)
                        : pool_.waiting_.size() < bound;
  if (!room) {
    co_return Error(ErrorKind::Unavailable, "pool_exhausted",
                    "Too many requests wait for a connection to this provider.");
  }
  ClientPool::Waiting waiting(pool_.worker_);
  waiting_for_place_ = &waiting;
  pool_.waiting_.push_back(&waiting);
  pool_.get_in_line();
  Wake wake = Wake::Ready;
  if (!waiting.granted) {
    wake = co_await waiting.waiter.wait(deadline);
  }
  waiting_for_place_ = nullptr;
  has_place_ = waiting.granted;  // a call that is off gives it on when it ends
  if (!waiting.granted) {
    std::erase(pool_.waiting_, &waiting);
    if (pool_.waiting_.empty()) {
      pool_.places_->leave_line(pool_);
    }
    co_return wake == Wake::TimedOut ? Error(ErrorKind::Unavailable, "pool_exhausted",
                                             "No connection to this provider became free in time.")
                                     : cancelled();
  }
  if (call_off_.called()) {
    co_return cancelled();
  }
  if (allowed == ConnectionUse::Reused && !waiting.stream.is_stale()) {
    stream_ = std::move(waiting.stream);
    use_ = ConnectionUse::Reused;
    ++pool_.counters_.reused;
  }
  co_return Result<void>();
}

Task<Result<void>> ClientExchange::connect(ConnectionUse allowed, TimePoint deadline) {
  const TimePoint until = std::min(deadline, Clock::now() + pool_.options_.connect_timeout);
  auto taken = co_await take_connection(allowed, until);
  if (!taken) {
    co_return taken.error();
  }
  if (use_ == ConnectionUse::Reused) {
    co_return Result<void>();
  }
  auto opened = co_await pool_.open(until, call_off_);
  if (call_off_.called()) {
    co_return cancelled();
  }
  if (!opened) {
    co_return opened.error();
  }
  stream_ = std::move(*opened);
  co_return Result<void>();
}

Task<Result<void>> ClientExchange::send(std::string_view head,
                                        std::string_view body,
                                        TimePoint deadline,
                                        std::chrono::milliseconds patience) {
  iovec pieces[2] = {{const_cast<char*>(head.data()), head.size()},
                     {const_cast<char*>(body.data()), body.size()}};
  std::size_t done = 0;
  const std::size_t total = head.size() + body.size();
  int unsent = 0;
  bool at_once = true;
  while (done < total) {
    const std::size_t of_head = std::min(done, head.size());
    pieces[0] = {const_cast<char*>(head.data()) + of_head, head.size() - of_head};
    pieces[1] = {const_cast<char*>(body.data()) + (done - of_head), body.size() - (done - of_head)};
    const IoResult sent = stream_.try_write(pieces);
    if (sent.state == IoState::Done) {
      done += sent.size;
      if (done < total) {
        at_once = false;
        unsent = unsent_bytes(stream_);
      }
      continue;
    }
    if (sent.state != IoState::WouldBlock) {
      co_return Result<void>();  // it may have answered already: read_head() finds out
    }
    const Wake wake = co_await stream_.writable(std::min(deadline, Clock::now() + patience));
    if (wake == Wake::Cancelled) {
      co_return cancelled();
    }
    if (wake == Wake::TimedOut) {
      // The kernel wakes only once a third of its buffer is free.
      const int left = unsent_bytes(stream_);
      const bool moves = left < std::exchange(unsent, left);
      if (!moves && stream_.is_stale()) {
        co_return Result<void>();  // the same
      }
      if (!moves || Clock::now() >= deadline) {
        co_return timed_out("did not take the request");
      }
    }
  }
  if (!at_once) {
    const auto taken = co_await wait_taken(deadline, patience);
    if (!taken) {
      co_return taken.error();
    }
  }
  request_whole_ = true;
  co_return Result<void>();
}

// The kernel keeps megabytes of a large body, which a slow provider has still to take: until then
// it cannot be expected to answer.
Task<Result<void>> ClientExchange::wait_taken(TimePoint deadline,
                                              std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kLookAgain{50};  // nothing wakes us when it has
  int unsent = unsent_bytes(stream_);
  TimePoint moved = Clock::now();
  while (unsent > 0) {
    const Wake wake = co_await stream_.readable(std::min(deadline, Clock::now() + kLookAgain));
    if (wake == Wake::Cancelled) {
      co_return cancelled();
    }
    if (wake == Wake::Ready) {
      break;  // it answers, or it has gone: read_head() finds out
    }
    const TimePoint now = Clock::now();
    const int left = unsent_bytes(stream_);
    if (left < std::exchange(unsent, left)) {
      moved = now;
    }
    if (left > 0 && (now >= deadline || now - moved >= patience)) {
      co_return timed_out("did not take the request");
    }
  }
  co_return Result<void>();
}

// The next bytes of the connection, in the worker's buffer: valid until its next read.
Task<Result<std::string_view>> ClientExchange::next_bytes(TimePoint deadline) {
  for (;;) {
    if (call_off_.called()) {
      co_return cancelled();
    }
    const IoResult got = stream_.try_read(pool_.worker_.read_buffer());
    if (got.state == IoState::Done) {
      response_begun_ = true;
      co_return std::string_view(pool_.worker_.read_buffer().data(), got.size);
    }
    if (got.state != IoState::WouldBlock) {
      co_return lost_connection();
    }
    const Wake wake = co_await stream_.readable(deadline);
    if (wake != Wake::Ready) {
      co_return wake == Wake::TimedOut ? timed_out("did not answer") : cancelled();
    }
  }
}

// `early`: what came of the body together with its head.
Result<void> ClientExchange::prepare_body(const ResponseHead& head, std::string_view early) {
  keep_alive_ = head.keep_alive && request_whole_;
  BodyLimits limits;
  limits.max_body = std::uint64_t{1} << 40U;  // pulled and passed on, never gathered here
  decoder_.emplace(head.framing, limits);
  ended_ = decoder_->done();
  const auto coding = parse_content_coding(head.header(Field::content_encoding));
  if (!coding) {
    return malformed("The provider answered in an unknown content coding.");
  }
  if (*coding != ContentCoding::Identity) {
    content_ = std::make_unique<ContentDecoder>(*coding);
  }
  early_.assign(early);
  has_early_ = !early.empty();
  if (ended_ && has_early_) {
    keep_alive_ = false;  // bytes after the answer: nobody knows what they belong to
  }
  return {};
}

Task<Result<ResponseHead>> ClientExchange::read_head(TimePoint deadline) {
  std::string kept;  // the beginning of a head of which more must come
  std::size_t scanned = 0;
  int interim = 0;
  const HeadLimits limits;
  for (;;) {
    auto more = co_await next_bytes(deadline);
    if (!more) {
      co_return more.error();
    }
    std::string_view bytes = *more;
    if (!kept.empty()) {
      kept += bytes;
      bytes = kept;
    }
    HeadScan scan = find_head_end(bytes, scanned);
    while (scan.state == HeadScan::State::Complete && scan.size <= limits.max_bytes) {
      auto parsed = parse_response_head(bytes.substr(0, scan.size), Verb::post, limits);
      if (const auto* const rejection = std::get_if<Rejection>(&parsed)) {
        co_return malformed("The provider's answer breaks HTTP's rules: " +
                            rejection->error.detail());
      }
      auto& head = std::get<ResponseHead>(parsed);
      bytes.remove_prefix(scan.size);
      if (!head.interim()) {
        auto prepared = prepare_body(head, bytes);
        co_return prepared ? Result<ResponseHead>(std::move(head))
                           : Result<ResponseHead>(prepared.error());
      }
      if (++interim > kMaxInterim) {
        co_return malformed("The provider sent interim answers nobody asked for.");
      }
      scan = find_head_end(bytes);
    }
    if (scan.state != HeadScan::State::NeedMore || bytes.size() > limits.max_bytes) {
      co_return malformed("The provider's answer is not HTTP/1.1, or its head is too large.");
    }
    scanned = scan.size;
    if (bytes.size() != kept.size()) {  // else it is all of it already
      kept = std::string(bytes);
    }
  }
}

PumpState ClientExchange::fail(ErrorKind kind, std::string_view code, std::string detail) {
  error_.emplace(kind, code, std::move(detail));
  keep_alive_ = false;
  return PumpState::Failed;
}

PumpState ClientExchange::pump_once() {
  if (ended_) {
    return PumpState::End;
  }
  if (call_off_.called()) {
    error_ = cancelled();
    return PumpState::Failed;
  }
  if (has_early_) {
    has_early_ = false;
    return consume(early_);  // the pieces point into early_, which stays as it is
  }
  const IoResult got = stream_.try_read(pool_.worker_.read_buffer());
  switch (got.state) {
    case IoState::Done:
      free_memory(early_);
      return consume({pool_.worker_.read_buffer().data(), got.size});
    case IoState::WouldBlock: return PumpState::WouldBlock;
    case IoState::End: return end_of_stream();
    case IoState::Failed: break;
  }
  return fail(ErrorKind::UpstreamFailed, "upstream_closed",
              "The connection to the provider broke.");
}

PumpState ClientExchange::end_of_stream() {
  keep_alive_ = false;
  if (!decoder_->at_clean_end()) {
    return fail(ErrorKind::UpstreamFailed, "upstream_truncated",
                "The provider's answer was cut off.");
  }
  ended_ = true;
  if (content_) {
    const auto finished = content_->finish();
    if (!finished) {
      return fail(ErrorKind::UpstreamFailed, "upstream_malformed", finished.error().detail());
    }
  }
  return PumpState::End;
}

PumpState ClientExchange::consume(std::string_view bytes) {
  while (!decoder_->done()) {
    const BodyDecoder::Step step = decoder_->feed(bytes);
    bytes.remove_prefix(step.consumed);
    if (!step.data.empty()) {
      pieces_.push_back(step.data);
    }
    if (step.state == BodyDecoder::State::Failed) {
      // What came before the fault is good and goes to the sink.
      return fail(ErrorKind::UpstreamFailed, "upstream_malformed",
                  "The provider's answer has a broken framing.");
    }
    if (step.state == BodyDecoder::State::NeedMore) {
      break;
    }
  }
  ended_ = decoder_->done();
  if (ended_ && !bytes.empty()) {
    keep_alive_ = false;
  }
  if (content_) {
    return decode_content();
  }
  return pieces_.empty() && ended_ ? PumpState::End : PumpState::Data;
}

PumpState ClientExchange::decode_content() {
  decoded_.clear();
  for (const std::string_view piece : pieces_) {
    const auto fed = content_->feed(piece, decoded_);
    if (!fed) {
      pieces_.clear();
      return fail(ErrorKind::UpstreamFailed, "upstream_malformed", fed.error().detail());
    }
  }
  pieces_.clear();
  if (ended_) {
    const auto finished = content_->finish();
    if (!finished) {
      return fail(ErrorKind::UpstreamFailed, "upstream_malformed", finished.error().detail());
    }
  }
  if (!decoded_.empty()) {
    pieces_.push_back(decoded_);
  }
  return pieces_.empty() && ended_ ? PumpState::End : PumpState::Data;
}

void ClientExchange::cancel() {
  if (waiting_for_place_ != nullptr) {
    waiting_for_place_->waiter.wake_later(Wake::Cancelled);
  }
  if (stream_.is_open()) {
    call_off_.call();  // nothing of the opening is left to be woken
    stream_.cancel();
  } else {
    call_off_.call();
  }
}

}  // namespace waybill::http
