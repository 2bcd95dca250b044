#include "wording.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include "waybill/base/ascii.hpp"

namespace waybill::app::simulator {
namespace {

constexpr std::size_t kLongestPiece = 8;  // bytes, the blank before it aside

using Lines = std::span<const std::string_view>;

constexpr std::string_view kHeroes[] = {"Mira", "Tobias", "Ines", "Juno", "Oskar", "Wren"};
constexpr std::string_view kTrades[] = {"lighthouse keeper", "clockmaker", "ferry pilot",
                                        "bell founder",      "map maker",  "night baker"};
constexpr std::string_view kPlaces[] = {"the harbour of Saltmere", "a village below the glacier",
                                        "the old quarter of Lund", "an island three tides away",
                                        "the valley of the looms", "a town built on bridges"};
constexpr std::string_view kThings[] = {"a brass compass",  "a letter without a sender",
                                        "a small blue key", "a lantern that never cooled",
                                        "a book of tides",  "a silver whistle"};
constexpr std::string_view kFriends[] = {"a patient heron",         "the postmaster's daughter",
                                         "an old sailor",           "a fox with one white ear",
                                         "a neighbour called Pell", "a travelling piano tuner"};

constexpr std::string_view kOpenings[] = {
    "In {place} there lived a {trade} named {hero}, who had never missed a morning's work.",
    "{hero} was the last {trade} in {place}, and the best.",
    "Long before the railway came to {place}, a {trade} called {hero} kept a workshop there.",
    "Everyone in {place} knew {hero}, the {trade} who whistled while the rain fell."};
constexpr std::string_view kFinds[] = {
    "One evening, under a loose floorboard, {hero} found {thing}.",
    "On the first day of winter, {thing} lay on the doorstep, wrapped in newspaper.",
    "The storm took half the roof that spring, and left {thing} in its place.",
    "It began with {thing}, bought for almost nothing at the Thursday market."};
constexpr std::string_view kTroubles[] = {
    "Nobody could say where it came from, and that made it hard to sleep.",
    "It pointed, gently but without doubt, toward the hills.",
    "By midnight it had begun to hum, very quietly, like a kettle far away.",
    "The council wanted it locked away; {hero} wanted to know what it was for."};
constexpr std::string_view kHelpers[] = {
    "So {hero} asked {friend}, who listened to the whole story and then reached for a coat.",
    "{friend} knew the road, and asked for nothing but company.",
    "It was {friend} who noticed the tiny writing along the edge.",
    "They set out before dawn, {hero} and {friend}, with bread for two days."};
constexpr std::string_view kJourneys[] = {
    "The path climbed through birch and fog until the town was only a sound of bells.",
    "At the river the bridge was gone, so they built a raft out of a barn door.",
    "Twice they lost the way, and twice a light on the ridge brought them back.",
    "Behind the waterfall they found a stair, worn smooth by a great many feet.",
    "They slept in a shepherd's hut and woke to tracks in the snow that were not theirs.",
    "A stranger at the crossroads sold them a map, and it even turned out to be true."};
constexpr std::string_view kEndings[] = {
    "When they came home, nothing had changed, except that {hero} now kept the door unlocked.",
    "And that is why, in {place}, a lamp still burns in the window every first of March.",
    "It had been meant for {hero} all along; it had only taken the long way round.",
    "They never told anyone what they found, but both of them smiled at the rain after that."};
constexpr std::string_view kMornings[] = {
    "The next morning was clear.", "A week went by.", "Then the wind turned.",
    "That night the first snow fell.", "For a while, that was all."};

constexpr std::string_view kLorem =
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut "
    "labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco "
    "laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor in reprehenderit in "
    "voluptate velit esse cillum dolore eu fugiat nulla pariatur. Excepteur sint occaecat "
    "cupidatat non proident, sunt in culpa qui officia deserunt mollit anim id est laborum.";

constexpr std::string_view kReasoning =
    "Let me think about what is being asked. The answer should be short, friendly and true to the "
    "question. First I look at the words, then at what they leave out. That settles it.";

constexpr std::size_t kLongestAnswer = 1'000'000;  // pieces

std::string_view pick(Lines lines, Random& random) {
  return lines[random.below(lines.size())];
}

struct Cast {
  std::string_view hero, trade, place, thing, companion;
};

void replace_all(std::string& text, std::string_view slot, std::string_view word) {
  for (std::size_t at = 0; (at = text.find(slot, at)) != std::string::npos; at += word.size()) {
    text.replace(at, slot.size(), word);
  }
}

std::string fill(std::string_view line, const Cast& cast) {
  std::string text(line);
  replace_all(text, "{hero}", cast.hero);
  replace_all(text, "{trade}", cast.trade);
  replace_all(text, "{place}", cast.place);
  replace_all(text, "{thing}", cast.thing);
  replace_all(text, "{friend}", cast.companion);
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return text;
}

// Takes sentences one after the other; when the plot is through, the journey goes on.
class Story {
 public:
  explicit Story(Random random) : random_(random) {
    cast_ = {pick(kHeroes, random_), pick(kTrades, random_), pick(kPlaces, random_),
             pick(kThings, random_), pick(kFriends, random_)};
    at_ = random_.below(std::size(kJourneys));
  }

  // One that ends by itself.
  std::string whole() {
    std::string text;
    for (int i = 0; i < 5; ++i) {
      text += next() + " ";
    }
    return text + fill(pick(kEndings, random_), cast_);
  }

  std::string next() {
    switch (told_++) {
      case 0: return fill(pick(kOpenings, random_), cast_);
      case 1: return fill(pick(kFinds, random_), cast_);
      case 2: return fill(pick(kTroubles, random_), cast_);
      case 3: return fill(pick(kHelpers, random_), cast_);
      default: break;
    }
    if (told_ % 4 == 0) {
      return std::string(kMornings[at_ % std::size(kMornings)]);
    }
    return std::string(kJourneys[at_++ % std::size(kJourneys)]);
  }

 private:
  Random random_;
  Cast cast_;
  std::size_t told_ = 0;
  std::size_t at_ = 0;
};

void append_pieces(std::vector<std::string>& out, std::string_view text) {
  std::vector<std::string> more = pieces(text);
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<std::string> count_up(std::size_t tokens) {
  std::vector<std::string> out;
  for (std::size_t i = 1; i <= tokens; ++i) {
    out.push_back((i == 1 ? "" : " ") + std::to_string(i));
  }
  return out;
}

// Text without end, for exact lengths.
std::string more_text(const WordingRequest& request, Story& story) {
  if (request.voice == "lorem") {
    return std::string(kLorem);
  }
  if (request.voice == "echo" && !request.prompt.empty()) {
    return std::string(request.prompt);
  }
  return story.next();
}

}  // namespace

std::uint64_t Random::next() noexcept {
  state_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  }
  return hash;
}

std::vector<std::string> pieces(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  const auto is_letter = [](char c) {
    return is_alphanumeric(c) || c == '\'' || static_cast<unsigned char>(c) >= 0x80;
  };
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_blank(text[end])) {
      ++end;
    }
    const std::size_t word = end;
    while (end < text.size() && is_letter(text[end]) && end - word < kLongestPiece) {
      ++end;
    }
    while (end < text.size() && end > word && continues(text[end])) {
      ++end;  // never within a character
    }
    if (end == word && end < text.size()) {
      ++end;  // punctuation
    }
    out.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

std::vector<std::string> write_answer(const WordingRequest& request) {
  const Random random(request.seed ^ hash_text(request.prompt));
  if (request.voice == "counter") {
    return count_up(std::min(request.tokens.value_or(10), kLongestAnswer));
  }
  Story story(random);
  if (!request.tokens) {
    if (request.voice == "echo") {
      return pieces(request.prompt);
    }
    return pieces(request.voice == "lorem" ? std::string(kLorem) : story.whole());
  }
  const std::size_t wanted = std::min(*request.tokens, kLongestAnswer);
  std::vector<std::string> out;
  while (out.size() < wanted) {
    append_pieces(out, (out.empty() ? "" : " ") + more_text(request, story));
  }
  out.resize(wanted);
  return out;
}

std::vector<std::string> write_reasoning(std::size_t count) {
  count = std::min(count, kLongestAnswer);
  std::vector<std::string> out;
  while (out.size() < count) {
    append_pieces(out, (out.empty() ? "" : " ") + std::string(kReasoning));
  }
  out.resize(count);
  return out;
}

}  // namespace waybill::app::simulator
