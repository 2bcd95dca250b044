#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "waybill/base/text.hpp"
#include "waybill/catalog/presets.hpp"
#include "waybill/config/load.hpp"

#include "command_support.hpp"
#include "commands.hpp"
#include "system_inputs.hpp"

namespace waybill::app {
namespace {

// Where local servers listen unless told otherwise; each lists its models at
// GET /v1/models as OpenAI does.
struct LocalServer {
  const char* preset;
  const char* title;
  std::uint16_t port;
};
constexpr std::array kLocalServers{
    LocalServer{"ollama", "Ollama", 11434},
    LocalServer{"llamacpp", "llama.cpp", 8080},
    LocalServer{"vllm", "vLLM", 8000},
    LocalServer{"lmstudio", "LM Studio", 1234},
};
constexpr std::uint16_t kSimulatorPort = 9001;

// What a settings file for one provider says, as far as it has been found out.
struct Found {
  std::string provider;
  std::string settings;
  std::vector<std::string> models;
};

std::string json_quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::vector<std::string> list_models(std::uint16_t port) {
  std::vector<std::string> out;
  const auto answer = http_get("127.0.0.1", port, "/v1/models");
  if (!answer || answer->status != 200) {
    return out;
  }
  const auto body = nlohmann::json::parse(answer->body, nullptr, false);
  if (!body.is_object() || !body.contains("data") || !body["data"].is_array()) {
    return out;
  }
  for (const auto& model : body["data"]) {
    if (model.is_object() && model.contains("canonical_slug")) {
      return {};  // a router of OpenRouter's kind, most likely Waybill itself
    }
    if (model.is_object() && model.contains("id") && model["id"].is_string()) {
      out.push_back(model["id"].get<std::string>());
    }
  }
  return out;
}

std::string free_models(const std::string& provider, const std::vector<std::string>& models) {
  std::string out = "models:\n";
  for (const std::string& model : models) {
    std::string id = provider;
    id.append("/").append(model);
    out.append("  ").append(json_quoted(id));
    out.append(":\n    endpoints: [ { provider: ").append(provider);
    out.append(", upstream_model: ").append(json_quoted(model)).append(", price: free } ]\n");
  }
  return out;
}

Found local_server(const LocalServer& server) {
  Found found;
  found.models = list_models(server.port);
  if (!found.models.empty()) {
    found.provider = server.preset;
    found.settings = "providers:\n  " + found.provider + ": { preset: " + found.provider +
                     ", base_url: \"http://127.0.0.1:" + std::to_string(server.port) + "/v1\" }\n" +
                     free_models(found.provider, found.models);
  }
  return found;
}

bool write_settings(const std::string& folder, const Found& found) {
  std::ofstream out(folder + "/" + found.provider + ".yaml", std::ios::trunc);
  out << "# Written by 'waybill quickstart'; the next call writes it again.\n" << found.settings;
  return static_cast<bool>(out.flush());
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < 4; ++i) {
    out += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > 4 ? out + " and " + std::to_string(names.size() - 4) + " more" : out;
}

// Providers whose key is in the environment and whose prices stand in a file of
// `models_folder`; a model whose price nobody knows is never offered.
std::vector<Found> keyed_providers(const std::string& models_folder) {
  std::vector<Found> out;
  SystemFiles files;
  const ProcessEnvironment environment;
  const catalog::Presets presets;
  const config::Inputs inputs{files, environment, presets};
  for (const std::string_view name : presets.names()) {
    const config::LoadedPreset preset = config::load_preset(std::string(name), inputs);
    const std::string& variable = preset.preset.api_key_env;
    if (variable.empty() || environment.get(variable).value_or("").empty()) {
      continue;
    }
    const auto prices = files.read(models_folder + "/" + std::string(name) + ".yaml", 1U << 20U);
    if (!prices) {
      std::printf(
          "             found %s, but no prices for %s: add its models to the settings "
          "(docs/settings.md)\n",
          variable.c_str(), std::string(name).c_str());
      continue;
    }
    std::printf("             found %s → %s\n", variable.c_str(), std::string(name).c_str());
    Found found;
    found.provider = name;
    found.settings = "providers:\n  " + found.provider + ": { preset: " + found.provider + " }\n" +
                     prices->bytes;
    out.push_back(std::move(found));
  }
  return out;
}

}  // namespace

int quickstart(const std::string& state_folder, const std::string& models_folder) {
  const std::string folder = state_folder + "/providers";
  ::mkdir(state_folder.c_str(), 0700);
  ::mkdir(folder.c_str(), 0700);
  std::printf("  providers\n");
  std::vector<Found> all = keyed_providers(models_folder);
  for (const LocalServer& server : kLocalServers) {
    Found found = local_server(server);
    if (!found.provider.empty()) {
      std::printf("             found %s on :%u → %s (%s)\n", server.title, unsigned{server.port},
                  found.provider.c_str(), joined(found.models).c_str());
      all.push_back(std::move(found));
    }
  }
  const bool simulate = all.empty();
  if (simulate) {
    Found demo;
    demo.provider = "simulator";
    demo.settings = "providers:\n  simulator: { base_url: \"http://127.0.0.1:" +
                    std::to_string(kSimulatorPort) +
                    "/v1\", dialect: openai_chat, display_name: Simulator }\n"
                    "models:\n  demo/storyteller:\n    context_length: 128000\n    endpoints:\n"
                    "      - { provider: simulator, upstream_model: storyteller, price: { unit: "
                    "usd_per_million_tokens, prompt: \"0.15\", completion: \"0.60\" } }\n";
    all.push_back(std::move(demo));
    std::printf("             nothing found; the simulator answers for demo/* models\n");
  }
  for (const Found& found : all) {
    if (!write_settings(folder, found)) {
      return fail(Error(ErrorKind::Unavailable, "state_unwritable",
                        "The folder " + folder + " cannot be written."));
    }
  }
  if (simulate) {
    std::printf("simulator 127.0.0.1:%u\n", unsigned{kSimulatorPort});
  }
  return 0;
}

}  // namespace waybill::app
