#include "engine.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "waybill/base/text.hpp"

#include "access.hpp"
#include "chat.hpp"
#include "conversation.hpp"
#include "dialect_replies.hpp"
#include "embedding.hpp"
#include "replacement.hpp"
#include "wording.hpp"

namespace waybill::app::simulator {
namespace {

constexpr std::size_t kMostRemembered = 10'000;
constexpr std::size_t kDefaultDimensions = 256;
constexpr std::size_t kMostDimensions = 4'096;
constexpr std::size_t kMostInputs = 2'048;
constexpr std::string_view kCannedVoice = "canned";

constexpr std::array<std::string_view, 6> kModels{"storyteller", "echo",   "counter",
                                                  "lorem",       "canned", "embedder"};

Reply refuse(std::string message) {
  return error_reply({.status = 400,
                      .type = "invalid_request_error",
                      .code = "invalid_request_error",
                      .message = std::move(message)});
}

Reply models_reply() {
  Reply reply;
  reply.body = R"({"object":"list","data":[)";
  for (const std::string_view model : kModels) {
    reply.body += model == kModels.front() ? "" : ",";
    reply.body += R"({"id":")";
    reply.body.append(model).append(
        R"(","object":"model","created":1767225600,"owned_by":"simulator"})");
  }
  reply.body += "]}";
  return reply;
}

std::string echoed(const Request& request, Echo echo) {
  if (echo == Echo::Body) {
    return std::string(request.body);
  }
  std::string text = "{";
  for (const auto& [name, value] : request.headers) {
    text += text.size() == 1 ? "" : ",";
    append_json_string(text, name);
    text += ":";
    append_json_string(text, value);
  }
  return text + "}";
}

// --- embeddings ------------------------------------------------------------------

// Texts as they are, token arrays by their numbers' text.
std::vector<std::string> inputs_of(const Json& body) {
  std::vector<std::string> inputs;
  const Json* input = member_of(body, "input");
  if (input == nullptr) {
    return inputs;
  }
  const auto dumped = [](const Json& value) {
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  const bool many = input->is_array() && !input->empty() && !input->front().is_number();
  if (!many) {
    inputs.push_back(dumped(*input));
    return inputs;
  }
  for (const Json& one : *input) {
    inputs.push_back(dumped(one));
  }
  return inputs;
}

std::string numbers(const std::vector<float>& vector) {
  return Json(vector).dump();
}

Reply embeddings_reply(const Json& body, std::string_view model, const Behaviour& behaviour) {
  const std::vector<std::string> inputs = inputs_of(body);
  const Json* wanted = member_of(body, "dimensions");
  std::size_t dimensions = kDefaultDimensions;
  if (wanted != nullptr) {
    dimensions = wanted->is_number_unsigned() ? wanted->get<std::size_t>() : 0;
  }
  if (inputs.empty() || inputs.size() > kMostInputs) {
    return refuse("input is a text, an array of 1 to 2048 texts, or tokens.");
  }
  if (dimensions == 0 || dimensions > kMostDimensions) {
    return refuse("dimensions is a whole number from 1 to 4096.");
  }
  const bool base64 = text_of(member_of(body, "encoding_format")) == "base64";
  std::size_t tokens = 0;
  Reply reply;
  reply.wait = behaviour.ttft;
  reply.body = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    tokens += pieces(inputs[i]).size();
    const std::vector<float> vector = embed(inputs[i], dimensions);
    reply.body +=
        (i == 0 ? R"({"object":"embedding","index":)" : R"(,{"object":"embedding","index":)") +
        std::to_string(i) + R"(,"embedding":)";
    reply.body += base64 ? "\"" + to_base64(vector) + "\"" : numbers(vector);
    reply.body += "}";
  }
  reply.body += R"(],"model":)";
  append_json_string(reply.body, model);
  if (behaviour.usage != UsageReport::Never) {
    reply.body += R"(,"usage":{"prompt_tokens":)" + std::to_string(tokens) + R"(,"total_tokens":)" +
                  std::to_string(tokens) + "}";
  }
  reply.body += "}";
  return reply;
}

// --- canned ----------------------------------------------------------------------

// The value of the first `"model":"…"` in a body, without parsing it: a benchmark's
// body has it where it seems to be.
std::string_view model_in(std::string_view body) {
  constexpr std::string_view kMember = "\"model\"";
  std::size_t at = body.find(kMember);
  if (at == std::string_view::npos) {
    return {};
  }
  at = body.find_first_not_of(" :", at + kMember.size());
  if (at == std::string_view::npos || body[at] != '"') {
    return {};
  }
  const std::size_t end = body.find('"', at + 1);
  return end == std::string_view::npos ? std::string_view{} : body.substr(at + 1, end - at - 1);
}

bool streams(std::string_view body) {
  return body.find("\"stream\":true") != std::string_view::npos ||
         body.find("\"stream\": true") != std::string_view::npos;
}

// A chat completion whose body is as long as asked for.
std::string canned_body(std::size_t bytes) {
  const auto with_text = [](std::string_view text) {
    return R"({"id":"chatcmpl-canned","object":"chat.completion","created":1767225600,"model":"canned",)"
           R"("system_fingerprint":"fp_simulator","choices":[{"index":0,"message":{"role":"assistant",)"
           R"("content":")" +
           std::string(text) +
           R"("},"logprobs":null,"finish_reason":"stop"}],)"
           R"("usage":{"prompt_tokens":120,"completion_tokens":80,"total_tokens":200}})";
  };
  const std::size_t frame = with_text("").size();
  std::string text;
  const std::size_t wanted = bytes > frame ? bytes - frame : 0;
  for (const std::string& piece :
       write_answer({.voice = "storyteller", .prompt = "canned", .tokens = wanted + 1})) {
    text += piece;
    if (text.size() >= wanted) {
      break;
    }
  }
  text.resize(wanted);
  return with_text(text);
}

}  // namespace

Engine::Engine(EngineOptions options) : options_(std::move(options)) {}

ScriptPtr Engine::answer(const Request& request) {
  ++requests_;
  const auto dialect = find_route(request.path, request.query);
  const DialectRoute* const route_of = dialect ? &*dialect : nullptr;
  if (route_of == nullptr) {
    if (ScriptPtr script = canned(request)) {
      return script;
    }
  }
  std::vector<Fault> faults;
  auto refusal = refuse_stranger(options_, request, route_of);
  const Reply reply = refusal   ? *std::move(refusal)
                      : dialect ? speak(request, *dialect, faults)
                                : route(request, faults);
  const std::optional<Reply> other = replaced(faults, reply, route_of);
  return std::make_shared<const Script>(render(other ? *other : reply, faults, request.framing));
}

// Nothing unless the request is for a canned answer.
ScriptPtr Engine::canned(const Request& request) {
  if (request.method != "POST" || !options_.api_key.empty()) {
    return nullptr;
  }
  const std::string_view model = model_in(request.body);
  const bool streamed = streams(request.body);
  const bool from_file = !options_.canned_body.empty() && !streamed;
  if (!from_file && !model.starts_with(kCannedVoice)) {
    return nullptr;
  }
  std::string key(streamed ? "s" : "w");
  key += request.framing == Framing::Chunked ? "c" : "u";
  key.append(from_file ? std::string_view{} : model);
  if (const auto found = canned_.find(key); found != canned_.end()) {
    return found->second;
  }
  const std::size_t mark = from_file ? std::string_view::npos : model.find('?');
  const auto behaviour =
      apply_directives(options_.behaviour, mark == std::string_view::npos ? std::string_view{}
                                                                          : model.substr(mark + 1));
  if (!behaviour || !behaviour->faults.empty()) {
    return nullptr;  // the ordinary way draws the faults, or names the mistake
  }
  Reply reply{.wait = behaviour->ttft};
  if (streamed) {
    const Json body{{"stream", true}, {"stream_options", {{"include_usage", true}}}};
    reply = ::waybill::app::simulator::answer({.model = std::string(model),
                                               .voice = "storyteller",
                                               .id = "chatcmpl-canned",
                                               .created = 1767225600},
                                              body, *behaviour);
  } else {
    reply.body = from_file ? options_.canned_body : canned_body(behaviour->bytes);
  }
  if (canned_.size() >= kMostRemembered) {
    canned_.clear();
  }
  return canned_[key] = std::make_shared<const Script>(render(reply, {}, request.framing));
}

Reply Engine::route(const Request& request, std::vector<Fault>& faults) {
  std::string_view path = request.path;
  path.remove_prefix(path.starts_with("/v1/") ? 3 : 0);
  if (path == "/models" && request.method == "GET") {
    return models_reply();
  }
  const bool generates =
      path == "/chat/completions" || path == "/completions" || path == "/embeddings";
  if (!generates) {
    return error_reply({.status = 404,
                        .type = "invalid_request_error",
                        .code = "unknown_url",
                        .message = "Unknown request URL: " + printable(request.path) +
                                   ". The simulator serves /v1/chat/completions, /v1/completions, "
                                   "/v1/embeddings and /v1/models."});
  }
  if (request.method != "POST") {
    Reply reply = error_reply({.status = 405,
                               .type = "invalid_request_error",
                               .code = "method_not_supported",
                               .message = "Only POST requests are accepted here."});
    reply.fields = "Allow: POST\r\n";
    return reply;
  }
  return generate(request, path, faults);
}

Reply Engine::generate(const Request& request, std::string_view path, std::vector<Fault>& faults) {
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) {
    return refuse("The body is no JSON object.");
  }
  const std::string model = text_of(member_of(body, "model"));
  if (model.empty()) {
    return refuse("You must provide a model parameter.");
  }
  const std::size_t mark = model.find('?');
  const std::string_view name(model);
  const auto behaviour =
      apply_directives(options_.behaviour, mark == std::string::npos ? "" : name.substr(mark + 1));
  if (!behaviour) {
    return refuse(behaviour.error().detail());
  }
  faults = draw(*behaviour, name);
  if (path == "/embeddings") {
    return embeddings_reply(body, name, *behaviour);
  }
  const bool is_chat = path == "/chat/completions";
  const Json* messages = member_of(body, "messages");
  if (is_chat && (messages == nullptr || !messages->is_array() || messages->empty())) {
    return refuse("messages is an array of at least one message.");
  }
  Asked asked = ask(request, name, *behaviour);
  asked.endpoint = is_chat ? Endpoint::Chat : Endpoint::Completion;
  asked.id.insert(0, is_chat ? "chatcmpl-" : "cmpl-");
  return ::waybill::app::simulator::answer(asked, body, *behaviour);
}

// What an answer needs; its id has no prefix yet.
Asked Engine::ask(const Request& request,
                  std::string_view model,
                  const Behaviour& behaviour) const {
  Random random = random_of_request();
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  Asked asked{.model = std::string(model), .voice = model.substr(0, model.find('?'))};
  for (int i = 0; i < 24; ++i) {
    asked.id += kDigits[random.below(kDigits.size())];
  }
  asked.created = std::chrono::floor<std::chrono::seconds>(request.now).time_since_epoch().count();
  if (behaviour.echo != Echo::Nothing) {
    asked.echoed = echoed(request, behaviour.echo);
  }
  return asked;
}

// The answer in a dialect other than OpenAI's chat.
Reply Engine::speak(const Request& request, const DialectRoute& route, std::vector<Fault>& faults) {
  const auto refuse_here = [&route](std::string message) {
    return error_reply(route.family, {.status = 400,
                                      .type = "invalid_request_error",
                                      .code = "invalid_request_error",
                                      .message = std::move(message)});
  };
  if (request.method != "POST") {
    Reply reply = refuse_here("Only POST requests are accepted here.");
    reply.status = 405;
    reply.fields += "Allow: POST\r\n";
    return reply;
  }
  const auto wanted = read_request(route, request.body);
  if (!wanted) {
    return refuse_here(wanted.error().detail());
  }
  const std::string model = text_of(member_of(wanted->chat, "model"));
  if (model.empty()) {
    return refuse_here("model: Field required");
  }
  const std::string_view name(model);
  const std::size_t mark = name.find('?');
  const auto behaviour = apply_directives(
      options_.behaviour, mark == std::string_view::npos ? "" : name.substr(mark + 1));
  if (!behaviour) {
    return refuse_here(behaviour.error().detail());
  }
  faults = draw(*behaviour, name);
  return answer_in(route, ask(request, name, *behaviour), *wanted, *behaviour);
}

// Mixed once more: states that differ by a multiple of the generator's step would give
// the same numbers, shifted.
Random Engine::random_of_request() const noexcept {
  Random mixer(options_.behaviour.seed);
  return Random(mixer.next() ^ (requests_ << 20U));
}

// The faults in force for one request.
std::vector<Fault> Engine::draw(const Behaviour& behaviour, std::string_view model) {
  if (behaviour.times) {
    if (times_.size() >= kMostRemembered) {
      times_.clear();
    }
    if (++times_[std::string(model)] > *behaviour.times) {
      return {};
    }
  }
  Random random = random_of_request();
  std::vector<Fault> faults;
  for (const Fault& fault : behaviour.faults) {
    if (random.unit() < fault.probability) {
      faults.push_back(fault);
    }
  }
  return faults;
}

}  // namespace waybill::app::simulator
