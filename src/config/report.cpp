#include "report.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace waybill::config {

unsigned Report::add_file(std::string name) {
  files_.push_back({.name = std::move(name), .prefix = {}, .place = {}, .open_to_all = false});
  return static_cast<unsigned>(files_.size() - 1);
}

unsigned Report::add_stand_in(std::string prefix, const Mark& place) {
  files_.push_back(
      {.name = {}, .prefix = std::move(prefix), .place = resolve(place), .open_to_all = false});
  return static_cast<unsigned>(files_.size() - 1);
}

const Mark& Report::resolve(const Mark& at) const {
  return is_stand_in(at) ? files_[at.file].place : at;
}

void Report::warn_of_credential(const Mark& at, std::string_view member) {
  const bool open = files_[resolve(at).file].open_to_all;
  warn(at,
       std::string(member) + ": a credential is written into the settings" +
           (open ? ", which every user of this machine can read" : ""),
       std::string(open ? "chmod 600 the file; better " : "better ") +
           "a reference: \"${env:NAME}\" or \"${file:/run/secrets/name}\"");
}

Position Report::position(const Mark& at) const {
  const Mark& shown = resolve(at);
  return {.file = files_[shown.file].name, .line = shown.line, .column = shown.column};
}

const std::string& Report::file_name(const Mark& at) const {
  return files_[resolve(at).file].name;
}

void Report::fault(const Mark& at, std::string sentence, std::string suggestion) {
  add(faults_, at, {{}, std::move(sentence), std::move(suggestion)});
}

void Report::warn(const Mark& at, std::string sentence, std::string suggestion) {
  add(warnings_, at, {{}, std::move(sentence), std::move(suggestion)});
}

void Report::add(std::vector<Entry>& to, const Mark& at, Fault fault) {
  if (to.size() >= kMostFaults) {
    return;
  }
  fault.at = position(at);
  if (is_stand_in(at)) {
    fault.sentence.insert(0, files_[at.file].prefix);
  }
  to.push_back({.at = resolve(at), .order = to.size(), .fault = std::move(fault)});
}

std::vector<Fault> Report::take(std::vector<Entry>& entries) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.at.file, a.at.line, a.at.column, a.order) <
           std::tie(b.at.file, b.at.line, b.at.column, b.order);
  });
  std::vector<Fault> out;
  out.reserve(entries.size());
  for (Entry& entry : entries) {
    out.push_back(std::move(entry.fault));
  }
  entries.clear();
  return out;
}

}  // namespace waybill::config
