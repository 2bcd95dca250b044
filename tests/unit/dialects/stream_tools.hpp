// Streams cut anywhere, and what an answer says in short.

#pragma once

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waybill/dialects/codec.hpp"

#include "fixtures.hpp"

namespace waybill::dialects::test {

struct Told {
  Answer answer;
  std::optional<UpstreamFault> fault;
  bool good = true;
  bool ended = false;
};

// The answer that `bytes` tell when they come in pieces of `sizes`, over and over.
inline Told told(const Dialect& dialect,
                 std::string_view bytes,
                 const std::vector<std::size_t>& sizes) {
  StreamDecoder decoder(dialect, {});
  AnswerBuilder builder;
  Told out;
  for (std::size_t at = 0, i = 0; at < bytes.size() && out.good; ++i) {
    // A copy, so that a reader that keeps a view of the last piece is found out.
    const std::string piece(bytes.substr(at, sizes[i % sizes.size()]));
    out.good = decoder.feed(piece, builder);
    at += piece.size();
  }
  out.good = out.good && decoder.finish(builder);
  out.ended = decoder.ended();
  out.fault = builder.fault();
  out.answer = builder.finish();
  return out;
}

inline Told told(const Dialect& dialect, std::string_view bytes) {
  return told(dialect, bytes, {std::max<std::size_t>(bytes.size(), 1)});
}

inline std::vector<std::size_t> random_sizes(std::uint_fast32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::size_t> sizes(97);
  for (std::size_t& size : sizes) {
    size = 1 + random() % 200;
  }
  return sizes;
}

struct Facts {
  std::string text;
  std::string reasoning;
  std::vector<std::tuple<std::string, std::string, nlohmann::json>> calls;
  FinishReason finish = FinishReason::None;
  std::string native_finish;
  std::optional<Usage> usage;

  friend bool operator==(const Facts&, const Facts&) = default;
};

inline Facts facts_of(const Answer& answer) {
  Facts facts;
  facts.usage = answer.usage;
  if (answer.choices.empty()) {
    return facts;
  }
  const Choice& choice = answer.choices.front();
  facts.finish = choice.finish;
  facts.native_finish = choice.native_finish;
  for (const Part& part : choice.parts) {
    if (const auto* const text = std::get_if<TextPart>(&part.value)) {
      facts.text += text->text;
    } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      facts.reasoning += thought->text;
    } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
      facts.calls.emplace_back(call->id, call->name,
                               nlohmann::json::parse(call->arguments, nullptr, false));
    }
  }
  return facts;
}

struct DialectRecording {
  std::string id;
  nlohmann::json meta;
  nlohmann::json request;   // null where nobody knows it
  nlohmann::json expected;  // null where no oracle looked
  std::string response;
  bool stream = false;
  int status = 200;
};

// Every public recording of `dialect` (the fixtures' word for it).
inline std::vector<DialectRecording> recordings_of(std::string_view dialect) {
  std::vector<DialectRecording> found;
  const std::filesystem::path root = fixtures() / "public" / "recordings";
  std::ifstream manifest(fixtures() / "public" / "manifest.jsonl");
  for (std::string line; std::getline(manifest, line);) {
    const auto entry = nlohmann::json::parse(line);
    if (entry.at("dialect") != dialect) {
      continue;
    }
    const std::filesystem::path folder = root / entry.at("id").get<std::string>();
    const auto document = [&](const char* name) {
      return std::filesystem::exists(folder / name)
                 ? nlohmann::json::parse(read_file(folder / name))
                 : nlohmann::json();
    };
    DialectRecording recording;
    recording.id = entry.at("id");
    recording.meta = document("meta.json");
    const nlohmann::json request = document("request.json");
    recording.request = request.is_object() ? request.at("body") : nlohmann::json();
    recording.expected = document("expected.json");
    recording.response = read_file(folder / entry.at("file").get<std::string>());
    recording.stream = entry.at("stream");
    recording.status = entry.at("status");
    found.push_back(std::move(recording));
  }
  return found;
}

}  // namespace waybill::dialects::test
