#include "citations.hpp"

#include <algorithm>
#include <utility>

#include "waybill/base/json_writer.hpp"

#include "gemini.hpp"

namespace waybill::dialects::gemini {
namespace {

constexpr std::size_t kStep = 512;
constexpr std::size_t kMostCitations = 10'000;

bool begins_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

Citation read_chunk(const JsonRef& chunk) {
  Citation out{.native_dialect = std::string(kName)};
  for (const JsonRef kind : chunk) {  // web, retrievedContext, maps, ...
    if (kind.is_object() && out.url.empty()) {
      out.url = kind["uri"].text();
      out.title = kind["title"].text();
    }
  }
  return out;
}

void place(Citation& citation,
           const JsonRef& segment,
           std::string_view text,
           const CharacterCount& count) {
  std::uint64_t begin = segment["startIndex"].count().value_or(0);
  std::uint64_t end = segment["endIndex"].count().value_or(0);
  const std::string said = segment["text"].text();
  // Positions are of one part of the content, and what is streamed has many.
  if (!said.empty() && (begin > text.size() || text.substr(begin, end - begin) != said)) {
    const std::size_t found = text.find(said);
    begin = found == std::string_view::npos ? text.size() + 1 : found;
    end = begin + said.size();
  }
  if (end > 0) {
    citation.begin = count.at(begin);
    citation.end = count.at(end);
  }
  if (!citation.begin || !citation.end || *citation.begin > *citation.end) {
    citation.begin.reset();
    citation.end.reset();
  }
}

}  // namespace

CharacterCount::CharacterCount(std::string_view text) : text_(text) {
  std::uint64_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % kStep == 0) {
      every_.push_back(characters);
    }
    characters += begins_character(text[i]) ? 1U : 0U;
  }
  every_.push_back(characters);
}

std::optional<std::uint64_t> CharacterCount::at(std::uint64_t offset) const {
  if (offset > text_.size() || (offset < text_.size() && !begins_character(text_[offset]))) {
    return std::nullopt;
  }
  if (offset == text_.size()) {
    return every_.back();
  }
  std::uint64_t characters = every_[offset / kStep];
  for (std::size_t i = offset / kStep * kStep; i < offset; ++i) {
    characters += begins_character(text_[i]) ? 1U : 0U;
  }
  return characters;
}

std::size_t CharacterCount::offset_of(std::uint64_t characters) const {
  if (characters >= every_.back()) {
    return text_.size();
  }
  const auto after = std::ranges::upper_bound(every_, characters);
  const auto step = static_cast<std::size_t>(after - every_.begin()) - 1;
  std::size_t at = step * kStep;
  for (std::uint64_t seen = every_[step]; at < text_.size(); ++at) {
    if (begins_character(text_[at]) && seen++ == characters) {
      break;
    }
  }
  return at;
}

// "GroundingSupport": a segment of the answer, and the chunks that it rests on.
std::vector<Citation> read_grounding(const JsonRef& metadata, std::string_view text) {
  std::vector<Citation> chunks;
  for (const JsonRef chunk : metadata["groundingChunks"]) {
    chunks.push_back(read_chunk(chunk));
    if (chunks.size() == kMostCitations) {
      break;
    }
  }
  const JsonRef supports = metadata["groundingSupports"];
  if (!supports.is_array() || supports.empty()) {
    return chunks;
  }
  const CharacterCount count(text);
  std::vector<Citation> out;
  for (const JsonRef support : supports) {
    const JsonRef segment = support["segment"];
    for (const JsonRef index : support["groundingChunkIndices"]) {
      const auto position = index.count();
      if (!position || *position >= chunks.size() || out.size() == kMostCitations) {
        continue;
      }
      Citation citation = chunks[*position];
      place(citation, segment, text, count);
      out.push_back(std::move(citation));
    }
  }
  return out;
}

// "CitationMetadata"; Vertex AI calls the list `citations`.
std::vector<Citation> read_citations(const JsonRef& metadata, std::string_view text) {
  const JsonRef sources =
      metadata["citations"].is_array() ? metadata["citations"] : metadata["citationSources"];
  const CharacterCount count(text);
  std::vector<Citation> out;
  for (const JsonRef source : sources) {
    if (out.size() == kMostCitations || !source["uri"].is_string()) {
      continue;
    }
    Citation citation{.url = source["uri"].text(),
                      .title = source["title"].text(),
                      .native_dialect = std::string(kName)};
    place(citation, source, text, count);
    out.push_back(std::move(citation));
  }
  return out;
}

std::string write_grounding(const std::vector<Citation>& citations, std::string_view text) {
  const CharacterCount count(text);
  JsonWriter json;
  json.begin_object();
  json.begin_array("groundingChunks");
  for (const Citation& citation : citations) {
    json.begin_object();
    json.begin_object("web");
    json.text("uri", citation.url);
    json.text_if_any("title", citation.title);
    json.end_object();
    json.end_object();
  }
  json.end_array();
  json.begin_array("groundingSupports");
  std::uint64_t position = 0;
  for (const Citation& citation : citations) {
    if (citation.begin && citation.end && *citation.begin < *citation.end) {
      const std::size_t begin = count.offset_of(*citation.begin);
      const std::size_t end = count.offset_of(*citation.end);
      json.begin_object();
      json.begin_object("segment");
      json.number("startIndex", begin);
      json.number("endIndex", end);
      json.text("text", text.substr(begin, end - begin));
      json.end_object();
      json.raw("groundingChunkIndices", "[" + std::to_string(position) + "]");
      json.end_object();
    }
    ++position;
  }
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace waybill::dialects::gemini
