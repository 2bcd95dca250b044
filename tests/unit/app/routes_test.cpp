#include "routes.hpp"

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::app {

void PrintTo(Target target, std::ostream* out) {
  *out << "target " << static_cast<int>(target);
}

namespace {

using http::Verb;

struct PathCase {
  std::string path;
  Target target;
  std::string id{};
};

TEST(FindRoute, EveryEndpointStandsUnderEveryPrefix) {
  const std::vector<PathCase> cases{
      {"/chat/completions", Target::ChatCompletions},
      {"/completions", Target::Completions},
      {"/embeddings", Target::Embeddings},
      {"/models", Target::Models},
      {"/models/user", Target::Models},
      {"/generation", Target::Generation},
      {"/key", Target::Key},
      {"/auth/key", Target::Key},
      {"/models/gpt-4o", Target::Model, "gpt-4o"},
      {"/models/openai/gpt-4o", Target::Model, "openai/gpt-4o"},
      {"/models/openai%2Fgpt-4o", Target::Model, "openai/gpt-4o"},
      {"/models/openai%2fgpt-4o", Target::Model, "openai/gpt-4o"},
      {"/model/openai/gpt-4o", Target::Model, "openai/gpt-4o"},
      {"/models/openai/gpt-4o/endpoints", Target::ModelEndpoints, "openai/gpt-4o"},
      {"/models/openai%2Fgpt-4o/endpoints", Target::ModelEndpoints, "openai/gpt-4o"},
      {"/models/a%20b", Target::Model, "a b"},
      {"/models/a%252Fb", Target::Model, "a%2Fb"},  // decoded once
      {"/models/a:free", Target::Model, "a:free"},
  };
  for (const PathCase& one : cases) {
    for (const std::string prefix : {"", "/v1", "/api/v1", "/api"}) {
      const Route route = find_route(prefix + one.path);
      EXPECT_EQ(route.target, one.target) << prefix + one.path;
      EXPECT_EQ(route.id, one.id) << prefix + one.path;
    }
  }
}

TEST(FindRoute, HealthAndMetricsStandAtTheRootOnly) {
  const std::vector<PathCase> cases{{"/health/live", Target::HealthLive},
                                    {"/health/ready", Target::HealthReady},
                                    {"/metrics", Target::Metrics}};
  for (const PathCase& one : cases) {
    EXPECT_EQ(find_route(one.path).target, one.target);
    EXPECT_EQ(find_route("/v1" + one.path).target, Target::Unknown);
  }
}

// H17: exact, without any normalisation.
TEST(FindRoute, WhatIsOnlySimilarFindsNothing) {
  for (const std::string path : {"",
                                 "/",
                                 "*",
                                 "/v1",
                                 "/v1/",
                                 "/api",
                                 "/api/v1/",
                                 "/chat/completions/",
                                 "//chat/completions",
                                 "/v1//chat/completions",
                                 "/v1/./chat/completions",
                                 "/v1/../v1/chat/completions",
                                 "/v1/chat%2Fcompletions",
                                 "/v1/chat/completion%73",
                                 "/V1/chat/completions",
                                 "/v1/Chat/Completions",
                                 "/v1/v1/chat/completions",
                                 "/v2/chat/completions",
                                 "/v1x/chat/completions",
                                 "/apis/chat/completions",
                                 "/v1/models/",
                                 "/v1/models//x",
                                 "/v1/models/x/",
                                 "/v1/models/..",
                                 "/v1/models/a/..",
                                 "/v1/models/%2e%2e/x",
                                 "/v1/models/./x",
                                 "/v1/models/a%00b",
                                 "/v1/models/a%0Ab",
                                 "/v1/models/%FF",
                                 "/v1/models/%",
                                 "/v1/models/%zz",
                                 "/v1/models/endpoints/",
                                 "/health",
                                 "/health/live/",
                                 "/metrics/x",
                                 "/v1/key/x",
                                 "chat/completions"}) {
    EXPECT_EQ(find_route(path).target, Target::Unknown) << path;
  }
}

TEST(Allows, EachRouteTakesItsOwnMethodsAndSaysSo) {
  const Route chat = find_route("/v1/chat/completions");
  EXPECT_EQ(chat.allow, "POST, OPTIONS");
  const Route models = find_route("/v1/models/a/b");
  EXPECT_EQ(models.allow, "GET, HEAD, OPTIONS");
  for (const Verb verb : {Verb::get, Verb::head, Verb::post, Verb::put, Verb::delete_, Verb::patch,
                          Verb::trace, Verb::unknown}) {
    EXPECT_EQ(allows(chat, verb), verb == Verb::post) << http::Verb(verb);
    EXPECT_EQ(allows(models, verb), verb == Verb::get || verb == Verb::head) << http::Verb(verb);
  }
}

TEST(NearestEndpoint, NamesWhatWasProbablyMeant) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/v1/chat/completion", "POST /v1/chat/completions"},
      {"/v1/chat/compleitons", "POST /v1/chat/completions"},
      {"/chat/completions/", "POST /v1/chat/completions"},
      {"/openai/chat/completions", "POST /v1/chat/completions"},
      {"/openai/deployments/gpt-4o/chat/completions", "POST /v1/chat/completions"},
      {"/v1/embedding", "POST /v1/embeddings"},
      {"/v1/completion", "POST /v1/completions"},
      {"/v1/model", "GET /v1/models"},
      {"/api/v1/generations", "GET /v1/generation"},
      {"/v1/keys", "GET /v1/key"},
      {"/", "POST /v1/chat/completions"},
      {"", "POST /v1/chat/completions"},
      {"/wp-login.php", "POST /v1/chat/completions"},
  };
  for (const auto& [path, nearest] : cases) {
    EXPECT_EQ(nearest_endpoint(path), nearest) << path;
  }
}

TEST(NearestEndpoint, IsAlwaysOneThatExists) {
  for (const std::string word : {"a", "/x/y/z", "/v1/messages", "/v1/responses", "\xFF",
                                 "/v1/models/user/x", "/auth/keys", "/v1/moderations"}) {
    const std::string nearest = nearest_endpoint(word);
    const std::size_t space = nearest.find(' ');
    const Route route = find_route(nearest.substr(space + 1));
    EXPECT_NE(route.target, Target::Unknown) << word;
    EXPECT_TRUE(allows(route, nearest.starts_with("POST") ? Verb::post : Verb::get)) << word;
  }
}

}  // namespace
}  // namespace waybill::app
