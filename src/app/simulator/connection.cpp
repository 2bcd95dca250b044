#include "connection.hpp"

#include <utility>
#include <variant>
#include <vector>

#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>

namespace waybill::app::simulator {
namespace {

using net::IoOutcome;
using net::IoResult;
using net::IoState;
using net::Task;
using net::Wake;

constexpr std::chrono::minutes kIdleTime{10};
constexpr std::chrono::minutes kWriteTime{2};
constexpr std::size_t kWriteAtOnce = std::size_t{16} * 1024;
constexpr std::uint64_t kMostBody = std::uint64_t{256} * 1024 * 1024;

}  // namespace

Connection::Connection(net::Worker& worker, net::Stream stream, Engine& engine, Counts& counts)
    : worker_(worker),
      stream_(std::move(stream)),
      engine_(engine),
      counts_(counts),
      timer_(worker.executor()) {}

Task<> Connection::run() {
  ++counts_.open;
  After after = After::KeepOpen;
  while (after == After::KeepOpen && stream_.is_open()) {
    const bool has_head = co_await read_head();
    if (!has_head) {
      break;
    }
    const bool has_body = co_await read_body();
    if (!has_body) {
      break;
    }
    after = co_await answer();
  }
  stream_.close();
  --counts_.open;
}

void Connection::cancel() {
  gone_ = true;
  timer_.cancel();
  stream_.cancel();
}

// More bytes at the end of pending_; false at the end of the connection.
Task<bool> Connection::read_more() {
  const TimePoint deadline = Clock::now() + kIdleTime;
  for (;;) {
    if (gone_) {
      co_return false;
    }
    const IoResult got = stream_.try_read(worker_.read_buffer());
    if (got.state == IoState::Done) {
      pending_.append(worker_.read_buffer().data(), got.size);
      co_return true;
    }
    if (got.state != IoState::WouldBlock) {
      co_return false;
    }
    const Wake wake = co_await stream_.readable(deadline);
    if (wake != Wake::Ready) {
      co_return false;
    }
  }
}

Task<bool> Connection::read_head() {
  std::size_t scanned = 0;
  for (;;) {
    const http::HeadScan scan = http::find_head_end(pending_, scanned);
    if (scan.state == http::HeadScan::State::Complete) {
      auto parsed = http::parse_request_head(std::string_view(pending_).substr(0, scan.size));
      pending_.erase(0, scan.size);
      if (auto* head = std::get_if<http::RequestHead>(&parsed)) {
        head_ = std::move(*head);
        co_return true;
      }
    }
    if (scan.state != http::HeadScan::State::NeedMore) {
      const bool sent = co_await write(
          "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      static_cast<void>(sent);
      co_return false;
    }
    scanned = scan.size;
    const bool more = co_await read_more();
    if (!more) {
      co_return false;
    }
  }
}

Task<bool> Connection::read_body() {
  http::BodyLimits limits;
  limits.max_body = kMostBody;
  http::BodyDecoder decoder(head_->framing, limits);
  body_.clear();
  if (head_->expects_continue && !decoder.done() && pending_.empty()) {
    const bool sent = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) {
      co_return false;
    }
  }
  for (;;) {
    std::size_t used = 0;
    while (!decoder.done() && !decoder.fault() && used < pending_.size()) {
      const auto step = decoder.feed(std::string_view(pending_).substr(used));
      used += step.consumed;
      body_.append(step.data);
    }
    pending_.erase(0, used);
    if (decoder.done() || decoder.fault()) {
      co_return decoder.done();
    }
    const bool more = co_await read_more();
    if (!more) {
      co_return false;
    }
  }
}

Task<Connection::After> Connection::answer() {
  ++counts_.requests;
  std::vector<Header> headers;
  headers.reserve(24);
  for (const auto& field : head_->fields) {
    headers.emplace_back(field.name, field.value);
  }
  ScriptPtr script;
  if (head_->path == "/simulator/counts") {
    --counts_.requests;
    Reply reply;
    reply.body = counts_json();
    script = std::make_shared<const Script>(render(reply, {}, Framing::Chunked));
  } else {
    script =
        engine_.answer({.method = to_string(head_->method),
                        .path = head_->path,
                        .authorization = head_->header(http::Field::authorization),
                        .headers = headers,
                        .body = body_,
                        .framing = head_->version == 11 ? Framing::Chunked : Framing::UntilClose,
                        .now = wall_now(),
                        .query = head_->query});
  }
  const bool keep = head_->keep_alive;
  const After after = co_await play(std::move(script));
  co_return keep ? after : After::Close;
}

// Steps without a wait between them leave in one write.
Task<Connection::After> Connection::play(ScriptPtr script) {
  TimePoint due = Clock::now();
  out_.clear();
  for (const Step& step : script->steps) {
    const bool pause = step.wait.count() > 0;
    if (!out_.empty() && (pause || step.kind != StepKind::Send || out_.size() >= kWriteAtOnce)) {
      const bool sent = co_await write(out_);
      out_.clear();
      if (!sent) {
        co_return After::Close;
      }
    }
    if (pause) {
      due += step.wait;
      const bool still_there = co_await sleep_until(due);
      if (!still_there) {
        co_return After::Close;
      }
    }
    if (step.kind == StepKind::Stall) {
      const bool still_there = co_await sleep_until(TimePoint::max());
      static_cast<void>(still_there);
      co_return After::Close;
    }
    if (step.kind != StepKind::Send) {
      co_return end(step.kind);
    }
    out_ += step.bytes;
  }
  bool sent = true;
  if (!out_.empty()) {
    sent = co_await write(out_);
  }
  co_return sent ? After::KeepOpen : After::Close;
}

Connection::After Connection::end(StepKind kind) {
  if (kind == StepKind::Reset) {
    const linger now{1, 0};  // close() sends a reset
    ::setsockopt(stream_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  stream_.close();
  return After::Close;
}

// False if the client went away meanwhile.
Task<bool> Connection::sleep_until(TimePoint due) {
  stream_.watch_peer([this] {
    if (!gone_) {
      gone_ = true;
      ++counts_.client_gone;
    }
    timer_.cancel();
  });
  while (!gone_ && Clock::now() < due) {
    timer_.expires_at(due);
    boost::system::error_code ignored;
    co_await timer_.async_wait(net::asio::redirect_error(net::use_task, ignored));
  }
  stream_.watch_peer(nullptr);
  co_return !gone_;
}

Task<bool> Connection::write(std::string_view bytes) {
  const IoResult sent = stream_.try_write(bytes);
  if (sent.state == IoState::Done && sent.size == bytes.size()) {
    co_return true;
  }
  if (sent.state == IoState::Done || sent.state == IoState::WouldBlock) {
    const IoOutcome outcome =
        co_await stream_.write_all(bytes.substr(sent.size), Clock::now() + kWriteTime);
    if (outcome == IoOutcome::Ok) {
      co_return true;
    }
  }
  if (!gone_) {
    gone_ = true;
    ++counts_.client_gone;
  }
  co_return false;
}

std::string Connection::counts_json() const {
  return R"({"requests":)" + std::to_string(counts_.requests) + R"(,"open":)" +
         std::to_string(counts_.open) + R"(,"client_gone":)" + std::to_string(counts_.client_gone) +
         "}";
}

}  // namespace waybill::app::simulator
