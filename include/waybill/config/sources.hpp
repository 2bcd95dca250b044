// Where settings come from.  The parser does no I/O: whoever calls it lends these.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"

namespace waybill::config {

struct FileText {
  std::string bytes;
  // Everybody on the machine can read the file: told of where settings hold a credential,
  // refused for a secret outside the folders where container runtimes mount them.
  bool readable_by_others = false;
};

// Reads files.  Paths are as written in the settings, relative ones already
// joined to the folder of the file that named them.
class FileSource {
 public:
  virtual ~FileSource() = default;

  // Fails with a sentence that names the reason ("no such file", ...), never
  // with the contents.  Implementations refuse more than `limit` bytes.
  virtual Result<FileText> read(const std::string& path, std::size_t limit) = 0;

  // The files that match a shell pattern, sorted; none is not a failure.
  virtual Result<std::vector<std::string>> glob(const std::string& pattern) = 0;
};

// Environment variables.
class Environment {
 public:
  virtual ~Environment() = default;
  [[nodiscard]] virtual std::optional<std::string> get(const std::string& name) const = 0;
};

// Provider presets by name: the text of a settings file for one provider.
class PresetSource {
 public:
  virtual ~PresetSource() = default;
  [[nodiscard]] virtual std::optional<std::string_view> find(std::string_view name) const = 0;
  [[nodiscard]] virtual std::vector<std::string_view> names() const = 0;
};

// What the parser may ask; everything is borrowed for the duration of a call.
struct Inputs {
  FileSource& files;
  const Environment& environment;
  const PresetSource& presets;
};

}  // namespace waybill::config
