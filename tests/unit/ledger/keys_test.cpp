#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

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

// 10^5 samples of each, interleaved; medians, so that an interrupted sample does not
// count.  The bound is wide: what it must catch is a path that does something else.
TEST(Keys, K1UnknownDisabledAndExpiredTakeTheSameTime) {
  std::vector<KeyRecord> keys(1000);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i].hash = key_hash("key " + std::to_string(i));
  }
  keys[0].disabled = true;
  keys[1].expires = kNow - std::chrono::hours(1);
  const std::array hashes{key_hash("nobody"), keys[0].hash, keys[1].hash};
  const KeyIndex index(std::move(keys));
  constexpr std::size_t kSamples = 2000;
  constexpr int kLookups = 50;
  std::array<std::vector<std::int64_t>, 3> times;
  const KeyRecord* found = nullptr;
  for (std::size_t sample = 0; sample < kSamples; ++sample) {
    for (std::size_t kind = 0; kind < hashes.size(); ++kind) {
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < kLookups; ++i) {
        const KeyRecord* const key = index.find_usable(hashes[kind], kNow);
        found = key != nullptr ? key : found;
      }
      times[kind].push_back((std::chrono::steady_clock::now() - start).count());
    }
  }
  EXPECT_EQ(found, nullptr);
  std::array<double, 3> medians{};
  for (std::size_t kind = 0; kind < times.size(); ++kind) {
    std::ranges::nth_element(times[kind], times[kind].begin() + kSamples / 2);
    medians[kind] = static_cast<double>(times[kind][kSamples / 2]);
  }
  const auto [least, most] = std::ranges::minmax(medians);
  EXPECT_LT(most, 2 * least) << medians[0] << ' ' << medians[1] << ' ' << medians[2];
}

}  // namespace
}  // namespace waybill::ledger
