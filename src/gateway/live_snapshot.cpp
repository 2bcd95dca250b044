#include "waybill/gateway/live_snapshot.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "waybill/base/ascii.hpp"
#include "waybill/base/digest.hpp"
#include "waybill/base/text.hpp"
#include "waybill/http/message.hpp"
#include "waybill/http/server.hpp"

namespace waybill::gateway {
namespace {

// A forward proxy is told the whole address (RFC 9112 §3.2.2).
bool is_absolute(const catalog::Provider& provider) noexcept {
  return provider.proxy && provider.base_url.scheme == UrlScheme::Http;
}

Secret request_fields(const catalog::Provider& provider) {
  std::string head;
  http::append_field(head, "Host", provider.authority);
  if (is_absolute(provider) && !provider.proxy->authorization.empty()) {
    http::append_field(head, "Proxy-Authorization", provider.proxy->authorization.reveal());
  }
  if (!provider.auth_header.empty() && !provider.auth_value.empty()) {
    http::append_field(head, provider.auth_header, provider.auth_value.reveal());
  }
  for (const config::Header& header : provider.headers) {
    http::append_field(head, header.name, header.value.reveal());
  }
  head += "Content-Type: application/json\r\nAccept-Encoding: identity\r\n";
  const bool named = std::ranges::any_of(provider.headers, [](const config::Header& header) {
    return iequals(header.name, "user-agent");
  });
  head += named ? "" : "User-Agent: waybill\r\n";
  return Secret(std::move(head));
}

routing::Support support(std::optional<bool> said) noexcept {
  if (!said) {
    return routing::Support::Unknown;
  }
  return *said ? routing::Support::Yes : routing::Support::No;
}

std::optional<std::uint64_t> known(std::uint64_t tokens) noexcept {
  return tokens == 0 ? std::nullopt : std::optional(tokens);
}

routing::EndpointView view_of(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint) {
  routing::EndpointView view;
  view.index = endpoint.index;
  view.provider = catalog.provider_of(endpoint).name;
  view.context_length = known(endpoint.context_length);
  view.max_completion_tokens = known(endpoint.max_completion_tokens);
  view.tools = support(endpoint.capabilities.tools);
  view.images = support(endpoint.capabilities.images);
  view.audio = support(endpoint.capabilities.audio);
  view.structured_outputs = support(endpoint.capabilities.structured_outputs);
  view.reasoning = support(endpoint.capabilities.reasoning);
  view.prefill = support(endpoint.capabilities.prefill);
  view.streaming = support(endpoint.capabilities.streaming);
  view.dialect = catalog.provider_of(endpoint).dialect;
  if (const auto* const dialect = dialects::find_dialect(view.dialect)) {
    view.expresses = dialect->expresses;
  }
  return view;
}

using TrustByFile = std::map<std::string, std::shared_ptr<const net::TlsClientContext>>;

// Connections live as long as the context that they were made with (WorkerView).
TrustByFile trust_still_good(const LiveSnapshot* previous) {
  TrustByFile out;
  const auto keep = [&out](const std::string& file, const auto& context) {
    if (context && !out.contains(file) && context->is_current()) {
      out.emplace(file, context);
    }
  };
  for (std::size_t i = 0; previous != nullptr && i < previous->providers.size(); ++i) {
    const catalog::Provider& provider = previous->catalog().providers()[i];
    keep(provider.ca_file, previous->providers[i].tls);
    if (provider.proxy) {
      keep(provider.proxy->ca_file, previous->providers[i].proxy_tls);
    }
  }
  return out;
}

// Null for plain http.
Result<std::shared_ptr<const net::TlsClientContext>> trust_for(const Url& url,
                                                               const std::string& ca_file,
                                                               TrustByFile& trust) {
  if (url.scheme != UrlScheme::Https) {
    return std::shared_ptr<const net::TlsClientContext>();
  }
  auto& context = trust[ca_file];
  if (!context) {
    auto made = net::TlsClientContext::make(ca_file);
    if (!made) {
      return made.error();
    }
    context = std::move(*made);
  }
  return context;
}

// Tells connections apart that were opened with other settings.
std::string pool_name_of(const catalog::Provider& provider) {
  Url origin = provider.base_url;
  origin.path.clear();
  std::string name = origin.to_string() + " " + provider.ca_file + " " +
                     std::to_string(provider.max_connections) + " " +
                     std::to_string(provider.queue);
  if (provider.proxy) {
    name += " " + provider.proxy->url.to_string() + " " + provider.proxy->ca_file + " " +
            to_hex(sha256(provider.proxy->authorization.reveal()));
  }
  return name;
}

// What is known of a provider before the first request to it.
Result<ProviderLink> link_to(const catalog::Provider& provider, TrustByFile& trust) {
  ProviderLink link;
  link.dialect = dialects::find_dialect(provider.dialect);
  if (link.dialect == nullptr || link.dialect->encode_request == nullptr) {
    return Error(ErrorKind::InvalidRequest, "unknown_dialect",
                 "Provider '" + provider.name + "' is said to speak '" + provider.dialect +
                     "', which this program does not know.");
  }
  link.target = is_absolute(provider) ? provider.base_url.to_string() : provider.base_url.path;
  link.fields = request_fields(provider);
  auto tls = trust_for(provider.base_url, provider.ca_file, trust);
  if (!tls) {
    return tls.error();
  }
  link.tls = *std::move(tls);
  if (provider.proxy) {
    auto proxy_tls = trust_for(provider.proxy->url, provider.proxy->ca_file, trust);
    if (!proxy_tls) {
      return proxy_tls.error();
    }
    link.proxy_tls = *std::move(proxy_tls);
  }
  link.pool_name = pool_name_of(provider);
  return link;
}

// Pools that are kept over a reload go on with the places they have.
void share_places(std::vector<ProviderLink>& links,
                  const catalog::Catalog& catalog,
                  const LiveSnapshot* previous) {
  std::map<std::string_view, const ProviderLink*> known;
  for (std::size_t i = 0; previous != nullptr && i < previous->providers.size(); ++i) {
    known.emplace(previous->providers[i].pool_name, &previous->providers[i]);
  }
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto [found, is_new] = known.emplace(links[i].pool_name, &links[i]);
    if (is_new) {
      links[i].places = std::make_shared<http::Places>(catalog.providers()[i].max_connections);
      links[i].queue = std::make_shared<SharedUse>();
    } else {
      links[i].places = found->second->places;
      links[i].queue = found->second->queue;
    }
  }
}

// What makes an endpoint the same one after a reload.
std::string identity_of(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint) {
  return catalog.model(endpoint.model).id + "\n" + catalog.provider_of(endpoint).name + "\n" +
         endpoint.upstream_model;
}

std::shared_ptr<routing::EndpointHealth> health_of(const catalog::Catalog& catalog,
                                                   const LiveSnapshot* previous) {
  if (previous == nullptr) {
    return std::make_shared<routing::EndpointHealth>(catalog.endpoints().size());
  }
  std::map<std::string, routing::EndpointIndex> before;
  for (const catalog::Endpoint& endpoint : previous->catalog().endpoints()) {
    before.emplace(identity_of(previous->catalog(), endpoint), endpoint.index);
  }
  std::vector<routing::EndpointIndex> indices;
  for (const catalog::Endpoint& endpoint : catalog.endpoints()) {
    const auto found = before.find(identity_of(catalog, endpoint));
    indices.push_back(found == before.end() ? routing::kNoEndpoint : found->second);
  }
  return std::make_shared<routing::EndpointHealth>(*previous->health, indices);
}

// What a path segment may hold as it is (RFC 3986 §2.3).
void append_segment(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append("%").append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 15U]);
    }
  }
}

}  // namespace

std::string request_path(const dialects::Dialect& dialect,
                         dialects::RequestKind kind,
                         std::string_view upstream_model,
                         bool stream) {
  switch (kind) {
    case dialects::RequestKind::Completion: return "/completions";
    case dialects::RequestKind::Embedding: return "/embeddings";
    case dialects::RequestKind::Chat: break;
  }
  constexpr std::string_view kModel = "{model}";
  const std::string_view path =
      stream && !dialect.stream_path.empty() ? dialect.stream_path : dialect.path;
  const std::size_t at = path.find(kModel);
  std::string out(path.substr(0, at));
  if (at != std::string_view::npos) {
    append_segment(out, upstream_model);
    out += path.substr(at + kModel.size());
  }
  return out;
}

Result<LiveSnapshotPtr> make_live(catalog::SnapshotPtr snapshot,
                                  telemetry::EndpointSlots& slots,
                                  const LiveSnapshot* previous) {
  auto live = std::make_shared<LiveSnapshot>();
  live->snapshot = std::move(snapshot);
  const catalog::Catalog& catalog = live->catalog();
  TrustByFile trust = trust_still_good(previous);
  for (const catalog::Provider& provider : catalog.providers()) {
    auto link = link_to(provider, trust);
    if (!link) {
      return link.error();
    }
    live->providers.push_back(std::move(*link));
  }
  share_places(live->providers, catalog, previous);
  for (const catalog::Model& model : catalog.models()) {
    std::vector<routing::EndpointView>& views = live->endpoints.emplace_back();
    for (const catalog::EndpointIndex index : model.endpoints) {
      views.push_back(view_of(catalog, catalog.endpoint(index)));
    }
  }
  for (const catalog::Endpoint& endpoint : catalog.endpoints()) {
    live->metric_slots.push_back(
        slots.slot(catalog.model(endpoint.model).id, catalog.provider_of(endpoint).name));
  }
  live->health = health_of(catalog, previous);
  return LiveSnapshotPtr(std::move(live));
}

}  // namespace waybill::gateway
