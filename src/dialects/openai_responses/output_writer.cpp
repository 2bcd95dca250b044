#include "output_writer.hpp"

#include <utility>

#include "waybill/base/text.hpp"

#include "../escaped.hpp"

namespace waybill::dialects::responses {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

void append_item(std::string& list, std::string_view json) {
  list.append(list.empty() ? "" : ",").append(json);
}

}  // namespace

// The name stands in a line of its own and in the data: OpenRouter sends only the second,
// OpenAI both, and clients read either.
void EventLines::write(std::string_view type, std::string_view members) {
  if (!streams()) {
    return;
  }
  out_->append("event: ").append(type).append("\ndata: {\"type\":\"").append(type);
  out_->append("\",").append(members).append(",\"sequence_number\":");
  out_->append(std::to_string(sequence_++)).append("}\n\n");
}

void OutputWriter::take(const Event& event) {
  switch (event.kind) {
    case EventKind::Text:
    case EventKind::Audio: write_text(event, PartKind::Text); break;  // sound: its transcript
    case EventKind::Refusal: write_text(event, PartKind::Refusal); break;
    case EventKind::Reasoning: write_reasoning(event); break;
    case EventKind::ToolCall: write_call(event); break;
    case EventKind::ToolArguments: write_arguments(event.text); break;
    case EventKind::ToolCallEnd:
      if (item_.kind == ItemKind::Call) {
        close("completed");
      }
      break;
    case EventKind::Citation: write_citation(event); break;
    case EventKind::Image: write_image(*event.media); break;
    case EventKind::Logprobs: take_logprobs(event.data); break;
    case EventKind::Native:
      if (event.name == kName) {
        const std::string json = one_line(event.data);
        write_whole(json, json);
      }
      break;
    case EventKind::Start:
    case EventKind::Usage:
    case EventKind::ServiceTier:
    case EventKind::Finish:
    case EventKind::Fault: break;
  }
}

std::string OutputWriter::new_id(std::string_view prefix) {
  return std::string(prefix) + "_tmp_" + std::string(stem_) + "_" + std::to_string(next_);
}

std::string OutputWriter::place() const {
  return "\"output_index\":" + std::to_string(next_) + ",\"item_id\":\"" + item_.id + '"';
}

std::string OutputWriter::part_place() const {
  const bool summary = part_.kind == PartKind::Summary;
  return place() + (summary ? ",\"summary_index\":" : ",\"content_index\":") +
         std::to_string(summary ? item_.summaries : item_.parts);
}

std::string OutputWriter::part_json() const {
  switch (part_.kind) {
    case PartKind::Text:
      return R"({"type":"output_text","text":")" + part_.text + R"(","annotations":[)" +
             part_.annotations + R"(],"logprobs":[)" + part_.logprobs + "]}";
    case PartKind::Refusal: return R"({"type":"refusal","refusal":")" + part_.text + "\"}";
    case PartKind::Summary: return R"({"type":"summary_text","text":")" + part_.text + "\"}";
    case PartKind::Thoughts: return R"({"type":"reasoning_text","text":")" + part_.text + "\"}";
    case PartKind::None: break;
  }
  return "{}";
}

void OutputWriter::open_item(ItemKind kind, std::string_view prefix, std::string_view id) {
  close("completed");
  item_.kind = kind;
  // A provider's own id goes back to it with the thoughts; no two items may have one.
  const bool usable = !id.empty() && !ids_.contains(id);
  const std::string own = usable ? std::string(id) : new_id(prefix);
  ids_.insert(own);
  item_.id = escaped(own);
}

void OutputWriter::open_part(PartKind kind, std::uint32_t block) {
  if (part_.kind == kind && part_.block == block) {
    return;
  }
  close_part();
  part_.kind = kind;
  part_.block = block;
  lines_.write(kind == PartKind::Summary ? "response.reasoning_summary_part.added"
                                         : "response.content_part.added",
               part_place() + ",\"part\":" + part_json());
}

void OutputWriter::add_delta(std::string_view text) {
  part_.text += text;
  if (!lines_.streams()) {
    return;
  }
  std::string members = part_place();
  members.append(",\"delta\":\"").append(text).append("\"");
  switch (part_.kind) {
    case PartKind::Text:
      members += ",\"logprobs\":[]";
      lines_.write("response.output_text.delta", members);
      break;
    case PartKind::Refusal: lines_.write("response.refusal.delta", members); break;
    case PartKind::Summary: lines_.write("response.reasoning_summary_text.delta", members); break;
    case PartKind::Thoughts: lines_.write("response.reasoning_text.delta", members); break;
    case PartKind::None: break;
  }
}

void OutputWriter::close_part() {
  if (part_.kind == PartKind::None) {
    return;
  }
  const std::string where = part_place();
  const std::string text = ",\"text\":\"" + part_.text + '"';
  const std::string json = part_json();
  const bool summary = part_.kind == PartKind::Summary;
  switch (part_.kind) {
    case PartKind::Text:
      lines_.write("response.output_text.done",
                   where + text + ",\"logprobs\":[" + part_.logprobs + "]");
      output_text_ += part_.text;
      break;
    case PartKind::Refusal:
      lines_.write("response.refusal.done", where + ",\"refusal\":\"" + part_.text + '"');
      break;
    case PartKind::Summary:
      lines_.write("response.reasoning_summary_text.done", where + text);
      break;
    case PartKind::Thoughts: lines_.write("response.reasoning_text.done", where + text); break;
    case PartKind::None: break;
  }
  lines_.write(summary ? "response.reasoning_summary_part.done" : "response.content_part.done",
               where + ",\"part\":" + json);
  append_item(summary ? item_.summary : item_.content, json);
  ++(summary ? item_.summaries : item_.parts);
  part_ = {};
}

void OutputWriter::finish_item(std::string_view json) {
  lines_.write("response.output_item.done",
               "\"output_index\":" + std::to_string(next_) + ",\"item\":" + std::string(json));
  append_item(items_, json);
  ++next_;
  item_ = {};
}

void OutputWriter::close(std::string_view status) {
  close_part();
  switch (item_.kind) {
    case ItemKind::None: return;
    case ItemKind::Message:
      finish_item(R"({"id":")" + item_.id + R"(","type":"message","role":"assistant","status":")" +
                  std::string(status) + R"(","content":[)" + item_.content + "]}");
      return;
    case ItemKind::Reasoning: {
      const ForeignThought& thought = item_.thought;
      const bool own = thought.format.empty() || is_own_format(thought.format);
      std::string json = R"({"id":")" + item_.id + R"(","type":"reasoning","summary":[)" +
                         item_.summary + R"(],"content":[)" + item_.content +
                         R"(],"encrypted_content":)";
      if (own && thought.signature.empty()) {
        json += thought.data.empty() ? "null" : quoted(thought.data);
      } else {
        json += quoted(pack(thought));
      }
      finish_item(json + R"(,"status":")" + std::string(status) + "\"}");
      return;
    }
    case ItemKind::Call: close_call(status); return;
  }
}

void OutputWriter::write_text(const Event& event, PartKind kind) {
  if (event.text.empty()) {
    return;
  }
  if (item_.kind != ItemKind::Message) {
    open_item(ItemKind::Message, "msg", {});
    lines_.write("response.output_item.added",
                 "\"output_index\":" + std::to_string(next_) + R"(,"item":{"id":")" + item_.id +
                     R"(","type":"message","role":"assistant","status":"in_progress",)" +
                     R"("content":[]})");
  }
  open_part(kind, event.index);
  add_delta(event.text);
}

// Whether it belongs to the thoughts that are open.  What was signed or encrypted is whole,
// unless the provider says by the id that more belongs to it.
bool OutputWriter::goes_on(const Event& event) const noexcept {
  const ForeignThought& thought = item_.thought;
  if (item_.kind != ItemKind::Reasoning ||
      (!event.name.empty() && !thought.format.empty() && event.name != thought.format)) {
    return false;
  }
  const bool sealed = !thought.signature.empty() || !thought.data.empty();
  const bool same_block = part_.kind != PartKind::None && part_.block == event.index;
  if (!event.id.empty() && !item_.source_id.empty()) {
    return event.id == item_.source_id && (thought.data.empty() || event.data.empty());
  }
  return !sealed || same_block;
}

void OutputWriter::write_reasoning(const Event& event) {
  if (event.text.empty() && event.data.empty() && event.signature.empty()) {
    return;
  }
  if (!goes_on(event)) {
    open_item(ItemKind::Reasoning, "rs", event.id);
    lines_.write("response.output_item.added",
                 "\"output_index\":" + std::to_string(next_) + R"(,"item":{"id":")" + item_.id +
                     R"(","type":"reasoning","summary":[],"content":[],)" +
                     R"("encrypted_content":null,"status":"in_progress"})");
  }
  item_.source_id = event.id.empty() ? item_.source_id : std::string(event.id);
  item_.thought.format = event.name.empty() ? item_.thought.format : std::string(event.name);
  if (!event.text.empty()) {
    open_part(
        event.reasoning == ReasoningPart::Kind::Summary ? PartKind::Summary : PartKind::Thoughts,
        event.index);
    add_delta(event.text);
  }
  item_.thought.signature += event.signature;
  item_.thought.data += event.data;
}

std::string OutputWriter::call_item(std::string_view status) const {
  return R"({"id":")" + item_.id + R"(","type":")" +
         (item_.custom ? "custom_tool_call" : "function_call") + R"(","status":")" +
         std::string(status) + '"' + item_.head +
         (item_.custom ? R"(,"input":")" : R"(,"arguments":")") + item_.arguments + "\"}";
}

void OutputWriter::write_call(const Event& event) {
  open_item(ItemKind::Call, event.custom ? "ctc" : "fc", {});
  item_.custom = event.custom;
  item_.name = quoted(event.name);
  item_.head = ",\"call_id\":" + quoted(event.id) + ",\"name\":" + item_.name;
  lines_.write("response.output_item.added", "\"output_index\":" + std::to_string(next_) +
                                                 ",\"item\":" + call_item("in_progress"));
}

void OutputWriter::write_arguments(std::string_view piece) {
  if (piece.empty() || item_.kind != ItemKind::Call) {
    return;
  }
  item_.arguments += piece;
  if (lines_.streams()) {
    lines_.write(item_.custom ? "response.custom_tool_call_input.delta"
                              : "response.function_call_arguments.delta",
                 place() + ",\"delta\":\"" + std::string(piece) + '"');
  }
}

void OutputWriter::close_call(std::string_view status) {
  if (item_.arguments.empty() && !item_.custom) {
    write_arguments("{}");  // clients parse it
  }
  if (item_.custom) {
    lines_.write("response.custom_tool_call_input.done",
                 place() + ",\"input\":\"" + item_.arguments + '"');
  } else {
    lines_.write("response.function_call_arguments.done",
                 place() + ",\"name\":" + item_.name + ",\"arguments\":\"" + item_.arguments + '"');
  }
  finish_item(call_item(status));
}

void OutputWriter::write_citation(const Event& event) {
  if (part_.kind != PartKind::Text) {
    return;  // of a text that is closed
  }
  JsonWriter json;
  responses::write_citation(json, *event.citation);
  append_item(part_.annotations, json.written());
  lines_.write("response.output_text.annotation.added",
               part_place() + ",\"annotation_index\":" + std::to_string(part_.citations++) +
                   ",\"annotation\":" + json.written());
}

// They are told when the text is done.
void OutputWriter::take_logprobs(std::string_view json) {
  JsonTree tree;
  if (part_.kind == PartKind::Text && tree.parse(json, JsonOrigin::Upstream)) {
    for (const JsonRef token : tree.root()["content"]) {
      append_item(part_.logprobs, one_line(token.raw()));
    }
  }
}

void OutputWriter::write_image(const MediaPart& media) {
  close("completed");
  const std::string begin =
      "{\"id\":" + quoted(new_id("ig")) + R"(,"type":"image_generation_call","status":)";
  write_whole(begin + R"("in_progress","result":null})",
              begin + R"("completed","result":)" + quoted(media.data) + "}");
}

void OutputWriter::write_whole(std::string_view added, std::string_view done) {
  close("completed");
  lines_.write("response.output_item.added",
               "\"output_index\":" + std::to_string(next_) + ",\"item\":" + std::string(added));
  finish_item(done);
}

}  // namespace waybill::dialects::responses
