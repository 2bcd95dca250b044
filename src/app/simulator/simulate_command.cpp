#include "simulate_command.hpp"

#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>

#include "process_setup.hpp"
#include "simulator.hpp"

namespace waybill::app {
namespace {

Error wrong_option(std::string sentence) {
  return Error(ErrorKind::InvalidRequest, "invalid_option", std::move(sentence));
}

// "127.0.0.1:9001", "[::1]:0".
Result<void> read_listen(const std::string& text, SimulatorOptions& options) {
  const std::size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size()) {
    return wrong_option("--listen is ADDRESS:PORT, for example 127.0.0.1:9001 or [::1]:0.");
  }
  options.address = text.substr(0, colon);
  if (options.address.starts_with('[') && options.address.ends_with(']')) {
    options.address = options.address.substr(1, options.address.size() - 2);
  }
  return {};
}

Result<SimulatorOptions> to_options(const SimulateArguments& arguments) {
  SimulatorOptions options;
  const auto listen = read_listen(arguments.listen, options);
  if (!listen) {
    return listen.error();
  }
  options.ready_file = arguments.ready_file;
  options.dialect = arguments.dialect;
  options.engine.api_key = arguments.api_key;
  if (arguments.aws_access_key.empty() != arguments.aws_secret_key.empty()) {
    return wrong_option("--aws-access-key and --aws-secret-key belong together.");
  }
  options.engine.aws_access_key = arguments.aws_access_key;
  options.engine.aws_secret_key = arguments.aws_secret_key;
  simulator::Behaviour& behaviour = options.engine.behaviour;
  const auto ttft = simulator::parse_duration(arguments.ttft);
  if (!ttft) {
    return ttft.error();
  }
  const auto usage = simulator::parse_usage(arguments.usage);
  if (!usage) {
    return usage.error();
  }
  behaviour.ttft = *ttft;
  behaviour.usage = *usage;
  behaviour.rate = arguments.rate;
  behaviour.chunk_tokens = arguments.chunk_tokens;
  behaviour.seed = arguments.seed;
  if (arguments.tokens > 0) {
    behaviour.tokens = arguments.tokens;
  }
  for (const std::string& text : arguments.faults) {
    const auto fault = simulator::parse_fault(text);
    if (!fault) {
      return fault.error();
    }
    behaviour.faults.push_back(*fault);
  }
  if (!arguments.canned.empty()) {
    std::ifstream file(arguments.canned, std::ios::binary);
    options.engine.canned_body.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || options.engine.canned_body.empty()) {
      return wrong_option("The file of --canned cannot be read, or is empty.");
    }
  }
  return options;
}

int simulate(const SimulateArguments& arguments) {
  const auto options = to_options(arguments);
  if (!options) {
    std::cerr << "waybill simulate: " << options.error().detail() << '\n';
    return 2;
  }
  raise_file_limit();
  return run_simulator(*options);
}

}  // namespace

void add_simulate_command(CLI::App& app, SimulateArguments& arguments, int& status) {
  CLI::App* const command = app.add_subcommand(
      "simulate", "A provider without a model behind it, for trying out, tests and benchmarks");
  command->add_option("--listen", arguments.listen, "ADDRESS:PORT; port 0 picks a free one")
      ->capture_default_str();
  command
      ->add_option("--dialect", arguments.dialect,
                   "The wire format of the printed example; all of them are spoken at once")
      ->check(CLI::IsMember({"openai_chat", "openai_responses", "anthropic_messages",
                             "anthropic_bedrock", "anthropic_vertex", "gemini", "bedrock_converse",
                             "cohere_chat", "ollama_chat", "ollama_generate"}))
      ->capture_default_str();
  command->add_option("--ttft", arguments.ttft, "Time to the first token, e.g. 200ms")
      ->capture_default_str();
  command->add_option("--rate", arguments.rate, "Tokens a second; 0 is as fast as possible")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  command->add_option("--tokens", arguments.tokens,
                      "Length of an answer; without it the text ends by itself");
  command->add_option("--chunk-tokens", arguments.chunk_tokens, "Tokens in one event")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--usage", arguments.usage, "always, asked or never")->capture_default_str();
  command->add_option("--seed", arguments.seed, "The same seed gives the same answers")
      ->capture_default_str();
  command->add_option(
      "--fault", arguments.faults,
      "KIND[=ARGUMENT][@PROBABILITY]; repeat for more.  status=CODE, retry-after=S, reset, "
      "reset-after=N, stall-after=N, truncate-after=N, malformed-after=N, error-event-after=N, "
      "no-done, empty-body, html-body, error-200, no-choices, slow-bytes[=DURATION]");
  command->add_option("--canned", arguments.canned,
                      "A file that answers everything that is not streamed");
  command->add_option("--api-key", arguments.api_key,
                      "Refuse requests without this key, where their dialect puts keys");
  command->add_option("--aws-access-key", arguments.aws_access_key,
                      "Refuse requests to Bedrock that are not signed with this key id");
  command->add_option("--aws-secret-key", arguments.aws_secret_key, "The secret that goes with it");
  command->add_option("--ready-file", arguments.ready_file, "Written as JSON once it listens");
  command->footer(
      "The same can be said for one model, after a '?' in its name:\n"
      "  storyteller?ttft=200ms&rate=50&tokens=20\n"
      "  storyteller?status=503&retry_after=2&times=1   fails once, then works\n"
      "Models: storyteller, echo, counter, lorem, canned, embedder; any other name tells a story.");
  command->callback([&arguments, &status] { status = simulate(arguments); });
}

}  // namespace waybill::app
