#include "waybill/base/text.hpp"
#include "waybill/dialects/openai_request.hpp"

#include "splice_writer.hpp"

namespace waybill::dialects {
namespace {

constexpr std::string_view kIncludeUsage = R"({"include_usage":true})";

class UpstreamWriter {
 public:
  UpstreamWriter(std::string& out,
                 std::string_view body,
                 const RequestFacts& facts,
                 const UpstreamRequest& upstream) noexcept
      : out_(out),
        body_(body),
        facts_(facts),
        upstream_(upstream),
        ask_(facts.stream && upstream.usage == UsageRequest::Ask) {}

  void write() {
    const bool remove =
        facts_.has_stream_options && (!facts_.stream || upstream_.usage == UsageRequest::Remove);
    if (remove) {
      SpliceList splices = facts_.splices;
      splices.add(SpliceKind::Cut, facts_.without_stream_options);
      write_spliced(out_, body_, splices, *this);
    } else {
      write_spliced(out_, body_, facts_.splices, *this);
    }
  }

  void operator()(const Splice& splice) {
    const std::string_view original = splice.range.of(body_);
    switch (splice.kind) {
      case SpliceKind::Model: append_json_string(out_, upstream_.upstream_model); break;
      case SpliceKind::Head:
        out_ += "\"model\":";
        append_json_string(out_, upstream_.upstream_model);
        out_ += ',';  // the prompt always follows
        break;
      case SpliceKind::StreamUsage: out_ += ask_ ? std::string_view("true") : original; break;
      case SpliceKind::StreamValue: out_ += ask_ ? kIncludeUsage : original; break;
      case SpliceKind::StreamObject:
        if (ask_) {  // the opening brace, or another member, stands before
          const std::size_t last = out_.find_last_not_of(" \t\r\n");
          out_ += out_[last] == '{' ? "" : ",";
          out_ += "\"include_usage\":true";
        }
        break;
      case SpliceKind::LimitKey: write_limit_name(original); break;
      case SpliceKind::LimitValue: write_limit(original); break;
      case SpliceKind::OldLimit: write_limit_of_two(RequestMember::MaxTokens, original); break;
      case SpliceKind::NewLimit:
        write_limit_of_two(RequestMember::MaxCompletionTokens, original);
        break;
      case SpliceKind::Tail: write_tail(); break;
      case SpliceKind::Cut:
      case SpliceKind::Id:
      case SpliceKind::Provider:
      case SpliceKind::Usage:
      case SpliceKind::AfterModel: break;
    }
  }

 private:
  void write_limit_name(std::string_view original) {
    if (upstream_.limit_member.empty()) {
      out_ += original;
    } else {
      append_json_string(out_, upstream_.limit_member);
    }
  }

  // A provider that has one name for it gets the limit under that name, and null under the other.
  void write_limit_of_two(RequestMember member, std::string_view original) {
    if (upstream_.limit_member.empty()) {
      write_limit(original);
    } else if (name(member) == upstream_.limit_member) {
      const ByteRange& old_value = facts_.value(RequestMember::MaxTokens);
      const ByteRange& new_value = facts_.value(RequestMember::MaxCompletionTokens);
      write_limit(new_value.empty() && !old_value.empty() ? old_value.of(body_)
                  : new_value.empty()                     ? original
                                                          : new_value.of(body_));
    } else {
      out_ += "null";
    }
  }

  void write_limit(std::string_view original) {
    const auto& cap = upstream_.output_cap;
    if (cap && facts_.max_output_tokens.value_or(*cap + 1) > *cap) {
      out_ += std::to_string(*cap);
    } else {
      out_ += original;
    }
  }

  void write_tail() {
    if (ask_ && !facts_.has_stream_options) {
      out_ += ",\"stream_options\":";
      out_ += kIncludeUsage;
    }
    if (upstream_.output_cap && !facts_.has_limit_member) {
      out_ += ',';
      write_limit_name("\"max_tokens\"");
      out_ += ':';
      out_ += std::to_string(*upstream_.output_cap);
    }
  }

  std::string& out_;
  std::string_view body_;
  const RequestFacts& facts_;
  const UpstreamRequest& upstream_;
  bool ask_;
};

}  // namespace

void write_upstream_request(std::string& out,
                            std::string_view body,
                            const RequestFacts& facts,
                            const UpstreamRequest& upstream) {
  UpstreamWriter(out, body, facts, upstream).write();
}

}  // namespace waybill::dialects
