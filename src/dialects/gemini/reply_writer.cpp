// Answers for clients: whole, and as a stream of server-sent events, as with `alt=sse`.

#include <utility>

#include "waybill/base/text.hpp"

#include "../escaped.hpp"
#include "gemini.hpp"
#include "part_writer.hpp"

namespace waybill::dialects::gemini {
namespace {

// The members that every response and chunk ends with.
class Envelope {
 public:
  explicit Envelope(const ReplyContext& context) {
    members_ = ",\"modelVersion\":";
    append_json_string(members_, context.model);
    members_ += ",\"responseId\":";
    append_json_string(members_, context.id);
    members_ += ",\"provider\":";
    append_json_string(members_, context.provider);
  }
  [[nodiscard]] const std::string& members() const noexcept { return members_; }

 private:
  std::string members_;
};

// The members that tell what it cost, after a comma.
std::string usage_members(const ReplyBill& bill, std::string_view service_tier) {
  JsonWriter json;
  json.begin_object();
  write_usage(json, bill, service_tier);
  std::string out = json.take();
  out.front() = ',';
  return out;
}

class StreamWriter final : public EventWriter, private PartWriter::Output {
 public:
  StreamWriter(const ReplyContext& context, std::string& out)
      : out_(out),
        envelope_(context),
        id_(context.id),
        parts_(*this, context.hide_reasoning) {}

  void take(const Event& event) override {
    if (!over_) {
      parts_.take(event);
    }
  }
  void end(const ReplyBill& bill) override;
  void fail(const StreamError& error) override;

 private:
  void part(std::uint32_t choice, std::string_view json) override;

  std::string& out_;
  Envelope envelope_;
  std::string id_;
  PartWriter parts_;
  bool over_ = false;
};

void StreamWriter::part(std::uint32_t choice, std::string_view json) {
  out_.append(R"(data: {"candidates":[{"content":{"parts":[)").append(json);
  out_.append(R"(],"role":"model"},"index":)").append(std::to_string(choice)).append("}]");
  out_.append(envelope_.members()).append("}\n\n");
}

void StreamWriter::end(const ReplyBill& bill) {
  if (over_) {
    return;
  }
  parts_.flush();
  over_ = true;
  out_ += "data: {\"candidates\":[";
  for (std::uint32_t choice = 0; choice < parts_.choices(); ++choice) {
    out_ += choice == 0 ? "" : ",";
    out_ += R"({"content":{"parts":[{"text":""}],"role":"model"})";
    parts_.write_end(choice, out_);
    out_ += '}';
  }
  out_ += ']';
  out_.append(usage_members(bill, parts_.service_tier()));
  out_.append(envelope_.members()).append("}\n\n");
}

// What waits behind a call that is not whole stays unsaid: so would the call.
void StreamWriter::fail(const StreamError& error) {
  if (std::exchange(over_, true)) {
    return;
  }
  std::string metadata;
  if (!error.provider_code.empty()) {
    metadata = ",\"provider_code\":";
    append_json_string(metadata, error.provider_code);
  }
  out_ += "data: ";
  encode_error({.status = static_cast<unsigned>(error.code),
                .code = error.error_type,
                .message = error.message,
                .error_type = error.error_type,
                .id = id_,
                .metadata = metadata},
               out_);
  out_ += "\n\n";
}

// Collects the parts of one answer.
class WholeParts final : public PartWriter::Output {
 public:
  void part(std::uint32_t choice, std::string_view json) override {
    if (choices_.size() <= choice) {
      choices_.resize(choice + 1);
    }
    choices_[choice].append(choices_[choice].empty() ? "" : ",").append(json);
  }
  [[nodiscard]] std::string_view of(std::uint32_t choice) const noexcept {
    return choice < choices_.size() ? std::string_view(choices_[choice]) : std::string_view{};
  }

 private:
  std::vector<std::string> choices_;
};

}  // namespace

std::unique_ptr<EventWriter> make_writer(const ReplyContext& context, std::string& out) {
  return std::make_unique<StreamWriter>(context, out);
}

void encode_response(const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out) {
  WholeParts whole;
  PartWriter parts(whole, context.hide_reasoning);
  tell(answer, parts);
  parts.flush();
  out += "{\"candidates\":[";
  for (std::uint32_t choice = 0; choice < parts.choices(); ++choice) {
    out += choice == 0 ? "" : ",";
    out.append(R"({"content":{"parts":[)").append(whole.of(choice)).append("],\"role\":\"model\"}");
    parts.write_end(choice, out);
    out += '}';
  }
  out += ']';
  out.append(usage_members(bill, parts.service_tier())).append(Envelope(context).members());
  out += '}';
}

}  // namespace waybill::dialects::gemini
