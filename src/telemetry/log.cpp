#include "waybill/telemetry/log.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>

#include "waybill/base/text.hpp"
#include "waybill/base/time.hpp"

#include "clean_text.hpp"
#include "log_sink.hpp"

namespace waybill::telemetry {
namespace {

constexpr std::size_t kFieldNameLimit = 64;
constexpr std::size_t kTextLimit = 500;
constexpr std::chrono::seconds kPatience{1};  // with a reader that does not read, at the end

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

void append_json_value(std::string& out, const Field::Value& value) {
  std::visit(Overloaded{[&](std::string_view text) { append_clean_json(out, text, kTextLimit); },
                        [&](bool flag) { out += flag ? "true" : "false"; },
                        [&](auto number) { append_number(out, number); }},
             value);
}

// Quoted where a blank or a quote would make it two words.
void append_human_value(std::string& out, const Field::Value& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  const bool one_word =
      text != nullptr && !text->empty() && text->find_first_of(" =\"\\") == std::string_view::npos;
  if (one_word) {
    append_clean(out, *text, kTextLimit);
  } else {
    append_json_value(out, value);
  }
}

void append_json_field(std::string& out, const Field& field) {
  out += ',';
  append_clean_json(out, field.name, kFieldNameLimit);
  out += ':';
  append_json_value(out, field.value);
}

void append_human_field(std::string& out, const Field& field) {
  out += ' ';
  append_clean(out, field.name, kFieldNameLimit);
  out += '=';
  append_human_value(out, field.value);
}

struct Line {
  WallTime time;
  LogLevel level;
  std::string_view event;
  const Error* error;
  std::initializer_list<Field> fields;
};

std::string json_line(const Line& line) {
  std::string out = "{\"time\":\"";
  append_date(out, line.time);
  out += 'T';
  append_time_of_day_ms(out, line.time);
  out += "Z\",\"level\":\"";
  out += name(line.level);
  out += "\",\"event\":";
  append_clean_json(out, line.event, kFieldNameLimit);
  if (line.error != nullptr) {
    append_json_field(out, {"code", line.error->code()});
    append_json_field(out, {"detail", line.error->detail()});
  }
  for (const Field& field : line.fields) {
    append_json_field(out, field);
  }
  out += "}\n";
  return out;
}

std::string human_line(const Line& line, std::chrono::seconds utc_offset) {
  constexpr std::size_t kLevelColumn = 9;
  std::string out;
  append_date(out, line.time + utc_offset);
  out += ' ';
  append_time_of_day_ms(out, line.time + utc_offset);
  out += "  ";
  out += name(line.level);
  out.append(kLevelColumn - name(line.level).size(), ' ');
  append_clean(out, line.event, kFieldNameLimit);
  if (line.error != nullptr) {
    append_human_field(out, {"code", line.error->code()});
    append_human_field(out, {"detail", line.error->detail()});
  }
  for (const Field& field : line.fields) {
    append_human_field(out, field);
  }
  out += '\n';
  return out;
}

}  // namespace

std::string_view name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::Debug: return "debug";
    case LogLevel::Info: return "info";
    case LogLevel::Warning: return "warning";
    case LogLevel::Error: return "error";
    case LogLevel::Off: return "off";
  }
  return "off";  // unreachable: -Wswitch keeps the switch exhaustive
}

// shared_ptr throughout, because spdlog's interface asks for it.
struct Log::Impl {
  Impl(LogOptions log_options, std::shared_ptr<LogSink> log_sink)
      : options(std::move(log_options)),
        level(options.level),
        sink(std::move(log_sink)),
        pool(std::make_shared<spdlog::details::thread_pool>(
            std::max<std::size_t>(options.queue_messages, 1), 1)),
        logger(std::make_shared<spdlog::async_logger>(
            "waybill", sink, pool, spdlog::async_overflow_policy::overrun_oldest)) {
    // The level is ours to check, and spdlog's own complaints on standard error
    // would be one more thing that can block.
    logger->set_level(spdlog::level::trace);
    logger->set_error_handler(
        [this](const std::string&) { lost.fetch_add(1, std::memory_order_relaxed); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    sink->stop_waiting(Clock::now() + kPatience);
    pool.reset();  // writes what is queued and joins the thread
  }

  // Noexcept by catching: a log that cannot allocate loses the line, not the service.
  void post(std::string_view text) noexcept {
    try {
      logger->log(spdlog::level::info, spdlog::string_view_t(text.data(), text.size()));
    } catch (const std::exception&) {
      lost.fetch_add(1, std::memory_order_relaxed);
    }
  }

  const LogOptions options;
  std::atomic<LogLevel> level;
  std::atomic<std::uint64_t> lost{0};
  std::mutex flushing;  // one flush waits at a time
  std::shared_ptr<LogSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

Result<std::unique_ptr<Log>> Log::open(LogOptions options) {
  auto sink = LogSink::open(options.file);
  if (!sink) {
    return sink.error();
  }
  try {
    return std::unique_ptr<Log>(
        new Log(std::make_unique<Impl>(std::move(options), *std::move(sink))));
  } catch (const std::exception&) {
    return Error(ErrorKind::Unavailable, "log_thread_failed",
                 "The log's thread cannot be started: raise the limit of threads (ulimit -u)");
  }
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

void Log::debug(std::string_view event, std::initializer_list<Field> fields) {
  log(LogLevel::Debug, event, fields, nullptr);
}

void Log::info(std::string_view event, std::initializer_list<Field> fields) {
  log(LogLevel::Info, event, fields, nullptr);
}

void Log::warning(std::string_view event, std::initializer_list<Field> fields) {
  log(LogLevel::Warning, event, fields, nullptr);
}

void Log::error(std::string_view event, std::initializer_list<Field> fields) {
  log(LogLevel::Error, event, fields, nullptr);
}

void Log::failure(LogLevel level,
                  std::string_view event,
                  const Error& error,
                  std::initializer_list<Field> fields) {
  log(level, event, fields, &error);
}

void Log::log(LogLevel level,
              std::string_view event,
              std::initializer_list<Field> fields,
              const Error* error) {
  if (!enabled(level)) {
    return;
  }
  const Line line{
      .time = wall_now(), .level = level, .event = event, .error = error, .fields = fields};
  impl_->post(impl_->options.format == LogFormat::Json
                  ? json_line(line)
                  : human_line(line, impl_->options.utc_offset));
}

bool Log::enabled(LogLevel level) const noexcept {
  return level != LogLevel::Off && level >= impl_->level.load(std::memory_order_relaxed);
}

void Log::set_level(LogLevel level) noexcept {
  impl_->level.store(level, std::memory_order_relaxed);
}

void Log::reopen() noexcept {
  impl_->sink->reopen();
}

void Log::write_lines(std::string_view lines) noexcept {
  impl_->post(lines);
}

std::uint64_t Log::dropped() const noexcept {
  return impl_->pool->overrun_counter() + impl_->sink->failed() +
         impl_->lost.load(std::memory_order_relaxed);
}

void Log::flush() noexcept {
  try {
    const std::scoped_lock lock(impl_->flushing);
    const std::uint64_t before = impl_->sink->flushes();
    impl_->logger->flush();
    impl_->sink->wait_for_flush(before + 1, kPatience);
  } catch (const std::exception&) {
    impl_->lost.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace waybill::telemetry
