// Which URLs may stand in a message.

#pragma once

#include <cstdint>
#include <string_view>

namespace waybill::dialects {

enum class MediaUrl : std::uint8_t {
  Remote,     // http or https, to a public name or address
  Data,       // data:
  BadScheme,  // any other scheme, or none
  Malformed,  // http(s), but two parsers might see two hosts in it
  Private,    // http(s), to an address or name inside somebody's network
};

// Looks at the text only: nothing is resolved or fetched.  Waybill passes media
// URLs on, so this keeps clients from pointing a provider (or a local server that
// is one) at addresses of its own network; whoever fetches checks again what the
// name resolves to.  In doubt it says Malformed.
[[nodiscard]] MediaUrl classify_media_url(std::string_view url);

}  // namespace waybill::dialects
