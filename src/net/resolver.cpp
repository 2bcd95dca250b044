#include "waybill/net/resolver.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <unordered_map>

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "waybill/base/text.hpp"
#include "waybill/net/waiter.hpp"

namespace waybill::net {
namespace {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

std::optional<Address> literal(const std::string& host) {
  Address out;
  auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    out.size = sizeof(v4);
    return out;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    out.size = sizeof(v6);
    return out;
  }
  return std::nullopt;
}

void set_port(Address& address, std::uint16_t port) {
  if (address.storage.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
  }
}

Address copy_address(const sockaddr* from, socklen_t size) {
  Address out;
  std::memcpy(&out.storage, from, std::min<std::size_t>(size, sizeof(out.storage)));
  out.size = size;
  return out;
}

// IPv6 first, then the families in turn (RFC 8305 §4).
std::vector<Address> interleave(const std::vector<Address>& addresses) {
  std::vector<Address> v6;
  std::vector<Address> v4;
  for (const Address& address : addresses) {
    (address.storage.ss_family == AF_INET6 ? v6 : v4).push_back(address);
  }
  std::vector<Address> out;
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) {
      out.push_back(v6[i]);
    }
    if (i < v4.size()) {
      out.push_back(v4[i]);
    }
  }
  return out;
}

struct Answer {
  bool ok = false;
  std::vector<Address> addresses;
  std::chrono::seconds ttl{0};
};

}  // namespace

class Resolver::Impl {
 public:
  Impl(Worker& worker, ResolverLimits limits);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Task<Result<std::vector<Address>>> resolve(std::string host,
                                             std::uint16_t port,
                                             TimePoint deadline,
                                             CallOff& call_off);
  Counters counters;

 private:
  struct Entry {
    std::vector<Address> addresses;
    TimePoint fresh_until{};
    TimePoint stale_until{};
    bool pending = false;
    std::list<Waiter*> waiters;
  };
  struct Query {
    Impl* self;
    std::string host;
  };
  class Tick final : public TimerWheel::Entry {
   public:
    explicit Tick(Impl& impl) noexcept : impl_(impl) {}

   private:
    void on_deadline() override { impl_.process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }
    Impl& impl_;
  };

  void look_up(const std::string& host);
  void look_up_by_system(const std::string& host);
  void finish(const std::string& host, Answer answer);
  void make_room();
  void process(ares_socket_t read, ares_socket_t write);
  void watch(ares_socket_t fd, int readable, int writable);
  void wait_for(ares_socket_t fd, asio::posix::descriptor_base::wait_type type);
  static void on_answer(void* opaque, int status, int timeouts, ares_addrinfo* info);

  Worker& worker_;
  ResolverLimits limits_;
  ares_channel channel_ = nullptr;
  Tick tick_;
  std::map<ares_socket_t, std::shared_ptr<Descriptor>> descriptors_;
  std::unordered_map<std::string, Entry> cache_;
  std::unique_ptr<asio::thread_pool> system_thread_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Resolver::Impl::Impl(Worker& worker, ResolverLimits limits)
    : worker_(worker),
      limits_(limits),
      tick_(*this) {
  ares_options options{};
  options.timeout = static_cast<int>(limits.timeout.count()) / 2;
  options.tries = 2;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Impl*>(self)->watch(fd, readable, writable);
  };
  options.sock_state_cb_data = this;
  if (ares_init_options(&channel_, &options,
                        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
      ARES_SUCCESS) {
    channel_ = nullptr;  // no usable resolver configuration: look-ups fail, literals work
  }
}

Resolver::Impl::~Impl() {
  *alive_ = false;
  if (channel_ != nullptr) {
    ares_destroy(channel_);
  }
}

void Resolver::Impl::watch(ares_socket_t fd, int readable, int writable) {
  const auto found = descriptors_.find(fd);
  if (readable == 0 && writable == 0) {
    if (found != descriptors_.end()) {
      found->second->release();  // c-ares closes it
      descriptors_.erase(found);
    }
    return;
  }
  if (found == descriptors_.end()) {
    descriptors_.emplace(fd, std::make_shared<Descriptor>(worker_.executor(), fd));
  }
  if (readable != 0) {
    wait_for(fd, asio::posix::descriptor_base::wait_read);
  }
  if (writable != 0) {
    wait_for(fd, asio::posix::descriptor_base::wait_write);
  }
}

void Resolver::Impl::wait_for(ares_socket_t fd, asio::posix::descriptor_base::wait_type type) {
  const auto descriptor = descriptors_.at(fd);
  auto on_event = [this, fd, type, descriptor,
                   alive = alive_](const boost::system::error_code& ec) {
    if (ec || !*alive) {
      return;
    }
    const bool read = type == asio::posix::descriptor_base::wait_read;
    process(read ? fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : fd);
    const auto found = descriptors_.find(fd);
    if (read && found != descriptors_.end() && found->second == descriptor) {
      wait_for(fd, type);
    }
  };
  descriptor->async_wait(type, std::move(on_event));
}

void Resolver::Impl::process(ares_socket_t read, ares_socket_t write) {
  ares_process_fd(channel_, read, write);
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) != nullptr) {
    worker_.arm(tick_, Clock::now() + std::chrono::seconds(wait.tv_sec) +
                           std::chrono::microseconds(wait.tv_usec));
  }
}

void Resolver::Impl::on_answer(void* opaque, int status, int /*timeouts*/, ares_addrinfo* info) {
  const std::unique_ptr<Query> query(static_cast<Query*>(opaque));
  if (status == ARES_EDESTRUCTION) {
    return;
  }
  Answer answer;
  answer.ok = status == ARES_SUCCESS && info != nullptr;
  answer.ttl = query->self->limits_.positive_ttl;
  for (const ares_addrinfo_node* node = answer.ok ? info->nodes : nullptr; node != nullptr;
       node = node->ai_next) {
    if (answer.addresses.size() < query->self->limits_.max_addresses) {
      answer.addresses.push_back(copy_address(node->ai_addr, node->ai_addrlen));
      answer.ttl =
          std::clamp(std::chrono::seconds(node->ai_ttl), std::chrono::seconds(1), answer.ttl);
    }
  }
  ares_freeaddrinfo(info);
  query->self->finish(query->host, std::move(answer));
}

void Resolver::Impl::look_up(const std::string& host) {
  ++counters.lookups;
  if (host.ends_with(".local")) {
    look_up_by_system(host);
    return;
  }
  if (channel_ == nullptr) {
    finish(host, {});
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  auto query = std::make_unique<Query>(Query{this, host});
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, on_answer, query.release());
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void Resolver::Impl::look_up_by_system(const std::string& host) {
  if (!system_thread_) {
    system_thread_ = std::make_unique<asio::thread_pool>(1);
  }
  auto work = [this, host, alive = alive_, &worker = worker_] {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    Answer answer;
    answer.ttl = std::chrono::seconds(10);
    answer.ok = ::getaddrinfo(host.c_str(), nullptr, &hints, &list) == 0;
    for (const addrinfo* node = answer.ok ? list : nullptr; node != nullptr; node = node->ai_next) {
      answer.addresses.push_back(copy_address(node->ai_addr, node->ai_addrlen));
    }
    if (list != nullptr) {
      ::freeaddrinfo(list);
    }
    worker.post([this, host, alive, answer = std::move(answer)]() mutable {
      if (*alive) {
        finish(host, std::move(answer));
      }
    });
  };
  asio::post(*system_thread_, std::move(work));
}

void Resolver::Impl::finish(const std::string& host, Answer answer) {
  const TimePoint now = Clock::now();
  Entry& entry = cache_[host];
  entry.pending = false;
  if (answer.ok && !answer.addresses.empty()) {
    entry.addresses = interleave(answer.addresses);
    entry.fresh_until = now + answer.ttl;
    entry.stale_until = now + answer.ttl + limits_.stale_if_error;
  } else {
    ++counters.failures;
    entry.fresh_until = now + limits_.negative_ttl;
    if (entry.stale_until <= now) {
      entry.addresses.clear();
    }
  }
  for (Waiter* const waiter : entry.waiters) {
    waiter->wake_later(Wake::Ready);
  }
}

void Resolver::Impl::make_room() {
  if (cache_.size() < limits_.max_names) {
    return;
  }
  std::erase_if(
      cache_, [](const auto& item) { return !item.second.pending && item.second.waiters.empty(); });
}

Task<Result<std::vector<Address>>> Resolver::Impl::resolve(std::string host,
                                                           std::uint16_t port,
                                                           TimePoint deadline,
                                                           CallOff& call_off) {
  if (auto address = literal(host)) {
    set_port(*address, port);
    co_return std::vector<Address>{*address};
  }
  make_room();
  if (Entry& entry = cache_[host]; entry.fresh_until <= Clock::now()) {
    Waiter waiter(worker_);
    const auto place = entry.waiters.insert(entry.waiters.end(), &waiter);
    if (!entry.pending) {
      entry.pending = true;
      look_up(host);  // may finish at once, from the hosts file
    }
    Wake wake = Wake::Ready;
    if (entry.pending) {
      const CallOff::Watch watch(call_off, waiter);
      wake = co_await waiter.wait(std::min(deadline, Clock::now() + limits_.timeout));
    }
    cache_[host].waiters.erase(place);
    if (call_off.called()) {
      co_return Error(ErrorKind::Cancelled, "cancelled", "The look-up was called off.");
    }
    if (wake == Wake::TimedOut && cache_[host].addresses.empty()) {
      co_return Error(ErrorKind::Timeout, "dns_timeout",
                      "The name '" + printable(host) + "' was not resolved in time.");
    }
  }
  std::vector<Address> out = cache_[host].addresses;
  if (out.empty()) {
    co_return Error(ErrorKind::UpstreamFailed, "dns_failed",
                    "The name '" + printable(host) + "' has no address.");
  }
  for (Address& address : out) {
    set_port(address, port);
  }
  co_return out;
}

Resolver::Resolver(Worker& worker, ResolverLimits limits)
    : impl_(std::make_unique<Impl>(worker, limits)) {}
Resolver::~Resolver() = default;

Task<Result<std::vector<Address>>> Resolver::resolve(std::string host,
                                                     std::uint16_t port,
                                                     TimePoint deadline,
                                                     CallOff& call_off) {
  return impl_->resolve(std::move(host), port, deadline, call_off);
}

const Resolver::Counters& Resolver::counters() const noexcept {
  return impl_->counters;
}

}  // namespace waybill::net
