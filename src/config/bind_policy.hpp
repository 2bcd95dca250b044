// The data policy of a provider or an endpoint.

#pragma once

#include "waybill/config/settings.hpp"

#include "reading.hpp"

namespace waybill::config {

[[nodiscard]] inline DataPolicy bind_policy(const Node* node) {
  DataPolicy out;
  if (const Node* training = member(node, "training")) {
    out.training = training->text == "true" ? Training::Yes : Training::No;
  }
  const Node* retention = member(node, "retention");
  if (retention == nullptr) {
    return out;
  }
  if (retention->text == "none") {
    out.retention = Retention::None;
  } else if (retention->text == "kept") {
    out.retention = Retention::Kept;
  } else if (const auto duration = parse_duration(retention->text)) {
    out.retention = Retention::Limited;
    out.retention_time = std::chrono::ceil<std::chrono::hours>(*duration);
  }
  return out;
}

}  // namespace waybill::config
