#include "simulator.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <list>
#include <memory>
#include <utility>

#include <boost/asio/signal_set.hpp>

#include "waybill/net/listener.hpp"

#include "connection.hpp"

namespace waybill::app {
namespace {

using simulator::Connection;
using simulator::Counts;
using simulator::Engine;

// The connections of the one worker.
class Service {
 public:
  Service(net::Worker& worker, const simulator::EngineOptions& options)
      : worker_(worker),
        engine_(options),
        signals_(worker.context(), SIGINT, SIGTERM) {}

  void listen(net::ListenSocket socket) {
    listener_ = std::make_unique<net::Listener>(
        worker_, std::move(socket), [this](net::Stream stream, const net::Peer& /*peer*/) {
          connections_.push_back(
              std::make_unique<Connection>(worker_, std::move(stream), engine_, counts_));
          worker_.spawn(serve(std::prev(connections_.end())));
        });
    signals_.async_wait([this](const boost::system::error_code& error, int /*signal*/) {
      if (!error) {
        stop();
      }
    });
  }

 private:
  using Place = std::list<std::unique_ptr<Connection>>::iterator;

  net::Task<> serve(Place place) {
    co_await (*place)->run();
    worker_.post([this, place] {  // not on the stack of what woke it
      connections_.erase(place);
      stop_if_idle();
    });
  }

  void stop() {
    stopping_ = true;
    listener_->close();
    for (const std::unique_ptr<Connection>& connection : connections_) {
      connection->cancel();
    }
    stop_if_idle();
  }

  void stop_if_idle() {
    if (stopping_ && connections_.empty()) {
      worker_.stop();
    }
  }

  net::Worker& worker_;
  Engine engine_;
  Counts counts_;
  boost::asio::signal_set signals_;
  std::unique_ptr<net::Listener> listener_;
  std::list<std::unique_ptr<Connection>> connections_;
  bool stopping_ = false;
};

// Renamed into place: whoever waits for the file never sees a part of it.
bool write_ready_file(const std::string& path, const std::string& url) {
  const std::string unfinished = path + ".new";
  std::ofstream file(unfinished, std::ios::trunc);
  file << R"({"listen":[")" << url << "\"]}\n";
  file.close();
  return file.good() && std::rename(unfinished.c_str(), path.c_str()) == 0;
}

// What a provider of this dialect has before the dialect's paths: the base_url of settings.
std::string_view base_of(std::string_view dialect) {
  if (dialect == "gemini") {
    return "/v1beta";
  }
  if (dialect == "anthropic_vertex") {
    return "/v1/projects/demo/locations/global";
  }
  return dialect.starts_with("openai") || dialect == "anthropic_messages" ? "/v1" : "";
}

}  // namespace

int run_simulator(const SimulatorOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  auto socket =
      net::ListenSocket::open({.address = options.address, .port = options.port, .unix_path = {}},
                              net::PortSharing::Exclusive);
  if (!socket) {
    std::cerr << "waybill simulate: " << socket.error().detail() << '\n';
    return 1;
  }
  const bool is_ipv6 = options.address.find(':') != std::string::npos;
  const std::string url = "http://" + (is_ipv6 ? "[" + options.address + "]" : options.address) +
                          ":" + std::to_string(socket->port());
  net::Worker worker(0);
  Service service(worker, options.engine);
  service.listen(std::move(*socket));
  if (!options.ready_file.empty() && !write_ready_file(options.ready_file, url)) {
    std::cerr << "waybill simulate: cannot write the ready file " << options.ready_file << '\n';
    return 1;
  }
  std::cout << "A simulated provider listens on " << url << base_of(options.dialect) << '\n'
            << std::flush;
  worker.run();
  return 0;
}

}  // namespace waybill::app
