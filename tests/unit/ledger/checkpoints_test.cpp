// Signed checkpoints: who signs, where they go, and who is caught by them (B20).

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>

#include <sys/stat.h>

#include "checkpoint.hpp"
#include "checkpoint_file.hpp"
#include "signing_key.hpp"
#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests
namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    out.push_back(line);
  }
  return out;
}
std::vector<std::string> lines_of(const TempFolder& folder) {
  return lines_of(folder.database() + ".checkpoints");
}

mode_t mode_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0;
}

// Settles `count` from `first` on, a minute apart, so that each has its checkpoint.
void fill(Options wanted, std::uint32_t first, std::uint32_t count, std::uint64_t discount = 0) {
  auto minutes = std::make_shared<std::atomic<std::int64_t>>(first * 2);
  wanted.clock = [minutes] { return kNow + std::chrono::minutes(minutes->load()); };
  Bench bench(std::move(wanted));
  ASSERT_TRUE(bench.ledger);
  for (std::uint32_t n = first; n < first + count; ++n) {
    Settlement s = settlement(n);
    s.counts.prompt -= discount;
    s.cost = *catalog::compute_cost(prices(), s.counts);
    s.provider_cost = s.cost.total;
    ASSERT_EQ(bench.settle(std::move(s)), SettleStatus::Recorded);
    *minutes += 2;
  }
  ASSERT_TRUE(bench.ledger->stop());
}
void fill(const TempFolder& folder, std::uint32_t first = 1, std::uint32_t count = 5) {
  fill(options(folder), first, count);
}

Result<VerifyReport> verify(const std::string& database, const CheckpointFiles& files = {}) {
  return (*LedgerReader::open(database))->verify({}, files);
}

// ------------------------------------------------------------------ the line

TEST(CheckpointLine, IsReadBackAsItWasWrittenAndOnlySo) {
  const TempFolder folder;
  const SigningKey key = *SigningKey::open(folder.path() + "/key");
  LaneId lane{};
  lane.fill(0xAB);
  Checkpoint point{.kind = CheckpointKind::ContinuedFromCopy,
                   .seq = 42,
                   .hash = sha256("x"),
                   .at = kNow,
                   .customer_total = {},
                   .provider_total = {},
                   .debits = Int128{1} << 100,
                   .credits = -(Int128{1} << 100),
                   .voucher = {}};
  sign(point, lane, key);
  const std::string line = to_line(point, lane);
  const auto read = parse_checkpoint_line(line);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->lane, lane);
  EXPECT_EQ(read->checkpoint.debits, point.debits);
  EXPECT_EQ(read->checkpoint.credits, point.credits);
  EXPECT_TRUE(read->checkpoint.voucher == point.voucher);
  EXPECT_TRUE(is_signature_sound(read->checkpoint, lane));
  for (std::size_t i = 0; i < line.size(); ++i) {
    for (const char c : {'0', '1', ' ', 'Z', '=', '-'}) {
      std::string bad = line;
      bad[i] = c;
      const auto other = parse_checkpoint_line(bad);
      EXPECT_TRUE(bad == line || !other || !is_signature_sound(other->checkpoint, other->lane))
          << bad;
    }
    EXPECT_FALSE(parse_checkpoint_line(line.substr(0, i)));
  }
  EXPECT_FALSE(parse_checkpoint_line(line + " "));
}

TEST(CheckpointFile, ATornLineDoesNotTakeTheNextAlong) {
  const TempFolder folder;
  const std::string path = folder.path() + "/lines";
  std::ofstream(path) << "first\nto";
  CheckpointFile file(path);
  EXPECT_EQ(file.last_line(), "first");
  ASSERT_TRUE(file.append({"second", "third"}));
  EXPECT_EQ(lines_of(path), (std::vector<std::string>{"first", "to", "second", "third"}));
  EXPECT_EQ(file.last_line(), "third");
}

// ------------------------------------------------------------------ the key

TEST(SigningKey, IsMadeOnceForItsOwnerAlone) {
  const TempFolder folder;
  const std::string path = folder.path() + "/key";
  const SigningKey made = *SigningKey::open(path);
  EXPECT_EQ(mode_of(path), 0600U);
  const SigningKey again = *SigningKey::open(path);
  EXPECT_EQ(made.public_key(), again.public_key());
  EXPECT_TRUE(is_signed_by(made.public_key(), "text", again.sign("text")));
  EXPECT_FALSE(is_signed_by(made.public_key(), "texT", again.sign("text")));
  ASSERT_EQ(made.publish(path + ".pub"), 0);
  EXPECT_EQ(read_public_key(path + ".pub"), made.public_key());
  EXPECT_EQ(read_public_key(path), made.public_key());
  EXPECT_EQ(lines_of(path + ".pub").front(), "-----BEGIN PUBLIC KEY-----");
}

TEST(SigningKey, OneThatOthersCanReadOrThatIsNoneIsRefused) {
  const TempFolder folder;
  const std::string path = folder.path() + "/key";
  ASSERT_TRUE(SigningKey::open(path));
  for (const int mode : {0604, 0620, 0602}) {
    fs::permissions(path, static_cast<fs::perms>(mode));
    EXPECT_EQ(SigningKey::open(path).error().code(), "signing_key_exposed") << mode;
  }
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write |
                            fs::perms::group_read);  // a mounted secret with a group
  EXPECT_TRUE(SigningKey::open(path));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  std::ofstream(path) << "no key";
  EXPECT_EQ(SigningKey::open(path).error().code(), "signing_key_invalid");
  Options wanted = options(folder);
  wanted.checkpoints.signing_key = path;
  EXPECT_EQ(Ledger::open(wanted).error().code(), "signing_key_invalid");
  wanted.checkpoints.signing_key = folder.path() + "/not/there";
  EXPECT_EQ(Ledger::open(wanted).error().code(), "ledger_unwritable");
}

// ------------------------------------------------------------------ when and where

TEST(Checkpoints, EachIsSignedAndToldAndWrittenToTheSecondFile) {
  const TempFolder folder;
  Options wanted = options(folder);
  wanted.checkpoints = {.lines = folder.path() + "/other", .signing_key = folder.path() + "/key"};
  std::vector<std::string> told;
  wanted.on_checkpoint = [&told](std::string_view line) { told.emplace_back(line); };
  fill(wanted, 1, 5);
  const auto lines = lines_of(folder.path() + "/other");
  EXPECT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines, told);
  const auto key = read_public_key(folder.database() + ".signing-key.pub");
  ASSERT_TRUE(key);
  EXPECT_EQ(key, read_public_key(folder.path() + "/key"));
  std::int64_t seq = 0;
  for (const std::string& line : lines) {
    const auto read = parse_checkpoint_line(line);
    ASSERT_TRUE(read) << line;
    EXPECT_EQ(read->checkpoint.seq, ++seq);
    EXPECT_EQ(read->checkpoint.voucher->key, *key);
    EXPECT_TRUE(is_signature_sound(read->checkpoint, read->lane));
  }
  EXPECT_EQ(mode_of(folder.path() + "/other"), 0600U);
  const auto report = verify(folder.database(), wanted.checkpoints);
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->signed_checkpoints, 5U);
  EXPECT_EQ(report->checkpoint_lines, 5U);
  EXPECT_EQ(report->unsigned_rows, 0);
  EXPECT_TRUE(report->notes.empty()) << report->notes.front();
}

TEST(Checkpoints, OneIsDueAfterSoManyRowsAndNoneWithoutRows) {
  const TempFolder folder;
  {
    Bench bench(folder);                           // its clock stands
    for (std::uint32_t n = 1; n <= 12'500; ++n) {  // the first checkpoint covers one batch
      ASSERT_TRUE(eventually([&] { return bench.ledger->settle(0, settlement(n), n); }));
    }
    ASSERT_EQ(bench.sink.wait(12'500).size(), 12'500U);
    ASSERT_TRUE(bench.ledger->settle(0, settlement(12'501), 0));
    ASSERT_EQ(bench.sink.wait(12'501).size(), 12'501U);
    EXPECT_EQ(bench.ledger->reader().verify()->checkpoints, 2U);  // with the first, and one
  }
  EXPECT_EQ(lines_of(folder).size(), 3U);  // and one at the end
  for (int i = 0; i < 3; ++i) {
    Bench idle(folder);
    EXPECT_FALSE(idle.ledger->recovery().new_voucher);
  }
  EXPECT_EQ(lines_of(folder).size(), 3U);
  EXPECT_EQ(verify(folder.database())->checkpoints, 3U);
}

TEST(Checkpoints, ASecondFileThatCannotBeWrittenIsToldOnceAndCaughtUp) {
  const TempFolder folder;
  Options wanted = options(folder);
  const std::string other = folder.path() + "/disk";
  wanted.checkpoints.lines = other + "/lines";
  std::atomic<int> told{0};
  wanted.on_checkpoints_unwritable = [&told](const Error& error) {
    EXPECT_EQ(error.code(), "checkpoints_unwritable");
    ++told;
  };
  fill(wanted, 1, 4);
  EXPECT_EQ(told, 1);
  const auto report = verify(folder.database(), wanted.checkpoints);
  ASSERT_TRUE(report) << report.error().detail();
  ASSERT_EQ(report->notes.size(), 1U);
  EXPECT_NE(report->notes[0].find("is missing"), std::string::npos);
  fs::create_directory(other);
  {
    Bench bench(wanted);
  }  // the next start brings what is missing
  EXPECT_EQ(lines_of(wanted.checkpoints.lines).size(), 4U);
  EXPECT_TRUE(verify(folder.database(), wanted.checkpoints)->notes.empty());
}

TEST(Checkpoints, ALineLostWithThePowerIsWrittenAgain) {
  const TempFolder folder;
  fill(folder);
  const auto before = lines_of(folder);
  fs::resize_file(folder.database() + ".checkpoints",
                  fs::file_size(folder.database() + ".checkpoints") - 700);  // one, and a half
  ASSERT_TRUE(verify(folder.database()));
  EXPECT_EQ(verify(folder.database())->notes.size(), 2U);  // two without, one cannot be read
  {
    Bench bench(folder);
  }
  const auto after = lines_of(folder);
  ASSERT_EQ(after.size(), 6U);
  EXPECT_EQ(after[4], before[3]);
  EXPECT_EQ(after[5], before[4]);
}

TEST(Checkpoints, ALostKeyIsReplacedAndTheNewOneVouchesForTheWhole) {
  const TempFolder folder;
  fill(folder);
  fs::remove(folder.database() + ".signing-key");
  {
    Bench bench(folder);
    EXPECT_TRUE(bench.ledger->recovery().new_voucher);
  }
  const auto report = verify(folder.database());
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->signed_checkpoints, 6U);
  EXPECT_EQ(report->checkpoint_lines, 6U);
  EXPECT_FALSE(Bench(folder).ledger->recovery().new_voucher);
}

TEST(Checkpoints, ALedgerFromBeforeSigningIsMigratedAndSigned) {
  const TempFolder folder;
  fill(folder);
  back_to_second_schema(folder);
  EXPECT_EQ(LedgerReader::open(folder.database()).error().code(), "ledger_older_schema");
  {
    Bench bench(folder);
    ASSERT_TRUE(bench.ledger);
    EXPECT_TRUE(bench.ledger->recovery().new_voucher);
    EXPECT_EQ(bench.settle(settlement(9)), SettleStatus::Recorded);
  }
  const auto report = verify(folder.database());
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->rows, 6);
  EXPECT_EQ(report->checkpoints, 7U);
  EXPECT_EQ(report->signed_checkpoints, 2U);
  EXPECT_EQ(report->checkpoint_lines, 2U);
}

// ------------------------------------------------------------------ the attack

std::string lane_of(const std::string& database) {
  std::string lane;
  RawSqlite(database).each("SELECT hex(value) FROM meta WHERE name = 'lane'",
                           [&lane](char** values) { lane = values[0]; });
  return lane;
}

// What somebody with the program and the file, but without the key, can make of it: the
// same chain's identity, other costs, and every hash, balance and checkpoint derived
// anew.
void forge(const TempFolder& victim, const std::string& afterwards = {}) {
  const TempFolder workshop;
  {
    Bench empty(workshop);
  }
  RawSqlite(workshop.database())
      .run("UPDATE meta SET value = x'" + lane_of(victim.database()) + "' WHERE name = 'lane'");
  fs::remove(workshop.database() + ".lock");
  fill(options(workshop), 1, 5, 10);
  {
    RawSqlite raw(workshop.database());
    raw.run("ATTACH '" + victim.database() +
            "' AS victim; DROP TRIGGER checkpoint_stands;"
            "DROP TRIGGER checkpoint_stays;" +
            afterwards);
    raw.run("DETACH victim; PRAGMA wal_checkpoint(TRUNCATE)");
  }
  fs::copy_file(workshop.database(), victim.database(), fs::copy_options::overwrite_existing);
  fs::remove(victim.database() + ".lock");
}

struct Forgery {
  std::string name;
  std::string sql;        // on the forged database, with the true one attached as `victim`
  std::string gone;       // what else was removed from the ledger's folder
  std::string named;      // must be in the sentence
  bool second_file_gone;  // found without it too

  friend void PrintTo(const Forgery& self, std::ostream* os) { *os << self.name; }
};

class ForgedLedger : public testing::TestWithParam<Forgery> {};

TEST_P(ForgedLedger, D6B20AFileRewrittenWholeIsNamedByVerifyAndRefusedAtTheStart) {
  const Forgery& forgery = GetParam();
  const TempFolder folder;
  const TempFolder elsewhere;
  const CheckpointFiles files{.lines = elsewhere.path() + "/lines", .signing_key = {}};
  Options wanted = options(folder);
  wanted.checkpoints = files;
  fill(wanted, 1, 5);
  ASSERT_TRUE(verify(folder.database(), files));
  forge(folder, forgery.sql);
  for (const char* part : {".signing-key", ".signing-key.pub"}) {
    if (!forgery.gone.empty()) {
      fs::remove(folder.database() + part);
    }
  }
  const auto found = verify(folder.database(), files);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), "ledger_corrupt");
  EXPECT_NE(found.error().detail().find(forgery.named), std::string::npos)
      << found.error().detail();
  if (forgery.second_file_gone) {
    EXPECT_FALSE(
        verify(folder.database(), {.lines = elsewhere.path() + "/none", .signing_key = {}}));
  }
  const auto opened = Ledger::open(wanted);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), "ledger_corrupt");
}

const std::vector<Forgery>& forgeries() {
  static const std::vector<Forgery> all{
      {"signed_with_a_key_of_their_own", "", "", "rewritten at or before row 1", true},
      {"with_the_true_signatures",
       "UPDATE checkpoint SET public_key = (SELECT public_key FROM victim.checkpoint LIMIT 1),"
       " signature = (SELECT signature FROM victim.checkpoint v WHERE v.id = checkpoint.id)",
       "", "signature of the checkpoint at row 1", true},
      {"with_no_signatures",
       "UPDATE checkpoint SET public_key = NULL, signature = NULL, debits = NULL, credits = NULL",
       "", "rewritten at or before row 1", true},
      {"with_no_checkpoints", "DELETE FROM checkpoint", "", "rewritten at or before row 1", true},
      {"and_the_keys_removed", "", "keys", "rewritten at or before row 1", false},
      {"and_the_keys_removed_with_no_checkpoints", "DELETE FROM checkpoint", "keys",
       "rewritten at or before row 1", false},
  };
  return all;
}
std::string case_name(const testing::TestParamInfo<Forgery>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(B20, ForgedLedger, testing::ValuesIn(forgeries()), case_name);

TEST(Checkpoints, D6B20AnOlderCopyIsFoundByTheSecondFile) {
  const TempFolder folder;
  fill(folder, 1, 3);
  fs::copy_file(folder.database(), folder.path() + "/old.db");
  fill(folder, 4, 3);
  fs::copy_file(folder.path() + "/old.db", folder.database(), fs::copy_options::overwrite_existing);
  fs::remove(folder.database() + ".lock");
  const auto found = verify(folder.database());
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().detail().find("has a checkpoint signed for row 6"), std::string::npos)
      << found.error().detail();
  EXPECT_EQ(Ledger::open(options(folder)).error().code(), "ledger_rolled_back");
  // Restored on purpose, the chain goes on, and the lines of what was lost are told.
  Options accepting = options(folder);
  accepting.after_restore = AfterRestore::Accept;
  fill(accepting, 10, 2);
  const auto report = verify(folder.database());
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->rows, 5);
  ASSERT_EQ(report->notes.size(), 1U);
  EXPECT_NE(report->notes[0].find("3 lines of"), std::string::npos) << report->notes[0];
  EXPECT_TRUE(Bench(folder).ledger);
}

TEST(Checkpoints, B20RemovedCheckpointsAreMissed) {
  const TempFolder folder;
  fill(folder);
  RawSqlite(folder.database())
      .run("DROP TRIGGER checkpoint_stays; DELETE FROM checkpoint WHERE seq > 2");
  const auto found =
      verify(folder.database(), {.lines = folder.path() + "/none", .signing_key = {}});
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().detail().find("more than the daemon leaves unsigned"), std::string::npos)
      << found.error().detail();
}

TEST(Checkpoints, B20AChangedLineOfTheSecondFileIsNamed) {
  const TempFolder folder;
  fill(folder);
  auto lines = lines_of(folder);
  auto at = lines[2].find("hash=") + 5;
  lines[2][at] = lines[2][at] == '0' ? '1' : '0';
  {
    std::ofstream file(folder.database() + ".checkpoints");
    for (const std::string& line : lines) {
      file << line << '\n';
    }
  }
  const auto found = verify(folder.database());
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().detail().find("line for row 3"), std::string::npos)
      << found.error().detail();
}

}  // namespace
}  // namespace waybill::ledger
