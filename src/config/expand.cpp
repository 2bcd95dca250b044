#include "expand.hpp"

#include <utility>

#include "waybill/base/text.hpp"

namespace waybill::config {
namespace {

constexpr std::string_view kOpen = "${";
constexpr std::size_t kMostReferencedBytes = std::size_t{64} * 1024;

// Container runtimes mount secrets here, readable by everybody inside.
bool is_secret_mount(std::string_view path) {
  return path.starts_with("/run/secrets/") || path.starts_with("/var/run/secrets/");
}

bool is_variable_name(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  return !name.empty() && kLetters.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") ==
             std::string_view::npos;
}

bool has_parent_step(std::string_view path) {
  return path == ".." || path.starts_with("../") || path.ends_with("/..") ||
         path.find("/../") != std::string_view::npos;
}

}  // namespace

std::string folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return {};
  }
  return std::string(slash == 0 ? path.substr(0, 1) : path.substr(0, slash));
}

std::string join_path(std::string_view folder, std::string_view path) {
  if (folder.empty() || path.starts_with('/')) {
    return std::string(path);
  }
  std::string out(folder);
  if (!out.ends_with('/')) {
    out += '/';
  }
  out += path;
  return out;
}

void Expander::expand(Node& scalar, Type type) {
  std::string_view rest = scalar.raw;
  if (rest.find(kOpen) == std::string_view::npos) {
    return;
  }
  scalar.text.clear();
  while (!rest.empty()) {
    const std::size_t open = rest.find(kOpen);
    scalar.text += rest.substr(0, open);
    if (open == std::string_view::npos) {
      return;
    }
    if (open > 0 && rest[open - 1] == '$') {  // `$${` stands for itself
      scalar.text += '{';
      rest.remove_prefix(open + kOpen.size());
      continue;
    }
    rest.remove_prefix(open + kOpen.size());
    const std::size_t close = rest.find('}');
    if (close == std::string_view::npos) {
      refuse(scalar, "a reference without its closing brace", "write it like ${env:NAME}");
      return;
    }
    if (!replace(scalar, rest.substr(0, close), type)) {
      return;
    }
    rest.remove_prefix(close + 1);
  }
}

bool Expander::replace(Node& scalar, std::string_view reference, Type type) {
  scalar.referenced = true;
  // A key that somebody put between the braces is a secret none the less.
  const bool secret = type == Type::Secret || type == Type::SecretMap;
  if (reference.starts_with("env:")) {
    const std::size_t dash = reference.find(":-", 4);
    const bool has_text = dash != std::string_view::npos;
    const std::string_view name = has_text ? reference.substr(4, dash - 4) : reference.substr(4);
    if (is_variable_name(name) && !(has_text && secret)) {
      return replace_env(scalar, std::string(name),
                         has_text ? std::optional(reference.substr(dash + 2)) : std::nullopt);
    }
  }
  if (reference.starts_with("file:") && reference.size() > 5) {
    return replace_file(scalar, reference.substr(5), type);
  }
  return refuse(
      scalar, "'${" + (secret ? "..." : printable(reference, 60)) + "}' is not a reference",
      "write ${env:NAME} or ${file:/run/secrets/name}, or $${ for the characters themselves");
}

bool Expander::replace_env(Node& scalar,
                           const std::string& name,
                           std::optional<std::string_view> otherwise) {
  const auto value = inputs_.environment.get(name);
  if (otherwise && value.value_or("").empty()) {
    scalar.text += *otherwise;
    return true;
  }
  if (!value) {
    return refuse(scalar, "the environment variable " + printable(name) + " is not set",
                  "set it, or write the value here");
  }
  if (!is_valid_utf8(*value) || value->find('\0') != std::string::npos) {
    return refuse(scalar, "the environment variable " + printable(name) + " is not text");
  }
  scalar.text += *value;
  return true;
}

bool Expander::replace_file(Node& scalar, std::string_view path, Type type) {
  const std::string shown = printable(path);
  if (has_parent_step(path)) {
    return refuse(scalar, "the path '" + shown + "' steps upwards with '..'",
                  "write the path without '..'");
  }
  const std::string full = join_path(folder_of(report_.file_name(scalar.at)), path);
  auto file = inputs_.files.read(full, kMostReferencedBytes);
  if (!file) {
    return refuse(scalar, "cannot read the file '" + shown + "': " + file.error().detail());
  }
  const bool secret = type == Type::Secret || type == Type::SecretMap;
  if (secret && file->readable_by_others && !is_secret_mount(full)) {
    return refuse(scalar,
                  "the secret file '" + shown + "' can be read by every user of this machine",
                  "chmod 600 it");
  }
  std::string_view text = file->bytes;
  if (text.ends_with('\n')) {
    text.remove_suffix(text.ends_with("\r\n") ? 2 : 1);
  }
  if (!is_valid_utf8(text) || text.find('\0') != std::string_view::npos) {
    return refuse(scalar, "the file '" + shown + "' is not text");
  }
  scalar.text += text;
  return true;
}

bool Expander::refuse(Node& scalar, std::string sentence, std::string suggestion) {
  scalar.faulty = true;
  report_.fault(scalar.at, std::move(sentence), std::move(suggestion));
  return false;
}

}  // namespace waybill::config
