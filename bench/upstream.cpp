// The provider behind every proxy of the benchmark: as cheap as can be, one thread,
// epoll, no parsing beyond what tells a streamed request from another.
//
//   upstream --port N [--events 100] [--gap-ms 20] [--hold]
//
// A request whose body has "stream":true gets a head, one event at once and then
// one per gap, a usage chunk and [DONE]; with --hold only the first event, for ever.
// Every event carries the monotonic time it was sent at, so that the load generator
// can tell what the way took.  Prints the port it listens on.

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Nanoseconds = std::int64_t;

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: "
    "no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kEventStart =
    R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[{"index":0,"delta":{"content":"t)";
constexpr std::string_view kEventEnd = "\"},\"finish_reason\":null}]}\n\n";
constexpr std::string_view kLastEvents =
    R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
    "\n\n"
    R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":[],"usage":{"prompt_tokens":400,"completion_tokens":100,"total_tokens":500}})"
    "\n\ndata: [DONE]\n\n";
constexpr std::size_t kTimeDigits = 19;

struct Options {
  std::uint16_t port = 0;
  int events = 100;
  Nanoseconds gap = 20'000'000;
  bool hold = false;
};

Nanoseconds now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void append_chunk(std::string& out, std::string_view data) {
  char size[16];
  const auto [end, error] = std::to_chars(size, size + sizeof size, data.size(), 16);
  out.append(size, end).append("\r\n").append(data).append("\r\n");
}

void append_event(std::string& out, Nanoseconds time) {
  std::string digits = std::to_string(time);
  digits.insert(0, kTimeDigits - digits.size(), '0');
  std::string event(kEventStart);
  event.append(digits).append(kEventEnd);
  append_chunk(out, event);
}

// About 0.9 KB with its head.
std::string plain_answer() {
  std::string body =
      R"({"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":")";
  body.append(460, 'w');
  body +=
      R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":400,"completion_tokens":100,"total_tokens":500,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_bench"})";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Connection {
  int socket = -1;
  std::uint64_t serial = 0;  // tells a connection from an earlier one with the same descriptor
  std::string in{};
  int events_left = 0;
};

struct Due {
  Nanoseconds time;
  int socket;
  std::uint64_t serial;

  bool operator<(const Due& other) const { return time > other.time; }
};

class Upstream {
 public:
  explicit Upstream(const Options& options) : options_(options), answer_(plain_answer()) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 8192) != 0) {
      std::perror("upstream: bind");
      std::exit(1);
    }
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    std::printf("%u\n", static_cast<unsigned>(ntohs(address.sin_port)));
    std::fflush(stdout);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    watch(listener_);
  }

  [[noreturn]] void run() {
    epoll_event ready[512];
    while (true) {
      const int count = ::epoll_wait(epoll_, ready, 512, wait_milliseconds());
      for (int i = 0; i < count; ++i) {
        ready[i].data.fd == listener_ ? accept_all() : read(ready[i].data.fd);
      }
      send_due();
    }
  }

 private:
  void watch(int socket) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  }

  void accept_all() {
    while (true) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) {
        return;
      }
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_[socket] = Connection{.socket = socket, .serial = ++serial_};
      watch(socket);
    }
  }

  void read(int socket) {
    Connection& connection = connections_[socket];
    char buffer[16384];
    const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) {
      if (got == 0 || errno != EAGAIN) {
        drop(socket);
      }
      return;
    }
    connection.in.append(buffer, static_cast<std::size_t>(got));
    while (take_request(connection)) {
    }
  }

  // Answers the first whole request in the buffer.
  bool take_request(Connection& connection) {
    const std::string_view in(connection.in);
    const std::size_t head = in.find("\r\n\r\n");
    if (head == std::string_view::npos) {
      return false;
    }
    std::size_t field = in.find("ontent-Length: ");
    field = field == std::string_view::npos ? in.find("ontent-length: ") : field;
    std::size_t length = 0;
    if (field < head) {
      std::from_chars(in.data() + field + 15, in.data() + head, length);
    }
    const std::size_t whole = head + 4 + length;
    if (in.size() < whole) {
      return false;
    }
    const bool streamed =
        in.substr(head, whole - head).find(R"("stream":true)") != std::string_view::npos;
    connection.in.erase(0, whole);
    streamed ? start_stream(connection) : send(connection.socket, answer_);
    return true;
  }

  void start_stream(Connection& connection) {
    std::string out(kStreamHead);
    const Nanoseconds time = now();
    append_event(out, time);
    send(connection.socket, out);
    if (!options_.hold) {
      connection.events_left = options_.events - 1;
      due_.push({time + options_.gap, connection.socket, connection.serial});
    }
  }

  void send_due() {
    const Nanoseconds time = now();
    std::string out;
    while (!due_.empty() && due_.top().time <= time) {
      const Due due = due_.top();
      due_.pop();
      const auto found = connections_.find(due.socket);
      if (found == connections_.end() || found->second.serial != due.serial) {
        continue;
      }
      out.clear();
      append_event(out, now());
      if (--found->second.events_left > 0) {
        due_.push({due.time + options_.gap, due.socket, due.serial});
      } else {
        append_chunk(out, kLastEvents);
        out += "0\r\n\r\n";
      }
      send(due.socket, out);
    }
  }

  [[nodiscard]] int wait_milliseconds() const {
    if (due_.empty()) {
      return -1;
    }
    const Nanoseconds left = due_.top().time - now();
    return left <= 0 ? 0 : static_cast<int>((left + 999'999) / 1'000'000);
  }

  // Answers are small and readers quick: what does not fit into the socket is a failed run.
  void send(int socket, std::string_view data) {
    if (::send(socket, data.data(), data.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(data.size())) {
      drop(socket);
    }
  }

  void drop(int socket) {
    connections_.erase(socket);
    ::close(socket);
  }

  Options options_;
  std::string answer_;
  int listener_ = -1;
  int epoll_ = -1;
  std::uint64_t serial_ = 0;
  std::unordered_map<int, Connection> connections_;
  std::priority_queue<Due> due_;
};

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    const long value = i + 1 < count ? std::atol(arguments[i + 1]) : 0;
    if (name == "--hold") {
      options.hold = true;
      continue;
    }
    ++i;
    if (name == "--port") {
      options.port = static_cast<std::uint16_t>(value);
    } else if (name == "--events") {
      options.events = static_cast<int>(value);
    } else if (name == "--gap-ms") {
      options.gap = Nanoseconds{value} * 1'000'000;
    } else {
      std::fprintf(stderr, "upstream: unknown option %s\n", arguments[i - 1]);
      std::exit(2);
    }
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  Upstream(parse(count, arguments)).run();
}
