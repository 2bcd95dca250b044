// The command line of `waybill simulate`.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace waybill::app {

// The command line as typed.
struct SimulateArguments {
  std::string listen = "127.0.0.1:9001";
  std::string dialect = "openai_chat";
  std::string ttft = "0ms";
  std::string usage = "asked";
  std::string canned;
  std::string ready_file;
  std::string api_key;
  std::string aws_access_key;
  std::string aws_secret_key;
  double rate = 0;
  std::size_t tokens = 0;  // 0: the text ends by itself
  std::size_t chunk_tokens = 1;
  std::uint64_t seed = 1;
  std::vector<std::string> faults;
};

// Adds the subcommand to `app`.  When it is called it runs to its end and puts the
// exit code into `status`: 0 done, 1 failed, 2 the call is wrong.
//
// Lifetime: `arguments` and `status` must outlive app.parse().
void add_simulate_command(CLI::App& app, SimulateArguments& arguments, int& status);

}  // namespace waybill::app
