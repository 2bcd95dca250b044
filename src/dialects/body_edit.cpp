#include "body_edit.hpp"

#include <algorithm>

#include "waybill/base/text.hpp"

#include "json_tree.hpp"

namespace waybill::dialects {

std::optional<std::string> edit_members(std::string_view object,
                                        std::initializer_list<std::string_view> removed,
                                        std::string_view added) {
  JsonTree tree;
  if (!tree.parse(object, JsonOrigin::Upstream) || !tree.root().is_object()) {
    return std::nullopt;
  }
  std::string out;
  out.reserve(object.size() + added.size() + 2);
  out += '{';
  out += added;
  bool first = added.empty();
  for (const JsonRef member : tree.root()) {
    if (std::ranges::any_of(removed, [&](std::string_view each) { return member.named(each); })) {
      continue;
    }
    out += first ? "" : ",";
    first = false;
    append_json_string(out, member.name());
    out += ':';
    out += member.raw();
  }
  out += '}';
  return out;
}

}  // namespace waybill::dialects
