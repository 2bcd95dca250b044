// Collects faults while settings are read.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/config/fault.hpp"

namespace waybill::config {

// A place, with the file as an index into the report's files: small enough to
// keep one in every node of a tree.
struct Mark {
  unsigned file = 0;
  unsigned line = 0;
  unsigned column = 0;
};

class Report {
 public:
  // Faults beyond this many help nobody and could fill the memory.
  static constexpr std::size_t kMostFaults = 1'000;

  // The index for marks in a file of that name.
  unsigned add_file(std::string name);

  // The same for text that stands in no file of the user's: its faults are
  // shown at `place` and begin with `prefix`.
  unsigned add_stand_in(std::string prefix, const Mark& place);

  void fault(const Mark& at, std::string sentence, std::string suggestion = {});
  void warn(const Mark& at, std::string sentence, std::string suggestion = {});

  // Marks the file of `at` as one that every user of the machine can read.
  void set_open_to_all(const Mark& at) { files_[resolve(at).file].open_to_all = true; }
  // Warns of a credential that stands at `at` itself.
  void warn_of_credential(const Mark& at, std::string_view member);

  [[nodiscard]] Position position(const Mark& at) const;
  [[nodiscard]] const std::string& file_name(const Mark& at) const;
  [[nodiscard]] bool is_stand_in(const Mark& at) const { return !files_[at.file].prefix.empty(); }

  [[nodiscard]] std::vector<Fault> take_faults() { return take(faults_); }
  [[nodiscard]] std::vector<Fault> take_warnings() { return take(warnings_); }

 private:
  struct File {
    std::string name;
    std::string prefix;
    Mark place;
    bool open_to_all = false;
  };
  struct Entry {
    Mark at;                // in a file of the user's
    std::size_t order = 0;  // of being found
    Fault fault;
  };

  [[nodiscard]] const Mark& resolve(const Mark& at) const;
  void add(std::vector<Entry>& to, const Mark& at, Fault fault);
  static std::vector<Fault> take(std::vector<Entry>& entries);

  std::vector<File> files_;
  std::vector<Entry> faults_;
  std::vector<Entry> warnings_;
};

}  // namespace waybill::config
