#include <algorithm>
#include <optional>
#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/base/url.hpp"

#include "bind_policy.hpp"
#include "binder.hpp"
#include "expand.hpp"
#include "reading.hpp"

namespace waybill::config {
namespace {

AuthSettings bind_auth(const Node& provider) {
  AuthSettings out;
  const Node* node = member(&provider, "auth");
  if (node == nullptr) {
    return out;
  }
  if (node->kind == NodeKind::Map) {
    out = {.header = {}, .prefix = {}};
    read(node, "header", out.header);
    read(node, "prefix", out.prefix);
  } else if (node->text == "none") {
    out = {.header = {}, .prefix = {}};
  } else if (node->text != "bearer") {
    out = {.header = node->text, .prefix = {}};  // the choice is the header's name
  }
  return out;
}

QuirkSettings bind_quirks(const Node& provider) {
  QuirkSettings out;
  const Node* node = member(&provider, "quirks");
  read_choice(node, "stream_usage", {"asked", "always", "never"}, out.stream_usage);
  read(node, "usage_envelope", out.usage_envelope);
  read_choice(node, "cached_tokens", {"in_prompt", "beside_prompt"}, out.cached_tokens);
  read_choice(node, "reasoning_tokens", {"by_total", "in_completion", "beside_completion"},
              out.reasoning_tokens);
  read(node, "max_tokens_member", out.max_tokens_member);
  read(node, "reasoning_member", out.reasoning_member);
  read(node, "cache_member", out.cache_member);
  return out;
}

std::vector<std::uint16_t> bind_statuses(const Node& provider, std::string_view key) {
  std::vector<std::uint16_t> out;
  if (const Node* node = member(&provider, key)) {
    for (const Node& item : node->items) {
      const auto value = parse_integer(item.text);
      if (!item.faulty && value) {
        out.push_back(static_cast<std::uint16_t>(*value));
      }
    }
  }
  return out;
}

bool is_this_machine(const Url& url) {
  if (url.host_kind == HostKind::Name) {
    return url.host == "localhost" || url.host.ends_with(".localhost");
  }
  const auto kind = classify_address(url.host);
  return kind && *kind == AddressKind::Loopback;
}

// Fields that commonly carry a credential.
bool is_credential(std::string_view name) noexcept {
  static constexpr std::string_view kNames[]{"authorization", "proxy-authorization", "x-api-key",
                                             "api-key",       "x-goog-api-key",      "cookie"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view each) { return iequals(each, name); });
}

// Whether a value comes from the environment or from a file, as secrets do.
bool refers_to_secrets(const Node* headers) noexcept {
  return headers != nullptr && std::any_of(headers->items.begin(), headers->items.end(),
                                           [](const Node& value) { return value.referenced; });
}

// Headers of the preset's or the user's own, and a warning where a credential is
// written out.
std::vector<Header> bind_headers(const Node& provider, Report& report) {
  std::vector<Header> out;
  const Node* node = member(&provider, "headers");
  if (node == nullptr) {
    return out;
  }
  for (std::size_t i = 0; i < node->keys.size(); ++i) {
    const Node& value = node->items[i];
    const std::string& name = node->keys[i].text;
    if (value.faulty) {
      continue;
    }
    static constexpr std::string_view kOwned[]{"host",
                                               "content-length",
                                               "transfer-encoding",
                                               "connection",
                                               "content-type",
                                               "accept",
                                               "accept-encoding",
                                               "expect",
                                               "upgrade",
                                               "te",
                                               "trailer",
                                               "keep-alive"};
    const bool owned = std::any_of(std::begin(kOwned), std::end(kOwned),
                                   [&](std::string_view taken) { return iequals(taken, name); });
    const bool twice = std::any_of(
        out.begin(), out.end(), [&](const Header& header) { return iequals(header.name, name); });
    if (owned || twice) {
      report.fault(node->keys[i].at,
                   "headers: '" + printable(name) +
                       (owned ? "' is set by Waybill itself" : "' is given twice"),
                   "remove it");
      continue;
    }
    if (!value.referenced && is_credential(name)) {
      report.warn_of_credential(value.at, "headers");
    }
    out.push_back({.name = name, .value = Secret(value.text)});
  }
  return out;
}

}  // namespace

void Binder::bind_provider(const Key& key, const Node& node) {
  if (node.kind != NodeKind::Map || node.faulty) {
    broken_providers_.push_back(key.text);
    return;
  }
  const Definition definition{.at = key.at, .index = settings_.providers.size()};
  const auto [first, is_new] = providers_.try_emplace(key.text, definition);
  if (!is_new) {
    const Position other = report_.position(first->second.at);
    if (other.file != report_.position(key.at).file) {  // within a file the key itself is a fault
      report_.fault(key.at,
                    "provider '" + printable(key.text) + "' is defined twice, first at " +
                        other.file + ":" + std::to_string(other.line),
                    "rename one of them");
    }
    return;
  }
  ProviderSettings out;
  out.at = report_.position(key.at);
  out.name = key.text;
  out.display_name = key.text;
  out.dialect = "openai_chat";
  read(&node, "preset", out.preset);
  read(&node, "display_name", out.display_name);
  read(&node, "base_url", out.base_url);
  read(&node, "dialect", out.dialect);
  out.auth = bind_auth(node);
  out.headers = bind_headers(node, report_);
  out.data_policy = bind_policy(member(&node, "data_policy"));
  read_path(node, "ca_file", out.ca_file);
  bind_proxy(node, out);
  read(&node, "allow_plain_http", out.allow_plain_http);
  read_integer(&node, "max_connections", out.max_connections);
  read_integer(&node, "queue", out.queue);
  read_timeouts(&node, "timeouts", out.timeouts);
  out.quirks = bind_quirks(node);
  out.retry_on = bind_statuses(node, "retry_on");
  out.final_on = bind_statuses(node, "final_on");
  bind_key(node, out);
  check_key_given_once(node, out);
  check_plain_http(node, out);
  settings_.providers.push_back(std::move(out));
}

// A path is relative to the file that names it.
void Binder::read_path(const Node& node, std::string_view name, std::string& out) {
  read(&node, name, out);
  if (!out.empty()) {
    out = join_path(folder_of(report_.file_name(node.find(name)->at)), out);
  }
}

void Binder::bind_proxy(const Node& node, ProviderSettings& provider) {
  read(&node, "proxy", provider.proxy);
  read(&node, "proxy_credentials", provider.proxy_credentials);
  read_path(node, "proxy_ca_file", provider.proxy_ca_file);
  const Node* const credentials = node.find("proxy_credentials");
  for (const std::string_view name : {"proxy_credentials", "proxy_ca_file"}) {
    if (node.find(name) != nullptr && node.find("proxy") == nullptr) {
      report_.fault(node.find(name)->at, std::string(name) + ": no proxy is named",
                    "write proxy: http://host:port, or remove it");
    }
  }
  if (credentials == nullptr || credentials->faulty) {
    return;
  }
  if (provider.proxy_credentials.reveal().find(':') == std::string_view::npos) {
    report_.fault(credentials->at, "proxy_credentials: there is no ':' in it",
                  "write user:password");
  }
  if (!credentials->referenced) {
    report_.warn_of_credential(credentials->at, "proxy_credentials");
  }
}

void Binder::bind_key(const Node& node, ProviderSettings& provider) {
  const Node* given = node.find("api_key");
  if (given != nullptr) {
    read(&node, "api_key", provider.api_key);
    if (!given->faulty && !given->referenced && !report_.is_stand_in(given->at)) {
      report_.warn_of_credential(given->at, "api_key");
    }
    return;
  }
  std::string variable;
  read(&node, "api_key_env", variable);
  if (variable.empty() || provider.auth.header.empty()) {
    return;
  }
  const auto value = environment_.get(variable);
  const bool usable =
      value && !value->empty() &&
      std::all_of(value->begin(), value->end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  if (usable) {
    provider.api_key = Secret(*value);
    return;
  }
  const std::string why = !value           ? "is not set"
                          : value->empty() ? "is empty"
                                           : "holds characters that no header may have";
  const Mark at = node.find("api_key_env")->at;
  report_.fault(at, "no api_key, and the environment variable " + printable(variable) + " " + why,
                "set it, write api_key: \"${env:NAME}\", or auth: none");
}

// A provider may take either of two keys for the one that counts.
void Binder::check_key_given_once(const Node& node, const ProviderSettings& provider) {
  const Node* const headers = member(&node, "headers");
  if (headers == nullptr || provider.api_key.empty() || provider.auth.header.empty()) {
    return;
  }
  for (const Key& key : headers->keys) {
    if (iequals(key.text, provider.auth.header)) {
      report_.fault(key.at, "headers: '" + printable(key.text) + "' is set from api_key already",
                    "remove it, or write auth: none");
    }
  }
}

// A key over plain http can be read by everybody on the way.
void Binder::check_plain_http(const Node& node, const ProviderSettings& provider) {
  const auto url = parse_base_url(provider.base_url);
  if (provider.base_url.empty() || !url || url->scheme != UrlScheme::Http ||
      provider.allow_plain_http || is_this_machine(*url)) {
    return;
  }
  const bool sends_key =
      (!provider.api_key.empty() && !provider.auth.header.empty()) ||
      std::any_of(provider.headers.begin(), provider.headers.end(),
                  [](const Header& header) { return is_credential(header.name); }) ||
      refers_to_secrets(member(&node, "headers"));
  if (sends_key) {
    report_.fault(node.find("base_url")->at,
                  "base_url: the key would travel over plain http to " + printable(url->host),
                  "write https://, or allow_plain_http: true if the network is yours");
  }
}

}  // namespace waybill::config
