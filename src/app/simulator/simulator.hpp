// `waybill simulate`: the simulated provider on a socket.

#pragma once

#include <cstdint>
#include <string>

#include "engine.hpp"

namespace waybill::app {

struct SimulatorOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6 literal
  std::uint16_t port = 9001;          // 0: the system picks one
  std::string dialect;                // of the printed hint
  std::string ready_file;             // written as {"listen":["http://…"]}; empty: none
  simulator::EngineOptions engine;
};

// Serves until SIGINT or SIGTERM.  Gives the process's exit code: 0 after a signal,
// 1 if it cannot listen or write the ready file.
//
// GET /simulator/counts tells tests what happened:
//   {"requests":3,"open":1,"client_gone":1}
int run_simulator(const SimulatorOptions& options);

}  // namespace waybill::app
