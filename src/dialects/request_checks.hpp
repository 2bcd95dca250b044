// Checks that the readers of single request members share.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "request_context.hpp"

namespace waybill::dialects {

// Refuses with `"member" must be <rule>.`
bool refuse(RequestContext& context, RequestMember member, std::string_view rule);

// The next value has the type, or the request is refused.
bool expect(RequestContext& context, RequestMember member, JsonType type, std::string_view rule);

struct NumberRange {
  double least;
  double most;
  std::string_view rule;
  bool above_least = false;  // least itself is refused
};
bool read_number(RequestContext& context, RequestMember member, const NumberRange& allowed);

struct WholeRange {
  std::uint64_t least;
  std::uint64_t most;
  std::string_view rule;
};
bool read_whole(RequestContext& context,
                RequestMember member,
                const WholeRange& allowed,
                std::uint64_t& value);

// A string that becomes a label, a key or part of a URL somewhere: at most `most`
// bytes, no control characters.
bool read_label(RequestContext& context,
                RequestMember member,
                std::size_t most,
                std::string& label);

}  // namespace waybill::dialects
