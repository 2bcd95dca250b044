#include "binder.hpp"

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "expand.hpp"
#include "reading.hpp"

namespace waybill::config {
namespace {

ListenSettings bind_listener(const Node& node, std::uint16_t default_port, const Report& report) {
  ListenSettings out;
  const std::string folder = folder_of(report.file_name(node.at));
  const auto path = [&](const Node* map, std::string_view key) {
    std::string text;
    read(map, key, text);
    return text.empty() ? text : join_path(folder, text);
  };
  out.at = report.position(node.at);
  out.port = default_port;
  read(&node, "address", out.address);
  if (out.address == "localhost") {
    out.address = "127.0.0.1";
  }
  read_integer(&node, "port", out.port);
  out.unix_path = path(&node, "unix");
  if (const Node* tls = member(&node, "tls"); tls != nullptr && tls->kind == NodeKind::Map) {
    out.tls = TlsSettings{.certificate = path(tls, "certificate"), .key = path(tls, "key")};
  }
  read(&node, "default_key", out.default_key);
  return out;
}

void bind_limits(const Node& root, LimitSettings& out, Report& report) {
  const Node* node = member(&root, "limits");
  read_size(node, "header_bytes", out.header_bytes);
  read_size(node, "body_bytes", out.body_bytes);
  read_size(node, "all_body_bytes", out.all_body_bytes);
  if (out.all_body_bytes < out.body_bytes) {  // one of them is written: the defaults fit
    const Node* all = member(node, "all_body_bytes");
    report.fault((all != nullptr ? all : member(node, "body_bytes"))->at,
                 "limits.all_body_bytes: less than limits.body_bytes, so that one request may "
                 "never find room",
                 "raise it, or lower limits.body_bytes");
  }
  read_size(node, "response_bytes", out.response_bytes);
  read_integer(node, "max_fields", out.max_fields);
  read(node, "header_timeout", out.header_timeout);
  read(node, "body_timeout", out.body_timeout);
  read(node, "idle_timeout", out.idle_timeout);
  read_integer(node, "max_connections", out.max_connections);
  read_integer(node, "max_requests_per_connection", out.max_requests_per_connection);
  read_integer(node, "max_concurrent_requests", out.max_concurrent_requests);
}

void bind_defaults(const Node& root, DefaultSettings& out) {
  const Node* node = member(&root, "defaults");
  read_timeouts(node, "timeouts", out.timeouts);
  read_choice(node, "usage", {"always", "asked"}, out.usage);
  read(node, "commit_after", out.commit_after);
  read(node, "keep_alive_comment", out.keep_alive_comment);
}

void bind_logging(const Node& root, LogSettings& out, const std::string& folder) {
  const Node* node = member(&root, "logging");
  read_choice(node, "format", {"human", "json"}, out.format);
  read_choice(node, "level", {"trace", "debug", "info", "warn", "error"}, out.level);
  read(node, "access", out.access);
  read(node, "file", out.file);
  if (!out.file.empty()) {
    out.file = join_path(folder, out.file);
  }
}

}  // namespace

void Binder::main(const Node& root) {
  settings_.file = report_.file_name(root.at);
  bind_listeners(root);
  bind_ledger(root);
  read_integer(&root, "workers", settings_.workers);
  bind_defaults(root, settings_.defaults);
  bind_limits(root, settings_.limits, report_);
  const Node* idempotency = member(&root, "idempotency");
  read(idempotency, "keep", settings_.idempotency.keep);
  read_integer(idempotency, "max_keys", settings_.idempotency.max_keys);
  bind_logging(root, settings_.logging, folder_of(settings_.file));
  read(member(&root, "shutdown"), "drain", settings_.drain);
  read(member(&root, "cors"), "allowed_origins", settings_.cors.allowed_origins);
  read(member(&root, "metrics"), "public", settings_.public_metrics);
}

void Binder::bind_listeners(const Node& root) {
  if (const Node* list = member(&root, "listen")) {
    for (const Node& item : list->items) {
      if (item.kind == NodeKind::Map) {
        settings_.listen.push_back(bind_listener(item, 8080, report_));
        listener_marks_.push_back(item.at);
      }
    }
    if (list->items.empty()) {
      report_.fault(list->at, "listen: an empty list", "write at least one, or leave listen out");
    }
  }
  if (settings_.listen.empty()) {
    settings_.listen.emplace_back();
    listener_marks_.push_back(root.at);
  }
  const Node* admin = member(member(&root, "admin"), "listen");
  if (admin != nullptr && admin->kind == NodeKind::Map) {
    settings_.admin = bind_listener(*admin, 9090, report_);
    listener_marks_.push_back(admin->at);
  }
  check_listeners();
}

void Binder::check_listeners() {
  std::map<std::string, Mark> taken;
  for (std::size_t i = 0; i < listener_marks_.size(); ++i) {
    const bool is_admin = i >= settings_.listen.size();
    const ListenSettings& listener = is_admin ? *settings_.admin : settings_.listen[i];
    const Mark& at = listener_marks_[i];
    const bool on_unix = !listener.unix_path.empty();
    if (!listener.default_key.empty() && !on_unix) {
      const auto kind = classify_address(listener.address);
      if (kind && *kind != AddressKind::Loopback && *kind != AddressKind::Private) {
        report_.fault(at, "default_key would let everybody in on " + listener.address,
                      "listen on a loopback, private or Unix address, or remove default_key");
      }
    }
    if (!on_unix && listener.port == 0) {
      continue;
    }
    const std::string where =
        on_unix ? listener.unix_path : listener.address + " port " + std::to_string(listener.port);
    const std::string shown = on_unix ? "one Unix socket" : where;
    const auto [first, is_new] = taken.try_emplace(where, at);
    if (!is_new) {
      report_.fault(at, "two listeners on " + shown + ", the other in line " +
                            std::to_string(report_.position(first->second).line));
    }
  }
}

void Binder::bind_ledger(const Node& root) {
  static constexpr std::string_view kScheme = "sqlite://";
  const Node* ledger = member(&root, "ledger");
  const Node* node = member(ledger, "store");
  std::string path = settings_.ledger.sqlite_path;
  if (node != nullptr) {
    if (node->text.starts_with("postgres")) {
      report_.fault(node->at, "ledger.store: PostgreSQL is not supported by this version",
                    "write sqlite:///var/lib/waybill/ledger.db");
    } else if (!node->text.starts_with(kScheme) || node->text.size() == kScheme.size()) {
      report_.fault(node->at, "ledger.store: this is not a sqlite:// URL",
                    "write sqlite:///absolute/path, or sqlite://path relative to this file");
    } else {
      path = node->text.substr(kScheme.size());
    }
  }
  settings_.ledger.sqlite_path = join_path(folder_of(settings_.file), path);
  read_choice(ledger, "durability", {"strict", "relaxed"}, settings_.ledger.durability);
  read_size(ledger, "least_free", settings_.ledger.least_free);
  bind_largest_entry(member(ledger, "largest_entry"));
  const Node* checkpoints = member(ledger, "checkpoints");
  const auto beside = [&](std::string_view key, std::string& out) {
    read(checkpoints, key, out);
    out = out.empty() ? out : join_path(folder_of(settings_.file), out);
  };
  beside("path", settings_.ledger.checkpoint_path);
  beside("signing_key", settings_.ledger.signing_key);
}

void Binder::bind_largest_entry(const Node* node) {
  if (node == nullptr) {
    return;
  }
  const auto amount = parse_money(node->text);
  if (amount && Money{} < *amount && *amount <= Money::largest_entry()) {
    settings_.ledger.largest_entry = *amount;
    return;
  }
  report_.fault(node->at,
                "ledger.largest_entry: '" + printable(node->raw, 60) +
                    "' is not above zero and at most " + to_decimal(Money::largest_entry()),
                "write USD, such as 1000");
}

void Binder::definitions(const Node& root) {
  if (const Node* providers = member(&root, "providers")) {
    for (std::size_t i = 0; i < providers->keys.size(); ++i) {
      bind_provider(providers->keys[i], providers->items[i]);
    }
  }
  if (const Node* models = member(&root, "models")) {
    for (std::size_t i = 0; i < models->keys.size(); ++i) {
      bind_model(models->keys[i], models->items[i]);
    }
  }
}

Settings Binder::finish() {
  std::size_t next = 0;
  for (ModelSettings& model : settings_.models) {
    for (EndpointSettings& endpoint : model.endpoints) {
      resolve_provider(endpoint, endpoint_names_[next++]);
    }
  }
  return std::move(settings_);
}

}  // namespace waybill::config
