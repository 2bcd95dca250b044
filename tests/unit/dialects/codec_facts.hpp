// What an answer says, as text that two answers can be compared by.

#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "waybill/dialects/codec.hpp"

namespace waybill::dialects::test {

// Arguments that are no JSON travel as text inside an object where a dialect wants one.
inline nlohmann::json parsed(const std::string& arguments) {
  auto value = nlohmann::json::parse(arguments, nullptr, false);
  if (value.is_object() && value.size() == 1 && value.contains("raw_arguments")) {
    return value.at("raw_arguments");
  }
  return value.is_discarded() ? nlohmann::json(arguments) : value;
}

struct SaidFacts {
  std::string text;
  std::string reasoning;
  nlohmann::json calls = nlohmann::json::array();  // [name, parsed arguments]
  std::string finish;

  friend bool operator==(const SaidFacts&, const SaidFacts&) = default;
};

inline SaidFacts said_by(const Choice& choice) {
  SaidFacts facts;
  for (const Part& part : choice.parts) {
    if (const auto* const text = std::get_if<TextPart>(&part.value)) {
      facts.text += text->text;
    } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
      facts.text += refusal->text;
    } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      facts.reasoning += thought->text;
    } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
      facts.text += media->transcript;  // where sound has no place its words are told
    } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
      facts.calls.push_back({call->name, parsed(call->arguments.empty() ? "{}" : call->arguments)});
    }
  }
  // Not every dialect tells an answer that ends with calls from one that ends beside them.
  const bool called = choice.finish == FinishReason::Stop && !facts.calls.empty();
  facts.finish = name(called ? FinishReason::ToolCalls : choice.finish);
  return facts;
}

inline nlohmann::json to_json(const SaidFacts& facts) {
  return {{"text", facts.text},
          {"reasoning", facts.reasoning},
          {"calls", facts.calls},
          {"finish", facts.finish}};
}

inline nlohmann::json to_json(const Answer& answer) {
  auto out = nlohmann::json::array();
  for (const Choice& choice : answer.choices) {
    out.push_back(to_json(said_by(choice)));
  }
  return out;
}

// Everything, for answers that must be the same to the last member.
inline std::string dump(const Answer& answer) {
  nlohmann::json out = to_json(answer);
  std::string signatures;
  for (const Choice& choice : answer.choices) {
    for (const Part& part : choice.parts) {
      if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
        signatures += thought->signature + '|' + thought->data + '|' + thought->id + '|';
      } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
        signatures += call->id + '|' + call->arguments + '|';
      } else if (const auto* const native = std::get_if<NativePart>(&part.value)) {
        signatures += native->json + '|';
      } else if (const auto* const text = std::get_if<TextPart>(&part.value)) {
        for (const Citation& citation : text->citations) {
          signatures += citation.url + '|' + citation.text + '|';
        }
      }
    }
    signatures += choice.native_finish + choice.logprobs_json;
  }
  const Usage usage = answer.usage.value_or(Usage());
  return out.dump() + signatures + answer.id + answer.model + std::to_string(usage.prompt) + '/' +
         std::to_string(usage.completion) + '/' + std::to_string(usage.cached_read) + '/' +
         std::to_string(usage.reasoning);
}

}  // namespace waybill::dialects::test
