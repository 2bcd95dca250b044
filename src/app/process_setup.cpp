#include "process_setup.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <string_view>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace waybill::app {

void forbid_dumps() noexcept {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void say_when_aborted() noexcept {
  std::signal(SIGABRT, [](int) {  // when it returns, abort() goes on
    constexpr std::string_view kLine = "waybill: aborted: memory ran out or an invariant broke\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  });
}

std::size_t raise_file_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 0;
  }
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(limit.rlim_cur);
}

Result<void> check_file_limit(std::size_t files, std::size_t workers) {
  constexpr std::size_t kOfTheProcess = 40;  // the ledger, its logs, the listeners, standard ones
  constexpr std::size_t kOfAWorker = 8;      // its pollers, timers, listeners, and room for some
  const std::size_t needed = kOfTheProcess + kOfAWorker * workers;
  if (files >= needed) {
    return {};
  }
  return Error(ErrorKind::Unavailable, "too_few_files",
               "This process may open " + std::to_string(files) + " files, and needs " +
                   std::to_string(needed) + " to start with " + std::to_string(workers) +
                   (workers == 1 ? " worker" : " workers") +
                   ". Raise the limit (ulimit -n, LimitNOFILE=, --ulimit nofile=).");
}

std::size_t usable_cores() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) {
    return 1;
  }
  return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace waybill::app
