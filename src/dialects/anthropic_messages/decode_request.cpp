// A client's request in Anthropic's dialect.

#include <utility>

#include "../body_reader.hpp"
#include "anthropic_messages.hpp"

namespace waybill::dialects::anthropic {
namespace {

using Kind = MediaPart::Kind;
using Source = MediaPart::Source;

class RequestDecoder {
 public:
  explicit RequestDecoder(std::string_view body) : reader_(body) {}

  Result<Conversation> decode();

 private:
  void read_messages();
  void read_message(const JsonRef& message);
  std::vector<Part> read_content(const JsonRef& content, Role role);
  Part read_part(const JsonRef& block, Role role);
  MediaPart read_media(const JsonRef& block, Kind kind);
  ToolResultPart read_tool_result(const JsonRef& block);
  void read_tools();
  Tool read_tool(const JsonRef& tool);
  void read_tool_choice();
  void read_thinking();
  void read_output();
  void read_sampling();
  CacheMark cache_mark(const JsonRef& holder);

  BodyReader reader_;
  Conversation request_;
};

Result<Conversation> RequestDecoder::decode() {
  const JsonRef root = reader_.root();
  reader_.names(root,
                {"model", "messages", "system", "max_tokens", "temperature", "top_p", "top_k",
                 "stop_sequences", "stream", "tools", "tool_choice", "thinking", "output_config",
                 "output_format", "metadata", "service_tier", "cache_control", "user"},
                request_.unknown);
  std::erase_if(request_.unknown, BodyReader::is_router_member);
  request_.model = reader_.text(root["model"]);
  if (root["system"].given()) {
    Message system{.role = Role::System, .parts = read_content(root["system"], Role::System)};
    if (!system.parts.empty()) {
      request_.messages.push_back(std::move(system));
    }
  }
  read_messages();
  read_tools();
  read_tool_choice();
  read_thinking();
  read_output();
  read_sampling();
  reader_.router_members(request_);
  if (!reader_.good()) {
    return *reader_.fault();
  }
  return std::move(request_);
}

CacheMark RequestDecoder::cache_mark(const JsonRef& holder) {
  const JsonRef mark = holder["cache_control"];
  if (reader_.object(mark)) {
    reader_.one_of(mark["type"], {"ephemeral"});
    reader_.one_of(mark["ttl"], {"5m", "1h"});
  }
  return read_cache_mark(holder);
}

void RequestDecoder::read_messages() {
  const JsonRef messages =
      reader_.need(reader_.root(), "messages", "say what the model shall answer");
  if (!reader_.array(messages)) {
    return;
  }
  if (messages.empty()) {
    reader_.refuse(messages, "a list of at least one message");
  }
  for (const JsonRef message : messages) {
    if (reader_.good()) {
      read_message(message);
    }
  }
}

// A user's message holds results of tools beside what the user says; a conversation keeps
// them in messages of their own, in their order.
void RequestDecoder::read_message(const JsonRef& message) {
  if (!message.is_object()) {
    reader_.refuse(message, R"(an object with "role" and "content")");
    return;
  }
  reader_.names(message, {"role", "content"}, request_.unknown);
  const JsonRef word = reader_.need(message, "role", R"("user" or "assistant")");
  const auto position = reader_.one_of(word, {"user", "assistant", "system"});
  const Role role = position == 1 ? Role::Assistant : position == 2 ? Role::System : Role::User;
  const JsonRef content = reader_.need(message, "content", "a string or a list of blocks");
  std::vector<Part> parts = read_content(content, role);
  if (parts.empty()) {
    request_.messages.push_back({.role = role});
    return;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool result = std::holds_alternative<ToolResultPart>(parts[i].value);
    const Role own = result ? Role::Tool : role;
    if (i == 0 || request_.messages.back().role != own) {
      request_.messages.push_back({.role = own});
    }
    request_.messages.back().parts.push_back(std::move(parts[i]));
  }
}

std::vector<Part> RequestDecoder::read_content(const JsonRef& content, Role role) {
  std::vector<Part> parts;
  if (content.is_string()) {
    parts.push_back({TextPart{content.text(), {}}});
    return parts;
  }
  if (content.given() && !content.is_array()) {
    reader_.refuse(content, "a string or a list of blocks");
    return parts;
  }
  for (const JsonRef block : content) {
    if (!block.is_object()) {
      reader_.refuse(block, "a content block (an object)");
      return parts;
    }
    parts.push_back(read_part(block, role));
  }
  return parts;
}

Part RequestDecoder::read_part(const JsonRef& block, Role role) {
  const JsonRef type = reader_.need(block, "type", "the kind of the block");
  Part part;
  if (type.equals("text")) {
    reader_.text(reader_.need(block, "text", "a string"));
    part = read_block(block);
  } else if (type.equals("image")) {
    part.value = read_media(block, Kind::Image);
  } else if (type.equals("document")) {
    part.value = read_media(block, Kind::File);
  } else if (type.equals("tool_result") && role != Role::Assistant) {
    part.value = read_tool_result(block);
  } else if (type.equals("tool_use")) {
    reader_.text(reader_.need(block, "id", "the id of the call"));
    reader_.text(reader_.need(block, "name", "the name of the tool"));
    if (block["input"].given() && !block["input"].is_object()) {
      reader_.refuse(block["input"], "an object");
    }
    part = read_block(block);
  } else {
    reader_.text(type);
    part = read_block(block);
  }
  part.cache = cache_mark(block);
  return part;
}

MediaPart RequestDecoder::read_media(const JsonRef& block, Kind kind) {
  MediaPart media{.kind = kind};
  media.name = reader_.text(block["title"]);
  const JsonRef source = reader_.need(block, "source", "where the bytes are");
  if (!reader_.object(source)) {
    return media;
  }
  reader_.need(source, "type", "\"base64\", \"url\", \"file\", or \"text\" for a document");
  switch (
      reader_.one_of(source["type"], {"base64", "url", "file", "text", "content"}).value_or(9)) {
    case 0:
      media.media_type = reader_.text(reader_.need(source, "media_type", "such as \"image/png\""));
      media.data = reader_.text(reader_.need(source, "data", "the bytes in base64"));
      break;
    case 1: reader_.media_url(reader_.need(source, "url", "an https URL"), media); break;
    case 2:
      media.source = Source::Id;
      media.data = reader_.text(reader_.need(source, "file_id", "the id of the file"));
      break;
    case 3:
      media.source = Source::Text;
      media.media_type = "text/plain";
      media.data = reader_.text(reader_.need(source, "data", "the text"));
      break;
    case 4: {  // a document in blocks of its own: its words are its text
      media.source = Source::Text;
      media.media_type = "text/plain";
      const JsonRef content = source["content"];
      media.data = content.text();
      for (const JsonRef inner : content) {
        media.data += inner["text"].text();
      }
      break;
    }
    default: break;
  }
  return media;
}

ToolResultPart RequestDecoder::read_tool_result(const JsonRef& block) {
  ToolResultPart result;
  result.call_id = reader_.text(reader_.need(block, "tool_use_id", "the id of the call"));
  result.is_error = reader_.flag(block["is_error"]).value_or(false);
  result.content = read_content(block["content"], Role::Tool);
  return result;
}

void RequestDecoder::read_tools() {
  const JsonRef tools = reader_.root()["tools"];
  if (reader_.array(tools, 1'000)) {
    for (const JsonRef tool : tools) {
      if (!tool.is_object()) {
        reader_.refuse(tool, "an object");
        return;
      }
      request_.tools.push_back(read_tool(tool));
    }
  }
}

Tool RequestDecoder::read_tool(const JsonRef& tool) {
  Tool out;
  out.name = reader_.text(tool["name"]);
  const JsonRef type = tool["type"];
  if (type.given() && !type.equals("custom")) {
    reader_.text(type);
    out.native_json = tool.raw();
    out.native_dialect = kName;
    return out;
  }
  reader_.names(tool, {"name", "type", "description", "input_schema", "strict", "cache_control"},
                request_.unknown);
  reader_.need(tool, "name", "the name of the tool");
  out.description = reader_.text(tool["description"]);
  out.schema_json =
      reader_.json_object(reader_.need(tool, "input_schema", "the JSON schema of its input"));
  out.strict = reader_.flag(tool["strict"]);
  out.cache = cache_mark(tool);
  return out;
}

void RequestDecoder::read_tool_choice() {
  const JsonRef choice = reader_.root()["tool_choice"];
  if (!reader_.object(choice)) {
    return;
  }
  using Mode = ToolChoice::Mode;
  constexpr Mode kModes[]{Mode::Auto, Mode::Required, Mode::None, Mode::Named};
  const JsonRef type = reader_.need(choice, "type", R"("auto", "any", "none" or "tool")");
  const auto word = reader_.one_of(type, {"auto", "any", "none", "tool"});
  request_.tool_choice.mode = word ? kModes[*word] : Mode::Unset;
  if (request_.tool_choice.mode == Mode::Named) {
    request_.tool_choice.name = reader_.text(reader_.need(choice, "name", "the tool to call"));
  }
  if (const auto alone = reader_.flag(choice["disable_parallel_tool_use"])) {
    request_.parallel_tool_calls = !*alone;
  }
}

void RequestDecoder::read_thinking() {
  const JsonRef thinking = reader_.root()["thinking"];
  if (!reader_.object(thinking)) {
    return;
  }
  const auto word = reader_.one_of(thinking["type"], {"enabled", "disabled", "adaptive"});
  if (word == 0) {
    request_.reasoning.budget =
        reader_.count(reader_.need(thinking, "budget_tokens", "how many tokens to think"), 1'024);
  }
  request_.reasoning.enabled = word != 1;
  if (thinking["display"].equals("omitted")) {
    request_.reasoning.exclude = true;
  }
}

// output_config, and output_format as the beta of 2025-11-13 called its schema.
void RequestDecoder::read_output() {
  const JsonRef config = reader_.root()["output_config"];
  JsonRef format = reader_.root()["output_format"];
  if (reader_.object(config)) {
    const JsonRef effort = config["effort"];
    if (reader_.one_of(effort, {"minimal", "low", "medium", "high", "xhigh", "max"})) {
      request_.reasoning.effort = parse_effort(effort.text());
    }
    format = config["format"].given() ? config["format"] : format;
    for (const JsonRef member : config) {
      if (!member.named("effort") && !member.named("format")) {
        request_.unknown.push_back(member.path());
      }
    }
  }
  if (reader_.object(format)) {
    reader_.one_of(format["type"], {"json_schema"});
    request_.format.kind = ResponseFormat::Kind::JsonSchema;
    request_.format.schema_json =
        reader_.json_object(reader_.need(format, "schema", "the JSON schema of the answer"));
  }
}

void RequestDecoder::read_sampling() {
  const JsonRef root = reader_.root();
  request_.max_output_tokens =
      reader_.count(root["max_tokens"], 1);  // OpenRouter does without it; so do counts of tokens
  request_.sampling.temperature = reader_.number(root["temperature"], 0, 1);
  request_.sampling.top_p = reader_.number(root["top_p"], 0, 1);
  request_.sampling.top_k = reader_.count(root["top_k"]);
  request_.sampling.stop = reader_.texts(root["stop_sequences"], 8'191);
  request_.stream = reader_.flag(root["stream"]).value_or(false);
  const JsonRef metadata = root["metadata"];
  if (reader_.object(metadata)) {
    request_.user = reader_.text(metadata["user_id"]);
  }
  if (root["user"].given()) {
    request_.user = reader_.text(root["user"]);
  }
  const auto tier = reader_.one_of(root["service_tier"], {"auto", "standard_only"});
  request_.service_tier = !tier ? "" : *tier == 0 ? "auto" : "default";
  request_.cache = cache_mark(root);
}

}  // namespace

Result<Conversation> decode_request(std::string_view body) {
  return RequestDecoder(body).decode();
}

}  // namespace waybill::dialects::anthropic
