#include "waybill/config/load.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "waybill/base/text.hpp"

#include "binder.hpp"
#include "expand.hpp"
#include "presets.hpp"
#include "reading.hpp"
#include "report.hpp"
#include "schema.hpp"
#include "validator.hpp"
#include "yaml_tree.hpp"

namespace waybill::config {
namespace {

constexpr std::size_t kMostFiles = 1'000;

// One run over the main file and what it includes.
class Loader {
 public:
  explicit Loader(const Inputs& inputs)
      : inputs_(inputs),
        expander_(inputs, report_),
        validator_(index_, expander_, report_),
        binder_(inputs.environment, report_) {}

  Loaded run(const std::string& path) {
    const unsigned file = report_.add_file(path);
    seen_.insert(path);
    if (std::optional<Node> root = read_map(path, {file, 1, 1})) {
      prepare(*root);
      binder_.main(*root);
      binder_.definitions(*root);
      include(*root, path);
    }
    Loaded out;
    out.settings = binder_.finish();
    out.settings.file = path;
    out.faults = report_.take_faults();
    out.warnings = report_.take_warnings();
    return out;
  }

 private:
  // The file as a tree whose root is a map.  `asked` is where problems of
  // reading are shown.
  std::optional<Node> read_map(const std::string& path, const Mark& asked) {
    auto text = inputs_.files.read(path, kMostFileBytes + 1);
    if (!text) {
      report_.fault(asked,
                    "cannot read the file '" + printable(path) + "': " + text.error().detail());
      return std::nullopt;
    }
    const unsigned file =
        asked.file == 0 && path == report_.file_name(asked) ? asked.file : report_.add_file(path);
    if (text->readable_by_others) {
      report_.set_open_to_all({file, 1, 1});
    }
    std::optional<Node> root = parse_yaml(text->bytes, file, report_);
    if (!root) {
      return std::nullopt;
    }
    if (root->kind == NodeKind::Null) {
      report_.fault({file, 1, 1}, "the file is empty",
                    "config/example.yaml shows what it may hold");
      return std::nullopt;
    }
    if (root->kind != NodeKind::Map) {
      report_.fault(root->at, "settings are a map of members such as listen, providers and models");
      return std::nullopt;
    }
    return root;
  }

  void prepare(Node& root) {
    merge_presets(root, inputs_.presets, report_);
    validator_.check_members(root, "", {});
  }

  void include(const Node& root, const std::string& main_path) {
    const Node* patterns = member(&root, "include");
    if (patterns == nullptr) {
      return;
    }
    for (const Node& pattern : patterns->items) {
      if (!pattern.faulty) {
        include_pattern(pattern, main_path);
      }
    }
  }

  void include_pattern(const Node& pattern, const std::string& main_path) {
    const std::string& text = pattern.text;
    if (text.find("..") != std::string::npos) {
      report_.fault(pattern.at,
                    "include: the pattern '" + printable(pattern.raw) + "' steps upwards with '..'",
                    "write an absolute pattern");
      return;
    }
    const auto paths = inputs_.files.glob(join_path(folder_of(main_path), text));
    if (!paths) {
      report_.fault(pattern.at, "include: " + paths.error().detail());
      return;
    }
    for (const std::string& path : *paths) {
      if (path == main_path) {
        report_.fault(pattern.at,
                      "include: '" + printable(pattern.raw) + "' matches this file itself",
                      "keep included files in a folder of their own");
      } else if (seen_.size() > kMostFiles) {
        report_.fault(pattern.at, "include: more than " + std::to_string(kMostFiles) + " files");
        return;
      } else if (seen_.insert(path).second) {
        include_file(path, pattern.at);
      }
    }
  }

  void include_file(const std::string& path, const Mark& asked) {
    std::optional<Node> root = read_map(path, asked);
    if (!root) {
      return;
    }
    for (const Key& key : root->keys) {
      const auto known = index_.members_of("");
      const bool is_member = std::any_of(known.begin(), known.end(), [&](const Member* candidate) {
        return candidate->key() == key.text;
      });
      if (is_member && key.text != "providers" && key.text != "models") {
        report_.fault(key.at, "'" + key.text + "' in an included file",
                      "only the main file may set it; included files hold providers and models");
      }
    }
    prepare(*root);
    binder_.definitions(*root);
  }

  const Inputs& inputs_;
  Report report_;
  SchemaIndex index_;
  Expander expander_;
  Validator validator_;
  Binder binder_;
  std::set<std::string> seen_;  // paths read or being read
};

// A settings file that uses one preset, so that load_preset takes the same way.
class OnePreset final : public FileSource {
 public:
  explicit OnePreset(const std::string& name) {
    bytes_ = "providers: { preset: { preset: ";
    append_json_string(bytes_, name);
    bytes_ += " } }\n";
  }
  Result<FileText> read(const std::string& /*path*/, std::size_t /*limit*/) override {
    return FileText{.bytes = bytes_};
  }
  Result<std::vector<std::string>> glob(const std::string& /*pattern*/) override {
    return std::vector<std::string>{};
  }

 private:
  std::string bytes_;
};

}  // namespace

Loaded load(const std::string& path, const Inputs& inputs) {
  return Loader(inputs).run(path);
}

LoadedPreset load_preset(const std::string& name, const Inputs& inputs) {
  OnePreset file(name);
  Loaded loaded = load("preset", {file, inputs.environment, inputs.presets});
  LoadedPreset out{.preset = {}, .faults = std::move(loaded.faults)};
  if (out.faults.empty() && !loaded.settings.providers.empty()) {
    out.preset.provider = std::move(loaded.settings.providers.front());
    Report ignored;
    const auto root =
        parse_yaml(inputs.presets.find(name).value_or(""), ignored.add_file(name), ignored);
    if (root) {
      config::read(&*root, "api_key_env", out.preset.api_key_env);
      config::read(&*root, "docs", out.preset.docs);
    }
  }
  return out;
}

}  // namespace waybill::config
