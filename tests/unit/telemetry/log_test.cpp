#include "waybill/telemetry/log.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace waybill::telemetry {
namespace {

// K4, L6: there is no way to write a secret into a log line.
static_assert(!std::is_constructible_v<Field, std::string_view, Secret>);
static_assert(!std::is_constructible_v<Field, std::string_view, const Secret&>);
static_assert(!std::is_constructible_v<Field, const char*, Secret&>);
static_assert(std::is_constructible_v<Field, const char*, std::size_t>);

class Folder {
 public:
  Folder() {
    std::string path = (std::filesystem::temp_directory_path() / "waybill-log-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string contents(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::ptrdiff_t lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

TEST(Log, HumanLinesNameTheEventAndItsFields) {
  const Folder folder;
  auto log = Log::open({.file = folder.file("log")});
  ASSERT_TRUE(log);
  (*log)->info("listening", {{"address", "127.0.0.1"},
                             {"port", 8080},
                             {"tls", false},
                             {"ratio", 0.5},
                             {"note", "two words"}});
  (*log)->debug("not_at_this_level");
  (*log)->failure(LogLevel::Warning, "reload_failed",
                  Error(ErrorKind::InvalidRequest, "bad_settings", "Line 3 is \"wrong\"."),
                  {{"file", std::string("a.yaml")}});
  (*log)->flush();
  const std::string text = contents(folder.file("log"));
  ASSERT_EQ(lines(text), 2);
  EXPECT_NE(text.find("  info     listening address=127.0.0.1 port=8080 tls=false ratio=0.5 "
                      "note=\"two words\"\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("  warning  reload_failed code=bad_settings detail=\"Line 3 is "
                      "\\\"wrong\\\".\" file=a.yaml\n"),
            std::string::npos)
      << text;
}

TEST(Log, JsonLinesParse) {
  const Folder folder;
  auto log =
      Log::open({.level = LogLevel::Debug, .format = LogFormat::Json, .file = folder.file("log")});
  ASSERT_TRUE(log);
  (*log)->debug("worker_started",
                {{"index", 1U}, {"lowest", std::int64_t{-5}}, {"text", "a\"b\n"}});
  (*log)->error("bare");
  (*log)->flush();
  const std::string text = contents(folder.file("log"));
  const auto first = nlohmann::json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(first["level"], "debug");
  EXPECT_EQ(first["event"], "worker_started");
  EXPECT_EQ(first["index"], 1);
  EXPECT_EQ(first["lowest"], -5);
  EXPECT_EQ(first["text"], "a\"b?");
  EXPECT_EQ(nlohmann::json::parse(text.substr(text.find('\n') + 1))["level"], "error");
}

TEST(Log, L2AFieldNeverStartsASecondLine) {
  const Folder folder;
  for (const LogFormat format : {LogFormat::Human, LogFormat::Json}) {
    const std::string file = folder.file(format == LogFormat::Human ? "human" : "json");
    auto log = Log::open({.format = format, .file = file});
    ASSERT_TRUE(log);
    const std::string hostile =
        "x\r\n2026-11-25 info forged\x1b[2J\xC2\x85\xE2\x80\xA8" + std::string(100'000, 'y');
    (*log)->info("request_refused", {{"path", hostile}});
    (*log)->info("request\nrefused", {{"path", "a b\n"}});
    (*log)->flush();
    const std::string text = contents(file);
    EXPECT_EQ(lines(text), 2) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find("\xC2\x85"), std::string::npos);
    EXPECT_LT(text.size(), 1500U);
  }
}

TEST(Log, TheLevelCanBeChangedWhileRunning) {
  const Folder folder;
  auto log = Log::open({.level = LogLevel::Error, .file = folder.file("log")});
  ASSERT_TRUE(log);
  (*log)->warning("before");
  (*log)->set_level(LogLevel::Debug);
  EXPECT_TRUE((*log)->enabled(LogLevel::Debug));
  (*log)->debug("after");
  (*log)->set_level(LogLevel::Off);
  (*log)->error("off");
  EXPECT_FALSE((*log)->enabled(LogLevel::Off));
  (*log)->flush();
  const std::string text = contents(folder.file("log"));
  EXPECT_EQ(lines(text), 1);
  EXPECT_NE(text.find("after"), std::string::npos);
}

TEST(Log, AFileThatCannotBeOpenedIsRefusedAtTheStart) {
  const auto log = Log::open({.file = "/nonexistent/folder/waybill.log"});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code(), "log_file_unwritable");
}

TEST(Log, O11ARenamedFileIsFollowedByANewOneAfterReopen) {
  const Folder folder;
  auto log = Log::open({.file = folder.file("log")});
  ASSERT_TRUE(log);
  (*log)->info("first");
  (*log)->flush();
  std::filesystem::rename(folder.file("log"), folder.file("log.1"));
  (*log)->info("still_the_old_one");
  (*log)->flush();
  (*log)->reopen();
  (*log)->info("second");
  (*log)->flush();
  EXPECT_EQ(lines(contents(folder.file("log.1"))), 2);
  EXPECT_EQ(lines(contents(folder.file("log"))), 1);
  EXPECT_EQ((*log)->dropped(), 0U);
}

TEST(Log, O11ATruncatedFileIsWrittenFromItsStart) {
  const Folder folder;
  auto log = Log::open({.file = folder.file("log")});
  ASSERT_TRUE(log);
  (*log)->info("first", {{"text", std::string(400, 'x')}});
  (*log)->flush();
  std::filesystem::resize_file(folder.file("log"), 0);
  (*log)->info("second");
  (*log)->flush();
  EXPECT_LT(std::filesystem::file_size(folder.file("log")), 100U);
}

TEST(Log, O11AFullDiskIsCountedAndForgotten) {
  if (::access("/dev/full", W_OK) != 0) {
    GTEST_SKIP() << "no /dev/full on this machine";
  }
  auto log = Log::open({.file = "/dev/full"});
  ASSERT_TRUE(log);
  for (int i = 0; i < 10; ++i) {
    (*log)->info("lost");
  }
  (*log)->flush();
  EXPECT_EQ((*log)->dropped(), 10U);
}

TEST(Log, O7AReaderThatDoesNotReadBlocksNobody) {
  const Folder folder;
  const std::string fifo = folder.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);

  const auto start = Clock::now();
  {
    auto log = Log::open({.file = fifo, .queue_messages = 512});
    ASSERT_TRUE(log);
    const std::string block(32'768, 'a');
    for (int i = 0; i < 1000; ++i) {
      (*log)->info("flood", {{"number", i}});
      (*log)->write_lines(block);
    }
    EXPECT_GT((*log)->dropped(), 1400U);
  }  // the destructor gives up on the reader after a second
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
  ::close(reader);
}

TEST(Log, O7AClosedPipeIsCountedAndForgotten) {
  std::signal(SIGPIPE, SIG_IGN);  // as the application does
  const Folder folder;
  const std::string fifo = folder.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  auto log = Log::open({.file = fifo});
  ASSERT_TRUE(log);
  ::close(reader);
  (*log)->info("nobody_reads");
  (*log)->flush();
  EXPECT_EQ((*log)->dropped(), 1U);
}

void tick(Log& log, int thread) {
  for (int i = 0; i < 500; ++i) {
    log.info("tick", {{"thread", thread}, {"number", i}});
  }
}

TEST(Log, ManyThreadsWriteWholeLines) {
  const Folder folder;
  {
    auto log = Log::open(
        {.format = LogFormat::Json, .file = folder.file("log"), .queue_messages = 100'000});
    ASSERT_TRUE(log);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back(tick, std::ref(**log), t);
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }  // writes what is queued
  std::ifstream stream(folder.file("log"));
  std::string line;
  int count = 0;
  while (std::getline(stream, line)) {
    ASSERT_FALSE(nlohmann::json::parse(line, nullptr, false).is_discarded()) << line;
    ++count;
  }
  EXPECT_EQ(count, 2000);
}

}  // namespace
}  // namespace waybill::telemetry
