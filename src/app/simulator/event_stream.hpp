// Messages of application/vnd.amazon.eventstream (Smithy, "Amazon Event Stream
// Specification"): how Bedrock streams.

#pragma once

#include <string>
#include <string_view>

namespace waybill::app::simulator {

// An event with JSON in it: `type` is "contentBlockDelta", "chunk", ...
[[nodiscard]] std::string aws_event(std::string_view type, std::string_view payload);
// An exception that ends the stream: `type` is "modelStreamErrorException", ...
[[nodiscard]] std::string aws_exception(std::string_view type, std::string_view payload);

}  // namespace waybill::app::simulator
