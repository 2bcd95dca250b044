// Turns validated trees into Settings, and checks what one member alone cannot show.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/config/settings.hpp"
#include "waybill/config/sources.hpp"

#include "report.hpp"
#include "yaml_tree.hpp"

namespace waybill::config {

// Call in this order: main() once, definitions() for each file, finish() once.
//
// Requires of every tree: checked by Validator.
class Binder {
 public:
  Binder(const Environment& environment, Report& report)
      : environment_(environment),
        report_(report) {}

  // Everything but providers and models.
  void main(const Node& root);

  // `providers` and `models` of one file.
  void definitions(const Node& root);

  // References between files.
  Settings finish();

 private:
  // A name where it stands, as written: what a reference stands for is not shown.
  struct Named {
    Mark at;
    std::string shown;
  };

  void bind_listeners(const Node& root);
  void check_listeners();
  void bind_ledger(const Node& root);
  void bind_largest_entry(const Node* node);
  void bind_provider(const Key& key, const Node& node);
  void read_path(const Node& node, std::string_view name, std::string& out);
  void bind_proxy(const Node& node, ProviderSettings& provider);
  void bind_key(const Node& node, ProviderSettings& provider);
  void check_key_given_once(const Node& node, const ProviderSettings& provider);
  void check_plain_http(const Node& node, const ProviderSettings& provider);
  void bind_model(const Key& key, const Node& node);
  EndpointSettings bind_endpoint(const Node& node);
  void resolve_provider(EndpointSettings& endpoint, const Named& named);
  void claim_name(const Named& named, const std::string& name, const std::string& model);

  struct Definition {
    Mark at;
    std::size_t index = 0;
  };
  struct Claim {
    Mark at;
    std::string model;
  };

  const Environment& environment_;
  Report& report_;
  Settings settings_;
  std::vector<Named> endpoint_names_;  // of the providers, of all models' endpoints in order
  std::vector<Mark> listener_marks_;   // of listen, then of admin.listen
  std::map<std::string, Definition, std::less<>> providers_;  // by name
  std::map<std::string, Claim, std::less<>> names_;           // model ids and aliases
  std::vector<std::string> broken_providers_;                 // faulty ones: known, but unusable
};

}  // namespace waybill::config
