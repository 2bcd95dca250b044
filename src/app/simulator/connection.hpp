// One connection of the simulator.
//
// It does not use the daemon's own server: a provider that breaks HTTP's rules on
// purpose needs the bare stream, and a fault of our server would stay hidden if both
// ends shared it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/wait_traits.hpp>

#include "waybill/http/body.hpp"
#include "waybill/http/head.hpp"
#include "waybill/net/stream.hpp"
#include "waybill/net/worker.hpp"

#include "engine.hpp"

namespace waybill::app::simulator {

struct Counts {
  std::uint64_t requests = 0;
  std::uint64_t client_gone = 0;  // in the middle of an answer
  std::uint64_t open = 0;         // connections
};

// Lifetime: must outlive run(); `worker`, `engine` and `counts` must outlive it.
// Thread safety: none; stays on its worker.
class Connection {
 public:
  Connection(net::Worker& worker, net::Stream stream, Engine& engine, Counts& counts);

  // Serves requests one after the other until the connection ends.
  net::Task<> run();

  // Wakes run() so that it ends; for shutting down.
  void cancel();

 private:
  // A timer of its own: pacing needs milliseconds, the worker's wheel has ticks of 50.
  using Timer =
      net::asio::basic_waitable_timer<Clock, net::asio::wait_traits<Clock>, net::Executor>;
  enum class After : unsigned char {
    KeepOpen,
    Close
  };

  net::Task<bool> read_more();
  net::Task<bool> read_head();
  net::Task<bool> read_body();
  net::Task<After> answer();
  net::Task<After> play(ScriptPtr script);
  net::Task<bool> sleep_until(TimePoint due);
  net::Task<bool> write(std::string_view bytes);
  After end(StepKind kind);
  [[nodiscard]] std::string counts_json() const;

  net::Worker& worker_;
  net::Stream stream_;
  Engine& engine_;
  Counts& counts_;
  Timer timer_;
  std::string pending_;  // read, not used yet
  std::string body_;
  std::string out_;
  std::optional<http::RequestHead> head_;
  bool gone_ = false;
};

}  // namespace waybill::app::simulator
