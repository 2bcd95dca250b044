#include "waybill/config/fault.hpp"

#include <string_view>

#include "waybill/base/text.hpp"

namespace waybill::config {
namespace {

std::string place(const Position& at) {
  return at.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

}  // namespace

std::string render(std::span<const Fault> faults) {
  std::string out;
  std::string_view file;
  std::size_t indent = 0;
  for (const Fault& fault : faults) {
    const std::string where = place(fault.at);
    if (indent == 0 || fault.at.file != file) {
      file = fault.at.file;
      indent = where.size() + 2;  // the file's first fault sets the margin of the others
    }
    out += where;
    out.append(where.size() < indent ? indent - where.size() : 1, ' ');
    out += fault.sentence;
    out += '\n';
    if (!fault.suggestion.empty()) {
      out.append(indent, ' ');
      out += fault.suggestion;
      out += '\n';
    }
  }
  return out;
}

std::string closing_line(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " fault" : " faults") + ", nothing started\n";
}

std::string render_json(std::span<const Fault> faults) {
  std::string out = "[";
  for (const Fault& fault : faults) {
    out += out.size() > 1 ? ",{" : "{";
    append_member(out, "file", fault.at.file);
    out += ",\"line\":" + std::to_string(fault.at.line);
    out += ",\"column\":" + std::to_string(fault.at.column) + ",";
    append_member(out, "sentence", fault.sentence);
    out += ',';
    append_member(out, "suggestion", fault.suggestion);
    out += '}';
  }
  out += ']';
  return out;
}

}  // namespace waybill::config
