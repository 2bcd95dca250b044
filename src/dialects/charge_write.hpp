// What something cost, as members of the object that is being written.

#pragma once

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::dialects {

// OpenRouter's members of `usage`, where the counts beside them are of another shape than
// append_usage() writes.
inline void write_charge(JsonWriter& json, const Charge& charge) {
  json.amount("cost", charge.total);
  json.flag("is_byok", charge.key == KeyOwner::Client);
  json.begin_object("cost_details");
  json.amount("upstream_inference_cost",
              add(charge.prompt, charge.completion).value_or(charge.total));
  json.amount("upstream_inference_prompt_cost", charge.prompt);
  json.amount("upstream_inference_completions_cost", charge.completion);
  json.end_object();
}

}  // namespace waybill::dialects
