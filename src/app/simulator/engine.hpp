// The simulated provider itself: requests in, scripts out.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "waybill/base/time.hpp"

#include "chat.hpp"
#include "dialect_routes.hpp"
#include "options.hpp"
#include "script.hpp"
#include "wording.hpp"

namespace waybill::app::simulator {

using Header = std::pair<std::string_view, std::string_view>;

// Views refer to what the caller holds during Engine::answer().
struct Request {
  std::string_view method;
  std::string_view path;
  std::string_view authorization;
  std::span<const Header> headers;
  std::string_view body;
  Framing framing = Framing::Chunked;
  WallTime now{};
  std::string_view query{};  // without '?'
};

struct EngineOptions {
  Behaviour behaviour;
  std::string api_key;      // empty: any key, or none, will do
  std::string canned_body;  // answers every POST of OpenAI's that is not streamed, if not empty
  // Where requests to Bedrock are to be signed: the keys that they are signed with.
  std::string aws_access_key{};
  std::string aws_secret_key{};
};

using ScriptPtr = std::shared_ptr<const Script>;

// OpenAI's API without a model behind it, and answers in the other dialects that
// find_route() knows.
//
// Deterministic: the same options and the same requests in the same order give the
// same scripts, up to the time in `created`.  Sans-I/O: a script is played by
// whoever has the socket.
//
// Models named `canned…` are for benchmarks: their body is not parsed, and their
// script is made once.
//
// Memory: one counter for each model name with `times`, one script for each canned
// name; both are forgotten when there are too many.
// Thread safety: none.
class Engine {
 public:
  explicit Engine(EngineOptions options);

  [[nodiscard]] ScriptPtr answer(const Request& request);

 private:
  ScriptPtr canned(const Request& request);
  Reply route(const Request& request, std::vector<Fault>& faults);
  Reply speak(const Request& request, const DialectRoute& route, std::vector<Fault>& faults);
  Asked ask(const Request& request, std::string_view model, const Behaviour& behaviour) const;
  Reply generate(const Request& request, std::string_view path, std::vector<Fault>& faults);
  [[nodiscard]] Random random_of_request() const noexcept;
  std::vector<Fault> draw(const Behaviour& behaviour, std::string_view model);

  EngineOptions options_;
  std::uint64_t requests_ = 0;
  std::unordered_map<std::string, std::size_t> times_;  // requests so far, by model name
  std::unordered_map<std::string, ScriptPtr> canned_;
};

}  // namespace waybill::app::simulator
