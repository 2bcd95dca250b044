// A body or a stream passed on in its own dialect, but for what of it is Waybill's.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waybill/dialects/codec.hpp"

#include "json_tree.hpp"

namespace waybill::dialects {

// Changes of one JSON text; what is not changed stays byte for byte.
//
// Requires: every place is of the text given to apply().
class JsonPatch {
 public:
  // Replaces the value, if it is there.
  void replace(const JsonRef& value, std::string with);
  // Adds members behind those of the object; `members` is written without a comma in front.
  void append(const JsonRef& object, std::string_view members);
  [[nodiscard]] std::string apply(std::string_view text) const;

 private:
  struct Change {
    std::string_view place;  // where it has no length: before it
    std::string with;
  };
  std::vector<Change> changes_;
};

// How a dialect's bodies are passed on.
struct PassageRules {
  // Writes our members over those of `root`, a whole answer or one message of a stream.
  void (*identify)(const JsonRef& root, const ReplyContext& context, JsonPatch& patch) = nullptr;
  // Whether this message of a stream ends the answer or has its usage: it and all that follow
  // wait for the settlement.
  bool (*ends)(const JsonRef& root) = nullptr;
  // Writes the cost into the usage of an answer's last message, or the usage itself where it
  // is not the provider's.
  void (*bill)(const JsonRef& root, const ReplyBill& bill, JsonPatch& patch) = nullptr;
};

// `"cost":0.1,"is_byok":false,"cost_details":{...}`.
[[nodiscard]] std::string cost_members(const Charge& charge);

// The body of a client's request for a provider that speaks its dialect: the value of `model`
// replaced, OpenRouter's members gone, all else as it was.  `more` is added: members without a
// comma in front; "" for none.
Result<std::string> pass_request(std::string_view body,
                                 const EncodeTarget& target,
                                 std::string_view more = {});

void pass_response(const PassageRules& rules,
                   std::string_view body,
                   const ReplyContext& context,
                   const ReplyBill& bill,
                   std::string& out);

// `dialect` and `out` outlive the writer.
std::unique_ptr<FrameWriter> pass_stream(const Dialect& dialect,
                                         const PassageRules& rules,
                                         const ReplyContext& context,
                                         std::string& out);

}  // namespace waybill::dialects
