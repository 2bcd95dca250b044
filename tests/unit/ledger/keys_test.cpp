#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "waybill/ledger/key_index.hpp"

#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

NewKey named(const std::string& name) {
  return {.name = name, .expires = {}, .allowed_models = {}};
}

TEST(Keys, ANewKeyIsShownOnceAndOnlyItsDigestIsKept) {
  const TempFolder folder;
  Bench bench(folder);
  const auto key = bench.ledger->create_key(
      {.name = "ci", .expires = kNow + std::chrono::hours(1), .allowed_models = {"a/b", "c/d"}});
  ASSERT_TRUE(key) << key.error().detail();
  const std::string text(key->text.reveal());
  EXPECT_TRUE(text.starts_with("sk-wb-"));
  EXPECT_EQ(text.size(), 6U + 43U);
  EXPECT_EQ(key->record.label, text.substr(0, 12) + "..." + text.substr(text.size() - 3));
  EXPECT_EQ(key->record.hash, key_hash(text));
  ASSERT_TRUE(bench.ledger->stop());
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.is_regular_file()) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      EXPECT_EQ(bytes.find(text.substr(12, 20)), std::string::npos) << entry.path();
    }
  }
}

TEST(Keys, AKeyIsGoodWhenTheCallReturnsAndAfterARestart) {
  const TempFolder folder;
  Sha256 hash{};
  {
    Bench bench(folder);
    const std::uint64_t before = bench.ledger->key_version();
    const auto key =
        bench.ledger->create_key({.name = "ci", .expires = {}, .allowed_models = {"a/b", "c/d"}});
    ASSERT_TRUE(key);
    hash = key->record.hash;
    EXPECT_NE(bench.ledger->key_version(), before);
    const auto index = bench.ledger->keys();
    EXPECT_EQ(index->version(), bench.ledger->key_version());
    ASSERT_NE(index->find_usable(hash, kNow), nullptr);
    EXPECT_EQ(*index->find_usable(hash, kNow), key->record);
    EXPECT_TRUE(key->record.allows_model("c/d"));
    EXPECT_FALSE(key->record.allows_model("c/"));
  }
  Bench bench(folder);
  const KeyRecord* const key = bench.ledger->keys()->find_usable(hash, kNow);
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->allowed_models, (std::vector<std::string>{"a/b", "c/d"}));
}

TEST(Keys, DisablingEnablingAndDeletingTakeEffectAtOnce) {
  const TempFolder folder;
  Bench bench(folder);
  Ledger& ledger = *bench.ledger;
  const Sha256 hash = ledger.create_key(named("ci"))->record.hash;
  EXPECT_TRUE(ledger.disable_key(hash)->disabled);
  EXPECT_EQ(ledger.keys()->find_usable(hash, kNow), nullptr);
  EXPECT_NE(ledger.keys()->find(hash), nullptr);
  EXPECT_FALSE(ledger.enable_key(hash)->disabled);
  EXPECT_NE(ledger.keys()->find_usable(hash, kNow), nullptr);
  EXPECT_TRUE(ledger.delete_key(hash));
  EXPECT_EQ(ledger.keys()->find(hash), nullptr);
  EXPECT_EQ(ledger.enable_key(hash).error().code(), "key_not_found");
  const auto listed = ledger.reader().list_keys();
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_TRUE(listed->front().deleted);
}

TEST(Keys, ExpiryIsTheFirstMomentAKeyIsNoLongerGood) {
  KeyRecord key;
  key.hash = key_hash("k");
  key.expires = kNow;
  const KeyIndex index({key});
  EXPECT_NE(index.find_usable(key.hash, kNow - microseconds(1)), nullptr);
  EXPECT_EQ(index.find_usable(key.hash, kNow), nullptr);
}

TEST(Keys, BadNamesAndModelsAreRefused) {
  const TempFolder folder;
  Bench bench(folder);
  for (const std::string& name : {std::string(), std::string(101, 'x'), std::string("a\nb"),
                                  std::string("\xff"), std::string("a\0b", 3)}) {
    EXPECT_EQ(bench.ledger->create_key(named(name)).error().code(), "key_name_invalid");
  }
  EXPECT_EQ(bench.ledger->create_key({.name = "ok", .expires = {}, .allowed_models = {"a\nb"}})
                .error()
                .code(),
            "key_model_invalid");
  EXPECT_TRUE(bench.ledger->create_key(named("'; DROP TABLE generation; --")));
  EXPECT_TRUE(bench.ledger->reader().verify());
  EXPECT_FALSE(bench.ledger->failure());
}

TEST(Keys, K2KeysNeverRepeat) {
  const TempFolder folder;
  Bench bench(folder);
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    seen.emplace(bench.ledger->create_key(named("k"))->text.reveal());
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(Keys, K6TheWholeDigestDecides) {
  KeyRecord key;
  key.hash = key_hash("k");
  const KeyIndex index({key});
  for (std::size_t byte = 0; byte < key.hash.size(); ++byte) {
    Sha256 near = key.hash;
    near[byte] ^= 1U;
    EXPECT_EQ(index.find_usable(near, kNow), nullptr) << byte;
    EXPECT_EQ(index.find(near), nullptr) << byte;
  }
  EXPECT_NE(key_hash("k"), key_hash("K"));
}

// How long looking up 50 digests takes at the least, for each kind.  The kinds take
// turns, so that what slows the machine slows all; the least is what the path itself costs.
std::vector<double> least_times(const KeyIndex& index, const std::vector<std::vector<Sha256>>& of) {
  constexpr std::size_t kSamples = 2000;
  constexpr std::size_t kLookups = 50;
  std::vector<double> least(of.size(), std::numeric_limits<double>::max());
  for (std::size_t sample = 0; sample < kSamples; ++sample) {
    for (std::size_t kind = 0; kind < of.size(); ++kind) {
      const auto start = std::chrono::steady_clock::now();
      for (std::size_t i = 0; i < kLookups; ++i) {
        const Sha256& hash = of[kind][(sample * kLookups + i) % of[kind].size()];
        if (index.find_usable(hash, kNow) != nullptr) {
          ADD_FAILURE() << "a key of kind " << kind << " is usable";
        }
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      least[kind] = std::min(least[kind], took.count());
    }
  }
  return least;
}

// Many digests of each kind, 10^5 lookups of each: where in the index a digest lies must
// not count, only what becomes of it.  A path that does something else differs in every
// round; a busy machine does not disturb all of them.
TEST(Keys, K1UnknownDisabledAndExpiredTakeTheSameTime) {
  std::vector<KeyRecord> keys(1500);
  std::vector<std::vector<Sha256>> hashes(3);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i].hash = key_hash("key " + std::to_string(i));
    keys[i].disabled = i % 3 == 0;
    keys[i].expires = i % 3 == 1 ? std::optional(kNow - std::chrono::hours(1)) : std::nullopt;
    if (i % 3 == 2) {
      hashes[2].push_back(key_hash("nobody " + std::to_string(i)));
    } else {
      hashes[i % 3].push_back(keys[i].hash);
    }
  }
  const KeyIndex index(std::move(keys));
  constexpr double kMostRatio = 1.5;
  constexpr int kRounds = 10;
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds && best >= kMostRatio; ++round) {
    const auto times = least_times(index, hashes);
    const auto [least, most] = std::ranges::minmax(times);
    best = std::min(best, most / least);
  }
  EXPECT_LT(best, kMostRatio);
}

}  // namespace
}  // namespace waybill::ledger
