#include "waybill/gateway/credentials.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waybill::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;
using Headers = std::vector<std::pair<std::string, std::string>>;

http::RequestHead head_of(const Headers& headers, const std::string& query = "") {
  http::RequestHead head;
  head.method = http::Verb::post;
  head.path = "/v1/chat/completions";
  head.query = query;
  for (const auto& [name, value] : headers) {
    head.fields.add(name, value);
  }
  return head;
}

struct Accepted {
  Headers headers;
  std::string key;
};

TEST(PresentedKey, EveryUsualHeaderCarriesIt) {
  const std::vector<Accepted> cases{
      {{}, ""},
      {{{"Authorization", "Bearer sk-wb-a"}}, "sk-wb-a"},
      {{{"authorization", "bearer sk-wb-a"}}, "sk-wb-a"},
      {{{"AUTHORIZATION", "BEARER   sk-wb-a \t"}}, "sk-wb-a"},
      {{{"Authorization", "sk-wb-a"}}, "sk-wb-a"},
      {{{"Authorization", "Bearer"}}, "Bearer"},  // no such key: refused by authenticate()
      {{{"Authorization", ""}}, ""},
      {{{"X-Api-Key", "sk-wb-a"}}, "sk-wb-a"},
      {{{"api-key", "sk-wb-a"}}, "sk-wb-a"},
      {{{"x-goog-api-key", "sk-wb-a"}}, "sk-wb-a"},
      {{{"x-goog-api-key", "sk-wb-a"}, {"api-key", ""}}, "sk-wb-a"},
      {{{"Cookie", "key=sk-wb-a"}}, ""},
      {{{"x-openai-key", "sk-wb-a"}}, ""},
  };
  for (const auto& [headers, key] : cases) {
    const http::RequestHead head = head_of(headers);
    const auto presented = presented_key(head);
    ASSERT_TRUE(presented) << testing::PrintToString(headers);
    EXPECT_EQ(*presented, key) << testing::PrintToString(headers);
  }
}

TEST(PresentedKey, EqualKeysMayRepeatInAnyOfTheHeaders) {
  const std::vector<std::string> names{"Authorization", "x-api-key", "api-key", "x-goog-api-key"};
  for (const std::string& first : names) {
    for (const std::string& second : names) {
      if (first == second) {
        continue;
      }
      const auto value = [](const std::string& name) {
        return name == "Authorization" ? std::string("Bearer k1") : std::string("k1");
      };
      const http::RequestHead same = head_of({{first, value(first)}, {second, value(second)}});
      ASSERT_TRUE(presented_key(same)) << first << second;
      EXPECT_EQ(*presented_key(same), "k1");
      const http::RequestHead other = head_of({{first, value(first)}, {second, "K1"}});
      const auto refused = presented_key(other);
      ASSERT_FALSE(refused) << first << second;
      EXPECT_EQ(refused.error().code(), "ambiguous_credentials");
      EXPECT_EQ(refused.error().kind(), ErrorKind::InvalidRequest);
    }
  }
}

TEST(PresentedKey, AKeyInTheQueryIsRefusedWhereverItStands) {
  for (const std::string query :
       {"key=sk-canary", "a=1&key=sk-canary", "api_key=sk-canary", "api-key=sk-canary&b",
        "x&access_token=sk-canary", "key", "key=", "&&key=x", "alt=sse&key=sk-canary&z=1"}) {
    const http::RequestHead head = head_of({{"Authorization", "Bearer good"}}, query);
    const auto refused = presented_key(head);
    ASSERT_FALSE(refused) << query;
    EXPECT_EQ(refused.error().code(), "key_in_query") << query;
    EXPECT_THAT(refused.error().detail(), Not(HasSubstr("canary")));
    EXPECT_THAT(refused.error().detail(), HasSubstr("Authorization"));
  }
}

TEST(PresentedKey, OtherParametersAreNobodysBusiness) {
  for (const std::string query :
       {"", "id=gen-1", "keys=1", "monkey=1", "a=key", "a=key=b", "&", "&&", "=key", "KEY=x"}) {
    const http::RequestHead head = head_of({{"api-key", "k"}}, query);
    ASSERT_TRUE(presented_key(head)) << query;
    EXPECT_EQ(*presented_key(head), "k") << query;
  }
}

constexpr WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 25}};

ledger::KeyRecord record(const std::string& text, std::string name) {
  ledger::KeyRecord out;
  out.id = static_cast<ledger::KeyId>(text.size());
  out.hash = ledger::key_hash(text);
  out.name = std::move(name);
  return out;
}

TEST(Authenticate, FindsTheKeyAndHoldsItsIndex) {
  auto keys = std::make_shared<const ledger::KeyIndex>(
      std::vector{record("sk-wb-a", "laptop"), record("sk-wb-bb", "server")});
  auto caller = authenticate("sk-wb-bb", keys, kNow);
  ASSERT_TRUE(caller);
  const std::weak_ptr<const ledger::KeyIndex> watched = keys;
  keys.reset();
  EXPECT_FALSE(watched.expired());
  EXPECT_EQ(caller->key->name, "server");
}

TEST(Authenticate, NobodyCanTellWhyAKeyIsRefused) {
  ledger::KeyRecord disabled = record("sk-wb-disabled", "d");
  disabled.disabled = true;
  ledger::KeyRecord deleted = record("sk-wb-deleted", "x");
  deleted.deleted = true;
  ledger::KeyRecord expired = record("sk-wb-expired", "e");
  expired.expires = kNow;
  const auto keys = std::make_shared<const ledger::KeyIndex>(
      std::vector{disabled, deleted, expired, record("sk-wb-good", "g")});
  const auto unknown = authenticate("sk-wb-unknown", keys, kNow);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), "invalid_api_key");
  EXPECT_EQ(unknown.error().kind(), ErrorKind::Unauthenticated);
  for (const std::string text : {"sk-wb-disabled", "sk-wb-deleted", "sk-wb-expired", "sk-wb-goo",
                                 "sk-wb-good ", "SK-WB-GOOD"}) {
    const auto refused = authenticate(text, keys, kNow);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error(), unknown.error()) << text;
    EXPECT_THAT(refused.error().detail(), Not(HasSubstr(text)));
  }
  const auto missing = authenticate("", keys, kNow);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), "missing_api_key");
  const auto none = authenticate(
      "sk-wb-good", std::make_shared<const ledger::KeyIndex>(std::vector<ledger::KeyRecord>{}),
      kNow);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), unknown.error());
}

}  // namespace
}  // namespace waybill::gateway
