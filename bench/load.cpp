// The load of every run of the benchmark: one thread, epoll, kept connections.
//
//   load --port N --key K --connections 64 --seconds 2 [--rate 3000] [--stream]
//   load --port N --key K --connections 5000 --hold
//
// Sends the same request again and again on every connection; with --rate so many
// a second over all of them, without as fast as answers come.  Prints one JSON line:
// requests, events, errors, percentiles of latency in microseconds (of a request,
// or with --stream of an event, by the time that the upstream wrote into it).
// --hold opens a stream on each connection, prints "held" once all have their first
// event, and waits for the end of its standard input.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Nanoseconds = std::int64_t;

constexpr std::string_view kEventMark = R"("content":"t)";  // followed by the time
constexpr std::size_t kTimeDigits = 19;
constexpr std::size_t kPromptBytes = 1'180;  // makes a request of about 1.6 KB

struct Options {
  std::uint16_t port = 0;
  std::string key = "none";
  std::size_t connections = 64;
  double seconds = 2;
  double rate = 0;
  bool stream = false;
  bool hold = false;
};

Nanoseconds now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::string make_request(const Options& options) {
  std::string body =
      R"({"model":"bench/model","temperature":0.7,"max_tokens":256,"messages":[{"role":"system","content":"You are terse."},{"role":"user","content":")";
  body.append(kPromptBytes, 'p');
  body += options.stream || options.hold ? R"("}],"stream":true})" : R"("}],"user":"bench"})";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: "
         "bench/1.0\r\nAccept: application/json\r\n"
         "Content-Type: application/json\r\nAuthorization: Bearer " +
         options.key + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Connection {
  int socket = -1;
  std::string in{};
  std::size_t scanned = 0;  // of `in`, for events
  std::size_t head = 0;     // bytes of the head, 0 while it is incomplete
  std::size_t length = 0;   // of the whole answer where it has a length
  Nanoseconds sent = 0;     // 0: idle
  bool has_event = false;
};

class Load {
 public:
  explicit Load(Options options) : options_(std::move(options)), request_(make_request(options_)) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    latencies_.reserve(1U << 22U);
    connections_.resize(options_.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      open(i);
    }
  }

  void run() {
    begin_ = now();
    const Nanoseconds end = begin_ + static_cast<Nanoseconds>(options_.seconds * 1e9);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      idle_.push_back(i);
    }
    epoll_event ready[512];
    for (Nanoseconds time = begin_; time < end || busy_ > 0; time = now()) {
      if (time > end + 5'000'000'000) {
        errors_ += busy_;  // what never came
        break;
      }
      if (time < end) {
        start_requests(time);
      }
      const timespec timeout{.tv_sec = 0, .tv_nsec = nanoseconds_to_next_start(time)};
      const int count = ::epoll_pwait2(epoll_, ready, 512, &timeout, nullptr);
      for (int i = 0; i < count; ++i) {
        read(ready[i].data.u64);
      }
    }
    elapsed_ = now() - begin_;
    report();
  }

  void hold() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      start(i);
      if (i % 64 == 63) {
        drain(0);
      }
    }
    const Nanoseconds limit = now() + 60'000'000'000;
    while (with_event_ < connections_.size() && errors_ == 0 && now() < limit) {
      drain(100);
    }
    std::printf("%s %zu of %zu\n", with_event_ == connections_.size() ? "held" : "failed",
                with_event_, connections_.size());
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
  }

 private:
  void open(std::size_t index) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("load: connect");
      std::exit(1);
    }
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections_[index] = Connection{.socket = socket};
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  }

  void drain(int milliseconds) {
    epoll_event ready[512];
    const int count = ::epoll_wait(epoll_, ready, 512, milliseconds);
    for (int i = 0; i < count; ++i) {
      read(ready[i].data.u64);
    }
  }

  void start_requests(Nanoseconds time) {
    const auto allowed =
        options_.rate > 0
            ? static_cast<std::uint64_t>(static_cast<double>(time - begin_) * options_.rate / 1e9)
            : UINT64_MAX;
    while (!idle_.empty() && started_ < allowed) {
      const std::size_t index = idle_.front();
      idle_.pop_front();
      start(index);
    }
  }

  // Never a busy wait: the upstream lives on the same core.
  [[nodiscard]] long nanoseconds_to_next_start(Nanoseconds time) const {
    constexpr long kLongest = 10'000'000;
    if (options_.rate <= 0 || idle_.empty()) {
      return kLongest;
    }
    const auto due =
        begin_ + static_cast<Nanoseconds>(static_cast<double>(started_ + 1) * 1e9 / options_.rate);
    return std::clamp<long>(due - time, 0, kLongest);
  }

  void start(std::size_t index) {
    Connection& connection = connections_[index];
    connection.sent = now();
    ++started_;
    ++busy_;
    if (::send(connection.socket, request_.data(), request_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_.size())) {
      fail(index);
    }
  }

  void read(std::size_t index) {
    Connection& connection = connections_[index];
    char buffer[65536];
    const ssize_t got = ::recv(connection.socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) {
      if (got == 0 || errno != EAGAIN) {
        fail(index);
      }
      return;
    }
    connection.in.append(buffer, static_cast<std::size_t>(got));
    if (connection.head == 0 && !take_head(connection)) {
      return;
    }
    if (options_.stream || options_.hold) {
      take_events(connection);
    }
    if (is_whole(connection)) {
      finish(index);
    }
  }

  bool take_head(Connection& connection) {
    const std::size_t end = connection.in.find("\r\n\r\n");
    if (end == std::string::npos) {
      return false;
    }
    connection.head = end + 4;
    if (!connection.in.starts_with("HTTP/1.1 200")) {
      ++errors_;
      if (errors_ == 1) {
        std::fprintf(stderr, "load: %.400s\n", connection.in.c_str());
      }
    }
    std::size_t field = connection.in.find("ontent-Length: ");
    field = field == std::string::npos ? connection.in.find("ontent-length: ") : field;
    if (field < end) {
      std::from_chars(connection.in.data() + field + 15, connection.in.data() + end,
                      connection.length);
      connection.length += connection.head;
    }
    return true;
  }

  void take_events(Connection& connection) {
    const Nanoseconds time = now();
    while (true) {
      const std::size_t at = connection.in.find(kEventMark, connection.scanned);
      if (at == std::string::npos || at + kEventMark.size() + kTimeDigits > connection.in.size()) {
        const std::size_t kept = kEventMark.size() + kTimeDigits;
        connection.scanned =
            at != std::string::npos
                ? at
                : std::max(connection.scanned,
                           connection.in.size() - std::min(connection.in.size(), kept));
        return;
      }
      Nanoseconds sent = 0;
      const char* const digits = connection.in.data() + at + kEventMark.size();
      std::from_chars(digits, digits + kTimeDigits, sent);
      latencies_.push_back(static_cast<std::int32_t>((time - sent) / 100));
      ++events_;
      with_event_ += connection.has_event ? 0 : 1;
      connection.has_event = true;
      connection.scanned = at + kEventMark.size() + kTimeDigits;
    }
  }

  static bool is_whole(const Connection& connection) {
    return connection.length > 0 ? connection.in.size() >= connection.length
                                 : connection.in.ends_with("\r\n0\r\n\r\n");
  }

  void finish(std::size_t index) {
    Connection& connection = connections_[index];
    if (!options_.stream) {
      latencies_.push_back(static_cast<std::int32_t>((now() - connection.sent) / 100));
    }
    ++finished_;
    --busy_;
    connection = Connection{.socket = connection.socket};
    idle_.push_back(index);
  }

  void fail(std::size_t index) {
    ++errors_;
    if (connections_[index].sent != 0) {
      --busy_;
    }
    ::close(connections_[index].socket);
    open(index);
    idle_.push_back(index);
    if (errors_ > 1000) {
      std::fprintf(stderr, "load: too many errors\n");
      std::exit(1);
    }
  }

  [[nodiscard]] double percentile(double share) const {
    if (latencies_.empty()) {
      return 0;
    }
    return latencies_[static_cast<std::size_t>(share *
                                               static_cast<double>(latencies_.size() - 1))] /
           10.0;
  }

  void report() {
    std::sort(latencies_.begin(), latencies_.end());
    std::printf(
        R"({"requests":%llu,"events":%llu,"errors":%llu,"seconds":%.4f,"p50":%.1f,"p90":%.1f,"p99":%.1f,"max":%.1f})"
        "\n",
        static_cast<unsigned long long>(finished_), static_cast<unsigned long long>(events_),
        static_cast<unsigned long long>(errors_), static_cast<double>(elapsed_) / 1e9,
        percentile(0.5), percentile(0.9), percentile(0.99), percentile(1));
  }

  Options options_;
  std::string request_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;
  std::vector<std::int32_t> latencies_;  // tenths of a microsecond
  Nanoseconds begin_ = 0;
  Nanoseconds elapsed_ = 0;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t busy_ = 0;
  std::size_t with_event_ = 0;
};

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--stream" || name == "--hold") {
      (name == "--stream" ? options.stream : options.hold) = true;
      continue;
    }
    const char* const value = ++i < count ? arguments[i] : "";
    if (name == "--port") {
      options.port = static_cast<std::uint16_t>(std::atoi(value));
    } else if (name == "--key") {
      options.key = value;
    } else if (name == "--connections") {
      options.connections = static_cast<std::size_t>(std::atol(value));
    } else if (name == "--seconds") {
      options.seconds = std::atof(value);
    } else if (name == "--rate") {
      options.rate = std::atof(value);
    } else {
      std::fprintf(stderr, "load: unknown option %s\n", arguments[i - 1]);
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  const Options options = parse(count, arguments);
  Load load(options);
  options.hold ? load.hold() : load.run();
}
