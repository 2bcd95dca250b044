#include "yaml_tree.hpp"

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "waybill/base/text.hpp"

namespace waybill::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr const char* kTooManyValues = "the file has more than 300000 values";
constexpr const char* kSplitIt = "split it, and name the parts in include";
static_assert(kMostNodes == 300'000, "the sentence above names it");

bool refuse_file(const Mark& at, std::string sentence, std::string suggestion, Report& report) {
  report.fault(at, std::move(sentence), std::move(suggestion));
  return false;
}

bool check_size(std::string_view bytes, unsigned file, Report& report) {
  if (bytes.size() > kMostFileBytes) {
    return refuse_file({file, 1, 1}, "the file is larger than 2 MiB", kSplitIt, report);
  }
  // A bracket that might still begin a key holds back all tokens after it.
  const auto is_flow = [](char c) {
    return std::string_view("[]{},").find(c) != std::string_view::npos;
  };
  if (std::count_if(bytes.begin(), bytes.end(), is_flow) >
      static_cast<std::ptrdiff_t>(kMostNodes)) {
    return refuse_file({file, 1, 1}, kTooManyValues, kSplitIt, report);
  }
  return true;
}

bool check_line(std::string_view line, Mark at, Report& report) {
  if (line.size() > kLongestLine) {
    return refuse_file(at, "the line is longer than 64 KiB", "break it", report);
  }
  if (!is_valid_utf8(line)) {
    return refuse_file(at, "the line is not valid UTF-8", "save the file as UTF-8", report);
  }
  const std::size_t indent = std::min(line.find_first_not_of(" \t\r"), line.size());
  const std::size_t tab = line.substr(0, indent).find('\t');
  if (tab != std::string_view::npos && indent < line.size() && line[indent] != '#') {
    at.column = static_cast<unsigned>(tab + 1);
    return refuse_file(at, "a tab in the indentation", "YAML is indented by spaces only", report);
  }
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto c = static_cast<unsigned char>(line[i]);
    if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7F) {
      at.column = static_cast<unsigned>(i + 1);
      return refuse_file(at, "a control character (byte " + std::to_string(c) + ")", "remove it",
                         report);
    }
  }
  return true;
}

// What yaml-cpp would let through or misread.  Reports the first problem.
bool check_bytes(std::string_view bytes, unsigned file, Report& report) {
  if (!check_size(bytes, file, report)) {
    return false;
  }
  for (Mark at{file, 1, 1}; !bytes.empty(); ++at.line) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    if (!check_line(bytes.substr(0, end), at, report)) {
      return false;
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return true;
}

// Builds the tree from parser events.  Once something is reported the rest of
// the document is only skimmed, so hostile documents cost their bytes once.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(unsigned file, Report& report) : file_(file), report_(report) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      refuse(at(mark), "a second document begins here", "a settings file is one document");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (begin(mark, {}, anchor)) {
      attach({.kind = NodeKind::Null, .at = at(mark)});
    }
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse(at(mark), "aliases (*name) are not supported in settings", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    if (begin(mark, tag, anchor)) {
      Node node{.kind = NodeKind::Scalar, .at = at(mark), .raw = value, .text = value};
      node.quoted = tag == "!";
      attach(std::move(node));
    }
  }
  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, NodeKind::List);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, NodeKind::Map);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] bool refused() const noexcept { return refused_; }
  [[nodiscard]] Node take_root() { return std::move(root_); }

 private:
  [[nodiscard]] Mark at(const YAML::Mark& mark) const {
    return {file_, static_cast<unsigned>(std::max(mark.line, 0)) + 1,
            static_cast<unsigned>(std::max(mark.column, 0)) + 1};
  }

  void refuse(const Mark& place, std::string sentence, std::string suggestion) {
    if (!refused_) {
      report_.fault(place, std::move(sentence), std::move(suggestion));
    }
    refused_ = true;
    open_.clear();
  }

  // Whether the node that begins here belongs into the tree.
  bool begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) {
      refuse(at(mark), "anchors (&name) are not supported in settings", "write the value out");
    } else if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(at(mark), "tags (!name) are not supported in settings", "remove the tag");
    } else if (++nodes_ > kMostNodes) {
      refuse(at(mark), kTooManyValues, kSplitIt);
    }
    return !refused_;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, NodeKind kind) {
    if (!begin(mark, tag, anchor)) {
      return;
    }
    if (open_.size() >= kMostDepth) {
      refuse(at(mark), "nested deeper than " + std::to_string(kMostDepth) + " levels", {});
      return;
    }
    open_.push_back({.kind = kind, .at = at(mark)});
    seen_.emplace_back();
  }

  void close() {
    if (refused_) {
      return;
    }
    Node done = std::move(open_.back());
    open_.pop_back();
    seen_.pop_back();
    attach(std::move(done));
  }

  void attach(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Node& parent = open_.back();
    if (parent.kind == NodeKind::Map && parent.keys.size() == parent.items.size()) {
      attach_key(parent, std::move(node));
    } else {
      parent.items.push_back(std::move(node));
    }
  }

  void attach_key(Node& parent, Node node) {
    if (node.kind != NodeKind::Scalar || node.raw.empty()) {
      refuse(node.at, "a key must be text", "quote it if it looks like something else");
      return;
    }
    if (node.raw.size() > kLongestKey) {
      refuse(node.at, "a key longer than " + std::to_string(kLongestKey) + " bytes", {});
      return;
    }
    const auto [first, is_new] = seen_.back().try_emplace(node.raw, node.at.line);
    if (!is_new) {
      report_.fault(node.at,
                    "the key '" + printable(node.raw) + "' is given twice, first in line " +
                        std::to_string(first->second),
                    "keep one of them");
    }
    parent.keys.push_back({std::move(node.raw), node.at});
  }

  unsigned file_;
  Report& report_;
  bool refused_ = false;
  std::size_t documents_ = 0;
  std::size_t nodes_ = 0;
  Node root_;
  std::vector<Node> open_;
  std::vector<std::unordered_map<std::string, unsigned>> seen_;  // of each open map: key, line
};

}  // namespace

const Node* Node::find(std::string_view key) const noexcept {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].text == key) {
      return &items[i];
    }
  }
  return nullptr;
}

Node* Node::find(std::string_view key) noexcept {
  return const_cast<Node*>(std::as_const(*this).find(key));
}

std::optional<Node> parse_yaml(std::string_view bytes, unsigned file, Report& report) {
  if (bytes.starts_with(kByteOrderMark)) {
    bytes.remove_prefix(kByteOrderMark.size());
  }
  if (!check_bytes(bytes, file, report)) {
    return std::nullopt;
  }
  TreeBuilder builder(file, report);
  try {
    std::istringstream stream{std::string(bytes)};
    YAML::Parser parser(stream);
    while (!builder.refused() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    if (!builder.refused()) {
      const Mark at{file, static_cast<unsigned>(std::max(e.mark.line, 0)) + 1,
                    static_cast<unsigned>(std::max(e.mark.column, 0)) + 1};
      report.fault(at, "not valid YAML: " + printable(e.msg));
    }
    return std::nullopt;
  } catch (const std::exception&) {  // what yaml-cpp lets escape from the standard library
    report.fault({file, 1, 1}, "not valid YAML");
    return std::nullopt;
  }
  if (builder.refused()) {
    return std::nullopt;
  }
  return builder.take_root();
}

}  // namespace waybill::config
