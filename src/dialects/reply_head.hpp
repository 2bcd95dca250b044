// The members at the head of a reply or chunk that are ours.

#pragma once

#include <string>

#include "waybill/base/text.hpp"
#include "waybill/dialects/openai_reply.hpp"

namespace waybill::dialects {

struct ReplyHead {
  const ReplyIdentity& identity;
  bool has_id = false;
  bool has_model = false;
  bool add_provider = false;
  bool add_fingerprint = false;
  bool has_members = false;

  // Appends what stands in place of a splice of `kind`.
  void write(std::string& out, SpliceKind kind) const {
    switch (kind) {
      case SpliceKind::Id: append_json_string(out, identity.id); return;
      case SpliceKind::Model: append_json_string(out, identity.model); return;
      case SpliceKind::Provider: append_json_string(out, identity.provider); return;
      case SpliceKind::AfterModel: write_after_model(out); return;
      case SpliceKind::Head: write_head(out); return;
      case SpliceKind::Cut:
      case SpliceKind::Usage:
      case SpliceKind::StreamUsage:
      case SpliceKind::StreamObject:
      case SpliceKind::StreamValue:
      case SpliceKind::LimitKey:
      case SpliceKind::LimitValue:
      case SpliceKind::OldLimit:
      case SpliceKind::NewLimit:
      case SpliceKind::Tail: return;
    }
  }

 private:
  void write_after_model(std::string& out) const {
    if (add_provider) {
      out += ",\"provider\":";
      append_json_string(out, identity.provider);
    }
    if (add_fingerprint) {
      out += ",\"system_fingerprint\":null";
    }
  }

  void write_head(std::string& out) const {
    if (!has_id) {
      out += "\"id\":";
      append_json_string(out, identity.id);
    }
    if (!has_model) {
      out += has_id ? "\"model\":" : ",\"model\":";
      append_json_string(out, identity.model);
      write_after_model(out);
    }
    if (has_members) {
      out += ',';
    }
  }
};

}  // namespace waybill::dialects
