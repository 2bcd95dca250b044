#include "passage.hpp"

#include <algorithm>

#include "waybill/base/json_writer.hpp"

#include "body_reader.hpp"
#include "charge_write.hpp"
#include "escaped.hpp"

namespace waybill::dialects {
namespace {

// Passes frames on as they come, until one ends the answer.
class PassingWriter final : public FrameWriter {
 public:
  PassingWriter(const Dialect& dialect,
                const PassageRules& rules,
                const ReplyContext& context,
                std::string& out)
      : dialect_(dialect),
        rules_(rules),
        id_(context.id),
        model_(context.model),
        provider_(context.provider),
        request_(context.request),
        context_(context),
        out_(out) {
    context_.id = id_;
    context_.model = model_;
    context_.provider = provider_;
  }

  void take(const Frame& frame) override {
    if (over_) {
      return;
    }
    ++frames_;
    const bool json = tree_.parse(frame.data, JsonOrigin::Upstream);
    holding_ = holding_ || (json && rules_.ends(tree_.root()));
    if (holding_) {
      held_.push_back({std::string(frame.name), std::string(frame.data)});
      return;
    }
    write(frame.name, json ? patched(frame.data, nullptr) : std::string(frame.data));
  }

  void end(const ReplyBill& bill) override {
    over_ = true;
    for (const auto& [name, data] : held_) {
      const bool json = tree_.parse(data, JsonOrigin::Upstream);
      write(name, json ? patched(data, &bill) : data);
    }
  }

  void fail(const StreamError& error) override {
    over_ = true;
    context_.begun_frames = frames_;
    context_.request = request_;
    dialect_.make_writer(context_, out_)->fail(error);
  }

 private:
  struct Held {
    std::string name;
    std::string data;
  };

  std::string patched(std::string_view data, const ReplyBill* bill) {
    JsonPatch patch;
    rules_.identify(tree_.root(), context_, patch);
    if (bill != nullptr && rules_.ends(tree_.root())) {
      rules_.bill(tree_.root(), *bill, patch);
    }
    return patch.apply(data);
  }

  void write(std::string_view name, std::string_view data) {
    if (dialect_.framing == Framing::Ndjson) {
      append_one_line(out_, data);
      out_ += '\n';
      return;
    }
    if (!name.empty()) {
      out_.append("event: ").append(name).append("\n");
    }
    out_ += "data: ";
    append_one_line(out_, data);
    out_ += "\n\n";
  }

  const Dialect& dialect_;
  const PassageRules& rules_;
  std::string id_;
  std::string model_;
  std::string provider_;
  std::string request_;
  ReplyContext context_;
  std::string& out_;
  JsonTree tree_;
  std::vector<Held> held_;
  std::uint64_t frames_ = 0;
  bool holding_ = false;
  bool over_ = false;
};

}  // namespace

void JsonPatch::replace(const JsonRef& value, std::string with) {
  if (value.there()) {
    changes_.push_back({value.raw(), std::move(with)});
  }
}

void JsonPatch::append(const JsonRef& object, std::string_view members) {
  if (!object.is_object()) {
    return;
  }
  const std::string_view raw = object.raw();
  changes_.push_back(
      {raw.substr(raw.size() - 1, 0), (object.empty() ? "" : ",") + std::string(members)});
}

std::string JsonPatch::apply(std::string_view text) const {
  std::vector<const Change*> order;
  order.reserve(changes_.size());
  for (const Change& change : changes_) {
    order.push_back(&change);
  }
  // At one place those that were made first stand first.
  std::ranges::sort(order, {},
                    [](const Change* each) { return std::pair(each->place.data(), each); });
  std::string out;
  const char* at = text.data();
  for (const Change* const change : order) {
    if (change->place.data() < at) {
      continue;  // inside of one that was replaced whole
    }
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end of a range, no string
    out.append(at, change->place.data());
    out += change->with;
    at = change->place.data() + change->place.size();
  }
  out.append(at, text.data() + text.size());
  return out;
}

std::string cost_members(const Charge& charge) {
  JsonWriter json;
  json.begin_object();
  write_charge(json, charge);
  return json.take().substr(1);  // the object stays open: its members only
}

Result<std::string> pass_request(std::string_view body,
                                 const EncodeTarget& target,
                                 std::string_view more) {
  BodyReader reader(body);
  if (!reader.good()) {
    return *reader.fault();
  }
  std::string out = "{";
  for (const JsonRef member : reader.root()) {
    const std::string name = member.name();
    if (name == "model" || BodyReader::is_router_member(name)) {
      continue;
    }
    out += out.size() > 1 ? "," : "";
    append_json_string(out, name);
    out.append(":").append(member.raw());
  }
  out += out.size() > 1 ? "," : "";
  out += "\"model\":";
  append_json_string(out, target.upstream_model);
  if (!more.empty()) {
    out.append(",").append(more);
  }
  return out + '}';
}

void pass_response(const PassageRules& rules,
                   std::string_view body,
                   const ReplyContext& context,
                   const ReplyBill& bill,
                   std::string& out) {
  JsonTree tree;
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    return;
  }
  JsonPatch patch;
  rules.identify(tree.root(), context, patch);
  rules.bill(tree.root(), bill, patch);
  out += patch.apply(body);
}

std::unique_ptr<FrameWriter> pass_stream(const Dialect& dialect,
                                         const PassageRules& rules,
                                         const ReplyContext& context,
                                         std::string& out) {
  return std::make_unique<PassingWriter>(dialect, rules, context, out);
}

}  // namespace waybill::dialects
