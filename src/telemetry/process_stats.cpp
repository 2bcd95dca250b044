#include "waybill/telemetry/process_stats.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace waybill::telemetry {
namespace {

std::optional<std::uint64_t> number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

// The blank-separated field at `index`, counted from 0.
std::string_view field(std::string_view text, std::size_t index) noexcept {
  for (; index > 0; --index) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(blank + 1);
  }
  return text.substr(0, text.find_first_of(" \n"));
}

std::optional<std::uint64_t> boot_time(std::string_view stat) noexcept {
  constexpr std::string_view kName = "\nbtime ";
  const std::size_t place = stat.find(kName);
  return place == std::string_view::npos ? std::nullopt : number(stat.substr(place + kName.size()));
}

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::uint64_t positive(long value, std::uint64_t fallback) noexcept {
  return value > 0 ? static_cast<std::uint64_t>(value) : fallback;
}

}  // namespace

Result<ProcessStats> parse_process_stats(std::string_view self_stat,
                                         std::string_view stat,
                                         ProcUnits units) {
  // The second field is the program's name in parentheses and may hold anything.
  const std::size_t name_end = self_stat.rfind(") ");
  if (name_end == std::string_view::npos) {
    return Error(ErrorKind::Internal, "proc_unreadable", "/proc/self/stat has no program name");
  }
  const std::string_view fields = self_stat.substr(name_end + 2);  // from field 3 on
  const auto at = [&](std::size_t number_in_manual) {
    return number(field(fields, number_in_manual - 3));
  };
  const auto user = at(14);
  const auto system = at(15);
  const auto threads = at(20);
  const auto start = at(22);
  const auto virtual_bytes = at(23);
  const auto pages = at(24);
  const auto boot = boot_time(stat);
  if (!user || !system || !threads || !start || !virtual_bytes || !pages || !boot) {
    return Error(ErrorKind::Internal, "proc_unreadable",
                 "/proc/self/stat or /proc/stat lacks a field");
  }
  ProcessStats stats;
  stats.resident_bytes = *pages * units.page_bytes;
  stats.virtual_bytes = *virtual_bytes;
  stats.cpu_microseconds = (*user + *system) * 1'000'000 / units.ticks_per_second;
  stats.start_time_unix_ms = *boot * 1000 + *start * 1000 / units.ticks_per_second;
  stats.threads = *threads;
  return stats;
}

ProcessStats read_process_stats() {
  const ProcUnits units{.page_bytes = positive(::sysconf(_SC_PAGESIZE), 4096),
                        .ticks_per_second = positive(::sysconf(_SC_CLK_TCK), 100)};
  const auto parsed =
      parse_process_stats(read_file("/proc/self/stat"), read_file("/proc/stat"), units);
  ProcessStats stats = parsed ? *parsed : ProcessStats{};

  std::error_code failed;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", failed), end;
       !failed && entry != end; entry.increment(failed)) {
    ++stats.open_fds;
  }
  if (stats.open_fds > 0) {
    --stats.open_fds;  // the one that read the folder
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    stats.max_fds = limit.rlim_cur;
  }
  return stats;
}

}  // namespace waybill::telemetry
