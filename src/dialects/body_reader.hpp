// Reads a client's body, and says what is wrong with it.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/error.hpp"
#include "waybill/dialects/conversation.hpp"

#include "json_tree.hpp"

namespace waybill::dialects {

// Keeps the first fault; after one, reading goes on without harm and yields nothing of
// interest.  So a codec reads straight on and asks once, at the end:
//
//   BodyReader reader(body);
//   reader.names(reader.root(), {"model", "messages"}, unknown);
//   request.model = reader.text(reader.root()["model"]);
//   if (reader.fault()) return *reader.fault();
//
// Sentences name the member by its path: `"messages[3].content" must be a string.`
// Thread safety: none.
class BodyReader {
 public:
  // Requires: `body` outlives the reader.
  explicit BodyReader(std::string_view body);

  // Not there if the body is no JSON object; fault() then says so.
  [[nodiscard]] JsonRef root() const noexcept { return tree_.root(); }
  [[nodiscard]] const std::optional<Error>& fault() const noexcept { return fault_; }
  [[nodiscard]] bool good() const noexcept { return !fault_; }

  // `rule` completes: "..." must be `rule`.
  void refuse(const JsonRef& value, std::string_view rule);
  void refuse(std::string_view path, std::string_view rule);
  // A whole sentence.
  void refuse_saying(std::string sentence);

  // The member, which must be given; `what` completes: "..." is missing: `what`.
  JsonRef need(const JsonRef& object, std::string_view member, std::string_view what);

  // Looks at the names of an object's members: none of `known` may come twice; the others
  // are added to `unknown` by their path.
  void names(const JsonRef& object,
             std::initializer_list<std::string_view> known,
             std::vector<std::string>& unknown);

  // The following yield nothing ("" or nullopt) for a value that is absent or null, and
  // refuse one of another type or out of range.
  std::string text(const JsonRef& value);
  std::optional<bool> flag(const JsonRef& value);
  std::optional<double> number(const JsonRef& value, double least, double most);
  std::optional<std::uint64_t> count(const JsonRef& value,
                                     std::uint64_t least = 0,
                                     std::uint64_t most = kMostTokens);
  std::optional<std::int64_t> integer(const JsonRef& value);
  std::string json_object(const JsonRef& value);  // as it stands
  // The position in `words` of a string that must be one of them; the sentence names all.
  std::optional<std::size_t> one_of(const JsonRef& value,
                                    std::initializer_list<std::string_view> words);
  std::vector<std::string> texts(const JsonRef& value, std::size_t most);
  // False where it is absent, null, or refused.
  bool object(const JsonRef& value);
  bool array(const JsonRef& value, std::size_t most = 10'000);

  // A string that is an https, http or data URL (data: in base64): fills source, data and
  // media_type.
  void media_url(const JsonRef& value, MediaPart& media);

  // OpenRouter's extensions to every dialect, at the top: `models`, `session_id`; members
  // that would choose where or with whose key providers are called are refused.
  void router_members(Conversation& conversation);
  // Those, and what is read elsewhere and never sent on ("provider", "plugins", ...).
  static bool is_router_member(std::string_view name);

  static constexpr std::uint64_t kMostTokens = 2'147'483'647;

 private:
  JsonTree tree_;
  std::optional<Error> fault_;
};

}  // namespace waybill::dialects
