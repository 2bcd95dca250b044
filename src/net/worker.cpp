#include "waybill/net/worker.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <fcntl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detail/concurrency_hint.hpp>

namespace waybill::net {
namespace {

// More than all connections that a process may have open; a bound, so that what keeps becoming
// ready cannot hold up the timers for good.
constexpr std::size_t kMostBatches = 4096;

}  // namespace

// One thread runs the context, so the reactor needs no locks; the scheduler
// keeps its own, because other threads post to it.
Worker::Worker(std::size_t index)
    : index_(index),
      context_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      poller_ready_(context_),
      wheel_(Clock::now()),
      driver_(context_),
      buffer_(std::make_unique<char[]>(kReadBufferSize + kReadPadding)) {
  // OpenSSL writes without MSG_NOSIGNAL: a peer that is gone is an error code to
  // us, never the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  boost::system::error_code ec;
  poller_ready_.assign(::fcntl(poller_.fd(), F_DUPFD_CLOEXEC, 0), ec);
  if (ec) {
    std::fprintf(stderr, "waybill: a worker cannot watch its connections: %s\n",
                 ec.message().c_str());
    std::abort();
  }
  watch_poller();
}

Worker::~Worker() = default;

void Worker::watch_poller() {
  using Descriptor = asio::posix::descriptor_base;
  poller_ready_.async_wait(Descriptor::wait_read, [this](const boost::system::error_code& ec) {
    if (!ec) {
      poller_.dispatch();
      watch_poller();
    }
  });
}

void Worker::wait_for_turn_end(TurnHandler handler) {
  // Boost 1.81's move assignment of any_completion_handler recurses without end.
  at_turn_end_.emplace_back().swap(handler);
  if (at_turn_end_.size() == 1) {  // behind what is being looked at now
    post([this] { end_turn(); });
  }
}

void Worker::end_turn() {
  ending_.swap(at_turn_end_);  // who waits again is of the next turn
  for (TurnHandler& waiting : ending_) {
    TurnHandler handler;
    handler.swap(waiting);
    std::move(handler)();
  }
  ending_.clear();
}

void Worker::run() {
  const auto keep_running = asio::make_work_guard(context_);
  context_.run();
}

void Worker::stop() {
  context_.stop();
}

void Worker::arm(TimerWheel::Entry& entry, TimePoint deadline) {
  wheel_.arm(entry, deadline);
  if (deadline != TimePoint::max() && wheel_.tick_of(deadline) < scheduled_) {
    scheduled_ = wheel_.tick_of(deadline);
    schedule();
  }
}

void Worker::schedule() {
  driver_.expires_at(scheduled_);
  driver_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) {
      turn();
    }
  });
}

void Worker::turn() {
  scheduled_ = TimePoint::max();
  const TimePoint now = Clock::now();
  // What came in time is no timeout, however late it is looked at: the process may have been
  // stopped, and its machine too.
  for (std::size_t batches = 0; batches < kMostBatches && poller_.dispatch(); ++batches) {
  }
  wheel_.advance(now);
  if (const auto next = wheel_.next_tick(); next && *next < scheduled_) {
    scheduled_ = *next;
    schedule();
  }
}

void Worker::spawn(Task<> task) {
  asio::co_spawn(context_.get_executor(), std::move(task), [](const std::exception_ptr& escaped) {
    if (!escaped) {
      return;
    }
    // Memory ran out or an invariant broke; going on could answer wrongly.
    try {
      std::rethrow_exception(escaped);
    } catch (const std::exception& bug) {
      std::fprintf(stderr, "waybill: a task ended with an exception: %s\n", bug.what());
    }
    std::abort();
  });
}

}  // namespace waybill::net
