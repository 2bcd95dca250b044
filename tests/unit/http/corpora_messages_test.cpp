// The corpora of requests (H1 to H35) and of answers (E22 to E27), through the parsers
// as a connection drives them.

#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/http/body.hpp"
#include "waybill/http/head.hpp"

#include "corpus.hpp"
#include "replay.hpp"

namespace waybill::http {
namespace {

enum class End : std::uint8_t {
  Clean,     // between two messages, or where the connection was to be closed
  HalfDone,  // within a message
  Rejected,
};

struct Outcome {
  End end = End::Clean;
  unsigned status = 0;       // of the rejection
  std::size_t messages = 0;  // whole ones
  std::string data;          // of all bodies

  friend bool operator==(const Outcome&, const Outcome&) = default;
  friend void PrintTo(const Outcome& self, std::ostream* os) {
    *os << "end " << static_cast<int>(self.end) << ", status " << self.status << ", "
        << self.messages << " messages, " << self.data.size() << " bytes";
  }
};

// What both sides of a connection have in common: heads, bodies, and what comes next.
class FakeConnection {
 public:
  virtual ~FakeConnection() = default;

  Outcome replay(const test::Pieces& pieces) {
    for (const std::string& piece : pieces) {
      pending_ += piece;
      while (!closed_ && advance()) {
      }
    }
    if (!closed_) {
      const bool blank = pending_ == "\r\n";  // some clients send one after a body
      const bool within =
          decoder_ ? !decoder_->at_clean_end() : interim_ || !(pending_.empty() || blank);
      outcome_.end = within ? End::HalfDone : End::Clean;
      outcome_.messages += decoder_ && !within ? 1 : 0;
    }
    return outcome_;
  }

 protected:
  // Parses a head; nothing where it is refused.
  virtual std::optional<Framing> take_head(std::string_view head) = 0;

  void reject(const Rejection& rejection) {
    outcome_.end = End::Rejected;
    outcome_.status = rejection.status;
    closed_ = true;
  }

  bool keep_alive_ = true;
  bool interim_ = false;

 private:
  // True: it came further and may again.
  bool advance() { return decoder_ ? advance_body() : advance_head(); }

  bool advance_head() {
    const HeadLimits limits;
    const HeadScan scan = find_head_end(pending_, scanned_);
    if (scan.state == HeadScan::State::Malformed) {
      reject(malformed_head());
      return false;
    }
    if (scan.state == HeadScan::State::NeedMore) {
      scanned_ = scan.size;
      if (pending_.size() > limits.max_bytes) {
        reject(oversized_head(pending_));
      }
      return false;
    }
    if (scan.size > limits.max_bytes) {
      reject(oversized_head(pending_));
      return false;
    }
    scanned_ = 0;
    const auto framing = take_head(std::string_view(pending_).substr(0, scan.size));
    pending_.erase(0, scan.size);
    if (closed_) {
      return false;
    }
    if (framing) {
      decoder_.emplace(*framing);
      if (decoder_->fault()) {
        reject(*decoder_->fault());
        return false;
      }
    }
    return true;
  }

  bool advance_body() {
    if (decoder_->done()) {
      decoder_.reset();
      ++outcome_.messages;
      closed_ = !keep_alive_;
      return !pending_.empty();
    }
    const BodyDecoder::Step step = decoder_->feed(pending_);
    outcome_.data += step.data;
    pending_.erase(0, step.consumed);
    if (decoder_->fault()) {
      reject(*decoder_->fault());
    }
    return !closed_ && step.state != BodyDecoder::State::NeedMore;
  }

  Outcome outcome_;
  std::string pending_;
  std::size_t scanned_ = 0;
  std::optional<BodyDecoder> decoder_;
  bool closed_ = false;
};

class Requests final : public FakeConnection {
 private:
  std::optional<Framing> take_head(std::string_view head) override {
    auto parsed = parse_request_head(head);
    if (const auto* const rejection = std::get_if<Rejection>(&parsed)) {
      reject(*rejection);
      return std::nullopt;
    }
    const auto& request = std::get<RequestHead>(parsed);
    keep_alive_ = request.keep_alive;
    return request.framing;
  }
};

class Answers final : public FakeConnection {
 private:
  std::optional<Framing> take_head(std::string_view head) override {
    constexpr int kMaxInterim = 8;
    auto parsed = parse_response_head(head, Verb::post);
    if (const auto* const rejection = std::get_if<Rejection>(&parsed)) {
      reject(*rejection);
      return std::nullopt;
    }
    const auto& answer = std::get<ResponseHead>(parsed);
    interim_ = answer.interim();
    if (interim_) {
      if (++interims_ > kMaxInterim) {
        reject({502, Error(ErrorKind::UpstreamFailed, "upstream_malformed", "too many 1xx")});
      }
      return std::nullopt;
    }
    keep_alive_ = false;  // one request, one answer: what follows is dropped
    return answer.framing;
  }

  int interims_ = 0;
};

template <class Connection>
Outcome replay(const test::Pieces& pieces) {
  return Connection().replay(pieces);
}

// Whole, byte by byte, cut at each line end and ten times at random: always the same.
template <class Connection>
Outcome replay_every_way(const test::CorpusCase& entry, std::size_t& replays) {
  constexpr int kSplits = 10;
  const Outcome whole = replay<Connection>({entry.bytes});
  std::vector<test::Pieces> ways{test::at_line_ends(entry.bytes), test::by_bytes(entry.bytes)};
  std::mt19937 random(42);
  for (int i = 0; i < kSplits; ++i) {
    ways.push_back(test::randomly(entry.bytes, random));
  }
  for (const test::Pieces& pieces : ways) {
    EXPECT_EQ(replay<Connection>(pieces), whole) << entry.id;
  }
  replays += 1 + ways.size();
  return whole;
}

std::string_view name(End end) {
  return end == End::Clean ? "clean" : end == End::HalfDone ? "half done" : "rejected";
}

std::string describe(const test::CorpusCase& entry, const Outcome& outcome) {
  return entry.id + ": expected " + entry.expect() + " (" + entry.meta.value("oracle_reason", "") +
         "), ended " + std::string(name(outcome.end)) + " with " + std::to_string(outcome.status) +
         " after " + std::to_string(outcome.messages) + " messages";
}

void print_counts(const char* suite,
                  const std::map<std::string, std::size_t>& counts,
                  std::size_t replays) {
  std::printf("%s: %zu replays\n", suite, replays);
  for (const auto& [what, count] : counts) {
    std::printf("  %-24s %zu\n", what.c_str(), count);
  }
}

TEST(Corpora, H1ToH35EveryRequestGetsItsVerdictHoweverItIsSplit) {
  const auto cases = test::corpus("http1-request");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  std::map<std::string, std::size_t> counts;
  std::size_t replays = 0;
  for (const auto& entry : cases) {
    const Outcome outcome = replay_every_way<Requests>(entry, replays);
    const std::string expect = entry.expect();
    ++counts[expect + ": " + std::string(name(outcome.end))];
    if (expect == "reject-4xx" || expect == "incomplete") {
      EXPECT_NE(outcome.end, End::Clean) << describe(entry, outcome);
    } else if (expect == "accept") {
      // One case has a good request before bytes that are none.
      const bool garbage = entry.id.find("-then-garbage") != std::string::npos;
      EXPECT_EQ(outcome.end, garbage ? End::Rejected : End::Clean) << describe(entry, outcome);
      EXPECT_GE(outcome.messages, 1U) << describe(entry, outcome);
    }
  }
  print_counts("http1-request", counts, replays);
}

TEST(Corpora, E22ToE27EveryAnswerGetsItsVerdictHoweverItIsSplit) {
  const auto cases = test::corpus("http1-response");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  std::map<std::string, std::size_t> counts;
  std::size_t replays = 0;
  for (const auto& entry : cases) {
    const Outcome outcome = replay_every_way<Answers>(entry, replays);
    const std::string expect = entry.expect();
    ++counts[expect + ": " + std::string(name(outcome.end))];
    if (expect == "reject") {
      EXPECT_EQ(outcome.end, End::Rejected) << describe(entry, outcome);
    } else if (expect == "truncated") {
      EXPECT_NE(outcome.end, End::Clean) << describe(entry, outcome);
    } else if (expect == "accept") {
      EXPECT_EQ(outcome.end, End::Clean) << describe(entry, outcome);
      EXPECT_EQ(outcome.messages, 1U) << describe(entry, outcome);
    }
  }
  print_counts("http1-response", counts, replays);
}

}  // namespace
}  // namespace waybill::http
