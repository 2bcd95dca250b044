// Checks a tree against the schema.

#pragma once

#include <string>
#include <string_view>

#include "expand.hpp"
#include "report.hpp"
#include "schema.hpp"
#include "yaml_tree.hpp"

namespace waybill::config {

// Where a value stands, as text for messages.
struct Place {
  std::string full;   // models."openai/gpt-4o-mini".endpoints[0].price.prompt
  std::string label;  // price.prompt: what follows the last name or number
};

// Reports everything that does not fit the schema, and marks it faulty so that
// nobody reads or reports it again.  References are replaced on the way.
//
// After it, every node that is not faulty can be read as the type of its member
// without further checks.
class Validator {
 public:
  Validator(const SchemaIndex& index, Expander& expander, Report& report)
      : index_(index),
        expander_(expander),
        report_(report) {}

  // The members of a map whose schema path is `parent` ("" for a whole file).
  void check_members(Node& map, std::string_view parent, const Place& place);

 private:
  void check_value(Node& node, const Member& member, const Place& place);
  void check_list(Node& node, const Member& member, const Place& place);
  void check_named_maps(Node& node, const Member& member, const Place& place);
  void check_secret_map(Node& node, const Place& place);
  void check_scalar(Node& node, const Member& member, const Place& place);
  void check_text(Node& node, const Member& member, const Place& place);
  void check_number(Node& node, const Member& member, const Place& place);
  void check_choice(Node& node, const Member& member, const Place& place);
  void report_unknown(const Key& key, std::span<const Member* const> known, const Place& place);
  void report_missing(const Node& map, std::string_view parent, const Place& place);
  void refuse(Node& node, const Place& place, const std::string& rest, std::string suggestion = {});

  const SchemaIndex& index_;
  Expander& expander_;
  Report& report_;
};

}  // namespace waybill::config
