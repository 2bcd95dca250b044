#include "commands.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include <stdlib.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "waybill/catalog/presets.hpp"
#include "waybill/config/load.hpp"

#include "command_support.hpp"
#include "control_socket.hpp"
#include "system_inputs.hpp"
#include "temp_folder.hpp"

namespace waybill::app {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// Runs a command and gives its exit code and what it printed.
struct Printed {
  int status = 0;
  std::string out;
  std::string err;
};

template <class Command>
Printed run(Command command) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Printed printed;
  printed.status = command();
  printed.out = testing::internal::GetCapturedStdout();
  printed.err = testing::internal::GetCapturedStderr();
  return printed;
}

TEST(ParseRfc3339, TakesADayOrASecondInUtc) {
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-12-31")), "2026-12-31T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-12-31T23:59:58Z")), "2026-12-31T23:59:58.000Z");
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2028-02-29")), "2028-02-29T00:00:00.000Z");
  for (const std::string text :
       {"", "2026", "2026-13-01", "2026-02-29", "2026-12-32", "2026-12-31T", "2026-12-31Z",
        "2026-12-31T24:00:00Z", "2026-12-31T00:60:00Z", "2026-12-31T00:00:60Z",
        "2026-12-31T00:00:00", "2026-12-31T00:00:00+01:00", "2026-12-31T00:00:00Zx",
        "2026-12-31 00:00:00Z", "tomorrow", "2026-12-31x"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Fail, TheExitCodeTellsAWrongCallFromAFailure) {
  for (const ErrorKind kind : {ErrorKind::InvalidRequest, ErrorKind::NotFound,
                               ErrorKind::Unavailable, ErrorKind::Internal}) {
    const Printed printed = run([&] { return fail(Error(kind, "code", "What happened.")); });
    EXPECT_EQ(printed.status, kind == ErrorKind::InvalidRequest ? 2 : 1);
    EXPECT_EQ(printed.err, "waybill: What happened.\n");
    EXPECT_EQ(printed.out, "");
  }
}

constexpr const char* kGood =
    "providers:\n  p: { base_url: \"https://p.test/v1\", api_key: \"key-canary\" }\n"
    "models:\n  a/m: { endpoints: [ { provider: p, upstream_model: m, price: free } ] }\n";

TEST(CheckSettings, SaysWhatIsThereOrEverythingThatIsWrong) {
  const test::TempFolder folder;
  const std::string good = folder.write("good.yaml", kGood);
  Printed printed = run([&] { return check_settings(good, Output::Table); });
  EXPECT_EQ(printed.status, 0);
  EXPECT_THAT(printed.out, HasSubstr("1 models, 1 endpoints, 1 providers, no faults"));
  EXPECT_THAT(printed.out, Not(HasSubstr("canary")));
  const std::string bad = folder.write("bad.yaml", std::string(kGood) + "lisen: []\nworkers: x\n");
  printed = run([&] { return check_settings(bad, Output::Table); });
  EXPECT_EQ(printed.status, 2);
  EXPECT_THAT(printed.out, HasSubstr("did you mean 'listen'?"));
  EXPECT_THAT(printed.out, HasSubstr("2 faults"));
  printed = run([&] { return check_settings(bad, Output::Json); });
  EXPECT_EQ(printed.status, 2);
  EXPECT_EQ(Json::parse(printed.out).size(), 2U);
  printed = run([&] { return check_settings(folder.file("none.yaml"), Output::Table); });
  EXPECT_EQ(printed.status, 2);
}

TEST(Keys, AreMadeListedAndDeletedWithoutADaemon) {
  const test::TempFolder folder;
  KeyCommand command;
  command.config = folder.write("waybill.yaml", kGood);
  command.name = "laptop";
  command.expires = "2099-01-01";
  const Printed made = run([&] { return create_key(command); });
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, testing::MatchesRegex("sk-wb-[A-Za-z0-9_-]{43}\n"));
  EXPECT_THAT(made.err, Not(HasSubstr(made.out.substr(0, 20))));
  struct stat info{};
  ASSERT_EQ(::stat(folder.file("waybill.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0077U, 0U) << "others can read the ledger";

  command.output = Output::Json;
  Printed listed = run([&] { return list_keys(command); });
  ASSERT_EQ(listed.status, 0) << listed.err;
  const Json keys = Json::parse(listed.out);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0]["name"], "laptop");
  EXPECT_EQ(keys[0]["expires_at"], "2099-01-01T00:00:00.000Z");
  EXPECT_EQ(keys[0]["hash"].get<std::string>().size(), 64U);
  EXPECT_THAT(listed.out, Not(HasSubstr(made.out.substr(0, 30))));

  EXPECT_EQ(run([&] { return change_key(command, "delete"); }).status, 0);
  listed = run([&] { return list_keys(command); });
  EXPECT_EQ(Json::parse(listed.out).size(), 0U);
  const Printed again = run([&] { return change_key(command, "delete"); });
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("There is no key named 'laptop'"));
}

TEST(Keys, AWrongCallChangesNothing) {
  const test::TempFolder folder;
  KeyCommand command;
  command.config = folder.write("waybill.yaml", kGood);
  command.name = "laptop";
  command.expires = "tomorrow";
  const Printed printed = run([&] { return create_key(command); });
  EXPECT_EQ(printed.status, 2);
  EXPECT_THAT(printed.err, HasSubstr("2026-12-31T00:00:00Z"));
  command.expires.clear();
  command.config = folder.write("bad.yaml", "nonsense: 1\n");
  EXPECT_EQ(run([&] { return create_key(command); }).status, 2);
  EXPECT_FALSE(std::filesystem::exists(folder.file("waybill.db")));
}

TEST(Keys, ANameThatIsNoTextIsRefusedWithASentence) {
  const test::TempFolder folder;
  KeyCommand command;
  command.config = folder.write("waybill.yaml", kGood);
  command.name = "lap\xFFtop";
  const Printed made = run([&] { return create_key(command); });
  EXPECT_EQ(made.status, 2);
  EXPECT_THAT(made.err, HasSubstr("UTF-8"));
  EXPECT_EQ(run([&] { return change_key(command, "delete"); }).status, 2);
}

TEST(LedgerCommands, ReportVerifyAndBackupOfAFreshLedger) {
  const test::TempFolder folder;
  KeyCommand key;
  key.config = folder.write("waybill.yaml", kGood);
  key.name = "laptop";
  EXPECT_NE(run([&] { return verify_ledger(key.config, Output::Json); }).status, 0);  // none yet
  ASSERT_EQ(run([&] { return create_key(key); }).status, 0);
  const Printed verified = run([&] { return verify_ledger(key.config, Output::Json); });
  EXPECT_EQ(verified.status, 0) << verified.err;
  EXPECT_EQ(Json::parse(verified.out)["generations"], 0);
  for (const std::string by : {"model", "key", "day", "provider"}) {
    const Printed report = run([&] { return report_ledger(key.config, by, Output::Json); });
    EXPECT_EQ(report.status, 0) << by;
    EXPECT_EQ(Json::parse(report.out), Json::array()) << by;
  }
  const Printed wrong = run([&] { return report_ledger(key.config, "colour", Output::Json); });
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("model, key, day or provider"));
  const std::string copy = folder.file("copy.db");
  EXPECT_EQ(run([&] { return backup_ledger(key.config, copy); }).status, 0);
  EXPECT_NE(run([&] { return backup_ledger(key.config, copy); }).status, 0);
  EXPECT_TRUE(std::filesystem::exists(copy));
  EXPECT_NE(run([&] { return backup_ledger(key.config, ""); }).status, 0);
  const Printed health = run([&] { return check_health(key.config, ""); });
  EXPECT_EQ(health.status, 1);
  EXPECT_THAT(health.err, HasSubstr("No daemon answers"));
  EXPECT_EQ(run([&] { return check_health(key.config, "ftp://x"); }).status, 2);
  const Printed tls = run([&] { return check_health(key.config, "https://localhost"); });
  EXPECT_EQ(tls.status, 2);
  EXPECT_THAT(tls.err, HasSubstr("plain http"));
}

// --------------------------------------------------------------------- quickstart

// Without the provider keys of whoever runs the test.
class Quickstart : public testing::Test {
 protected:
  Quickstart() {
    SystemFiles files;
    const ProcessEnvironment environment;
    const catalog::Presets presets;
    const config::Inputs inputs{files, environment, presets};
    for (const std::string_view name : presets.names()) {
      const std::string variable =
          config::load_preset(std::string(name), inputs).preset.api_key_env;
      if (!variable.empty()) {
        saved_.emplace_back(variable, environment.get(variable));
        ::unsetenv(variable.c_str());
      }
    }
    ::setenv("WAYBILL_STATE", state().c_str(), 1);
  }
  ~Quickstart() override {
    for (const auto& [variable, value] : saved_) {
      if (value) {
        ::setenv(variable.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(variable.c_str());
      }
    }
    ::unsetenv("WAYBILL_STATE");
  }

  [[nodiscard]] std::string state() const { return folder_.file("state"); }
  Printed start() {
    return run([&] { return quickstart(state(), WAYBILL_SOURCE_DIR "/config/models"); });
  }
  // The settings that scripts/run starts with, over what was found.
  static catalog::SnapshotPtr settings() {
    return load_settings(WAYBILL_SOURCE_DIR "/config/quickstart.yaml");
  }

  test::TempFolder folder_;

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST_F(Quickstart, WithoutAnythingThereIsStillAModelToTalkTo) {
  const Printed printed = start();
  ASSERT_EQ(printed.status, 0) << printed.err;
  const catalog::SnapshotPtr snapshot = settings();
  ASSERT_TRUE(snapshot);
  EXPECT_FALSE(snapshot->catalog.models().empty());
  // A local server may run on this machine; else the simulator answers.
  const bool simulated = printed.out.find("simulator 127.0.0.1:9001\n") != std::string::npos;
  EXPECT_EQ(simulated, snapshot->catalog.resolve("demo/storyteller") != nullptr);
  struct stat info{};
  ASSERT_EQ(::stat((state() + "/providers").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat(state().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(Quickstart, AKeyInTheEnvironmentIsFoundAndNotCopied) {
  ::setenv("OPENAI_API_KEY", "sk-env-canary", 1);
  const Printed printed = start();
  ASSERT_EQ(printed.status, 0);
  EXPECT_THAT(printed.out, HasSubstr("found OPENAI_API_KEY"));
  EXPECT_THAT(printed.out, Not(HasSubstr("canary")));
  const std::string written = test::read_file(state() + "/providers/openai.yaml");
  EXPECT_THAT(written, HasSubstr("preset: openai"));
  EXPECT_THAT(written, Not(HasSubstr("canary")));
  EXPECT_FALSE(std::filesystem::exists(state() + "/providers/simulator.yaml"));
  const catalog::SnapshotPtr snapshot = settings();
  ASSERT_TRUE(snapshot);
  const catalog::Model* const model = snapshot->catalog.resolve("gpt-4o-mini");
  ASSERT_NE(model, nullptr);
  const catalog::Endpoint& endpoint = snapshot->catalog.endpoint(model->endpoints.at(0));
  EXPECT_EQ(snapshot->catalog.provider_of(endpoint).auth_value.reveal(), "Bearer sk-env-canary");
  EXPECT_EQ(start().status, 0);  // a second call writes the same again
  EXPECT_EQ(test::read_file(state() + "/providers/openai.yaml"), written);
}

TEST_F(Quickstart, AModelWithoutAPriceIsNeverOffered) {
  ::setenv("COHERE_API_KEY", "co-canary", 1);
  ::setenv("OPENAI_API_KEY", "", 1);  // empty is not set
  const Printed printed = start();
  EXPECT_THAT(printed.out, HasSubstr("found COHERE_API_KEY, but no prices for cohere"));
  EXPECT_THAT(printed.out, Not(HasSubstr("OPENAI_API_KEY")));
  EXPECT_FALSE(std::filesystem::exists(state() + "/providers/cohere.yaml"));
  EXPECT_FALSE(std::filesystem::exists(state() + "/providers/openai.yaml"));
  EXPECT_TRUE(settings());
}

TEST_F(Quickstart, AFolderThatCannotBeWrittenIsAFailureWithASentence) {
  folder_.write("state", "a file");
  const Printed printed = start();
  EXPECT_EQ(printed.status, 1);
  EXPECT_THAT(printed.err, HasSubstr("cannot be written"));
}

}  // namespace
}  // namespace waybill::app
