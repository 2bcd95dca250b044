#include "options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "waybill/base/text.hpp"

namespace waybill::app::simulator {
namespace {

enum class Argument : std::uint8_t {
  None,
  Count,
  Status,
  Seconds,
  OptionalDuration
};

struct KindName {
  std::string_view name;
  FaultKind kind;
  Argument argument;
};

constexpr std::array<KindName, 14> kKinds{{
    {"status", FaultKind::Status, Argument::Status},
    {"retry_after", FaultKind::RetryAfter, Argument::Seconds},
    {"reset", FaultKind::Reset, Argument::None},
    {"reset_after", FaultKind::ResetAfter, Argument::Count},
    {"stall_after", FaultKind::StallAfter, Argument::Count},
    {"truncate_after", FaultKind::TruncateAfter, Argument::Count},
    {"malformed_after", FaultKind::MalformedAfter, Argument::Count},
    {"error_event_after", FaultKind::ErrorEventAfter, Argument::Count},
    {"no_done", FaultKind::NoDone, Argument::None},
    {"empty_body", FaultKind::EmptyBody, Argument::None},
    {"html_body", FaultKind::HtmlBody, Argument::None},
    {"error_200", FaultKind::Error200, Argument::None},
    {"no_choices", FaultKind::NoChoices, Argument::None},
    {"slow_bytes", FaultKind::SlowBytes, Argument::OptionalDuration},
}};

constexpr std::int64_t kLargestCount = 1'000'000'000;

Error invalid_directive(std::string sentence) {
  return Error(ErrorKind::InvalidRequest, "invalid_directive", std::move(sentence));
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 ||
      value > kLargestCount) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0) ||
      value > 1'000'000'000) {
    return std::nullopt;
  }
  return value;
}

std::string plain_name(std::string_view text) {
  std::string name(text);
  std::ranges::replace(name, '-', '_');
  return name;
}

const KindName* find_kind(std::string_view name) {
  const auto* const found = std::ranges::find(kKinds, name, &KindName::name);
  return found == kKinds.end() ? nullptr : found;
}

Result<Fault> make_fault(const KindName& kind, std::string_view argument) {
  Fault fault{.kind = kind.kind};
  if (kind.argument == Argument::None) {
    if (!argument.empty() && argument != "1") {
      return invalid_directive("The fault " + std::string(kind.name) + " takes no argument.");
    }
    return fault;
  }
  if (kind.argument == Argument::OptionalDuration) {
    const auto delay =
        argument.empty() ? Result<Duration>(Duration(200)) : parse_duration(argument);
    if (!delay) {
      return delay.error();
    }
    fault.delay = *delay;
    return fault;
  }
  const auto count = parse_count(argument);
  if (!count || (kind.argument == Argument::Status && (*count < 200 || *count > 599))) {
    return invalid_directive(
        "The fault " + std::string(kind.name) + " needs " +
        (kind.argument == Argument::Status ? "a status from 200 to 599." : "a whole number."));
  }
  fault.argument = *count;
  return fault;
}

// Members of Behaviour that are whole numbers.
bool set_count(Behaviour& behaviour, std::string_view name, std::size_t count) {
  if (name == "tokens") {
    behaviour.tokens = count;
  } else if (name == "chunk_tokens") {
    behaviour.chunk_tokens = std::max<std::size_t>(count, 1);
  } else if (name == "seed") {
    behaviour.seed = count;
  } else if (name == "cached") {
    behaviour.cached = count;
  } else if (name == "reasoning") {
    behaviour.reasoning = count;
  } else if (name == "bytes") {
    behaviour.bytes = count;
  } else if (name == "times") {
    behaviour.times = count;
  } else {
    return false;
  }
  return true;
}

Result<void> set_echo(Behaviour& behaviour, std::string_view value) {
  if (value != "headers" && value != "body") {
    return invalid_directive("echo is headers or body.");
  }
  behaviour.echo = value == "headers" ? Echo::Headers : Echo::Body;
  return {};
}

Result<void> apply(Behaviour& behaviour, std::string_view name, std::string_view value) {
  if (const KindName* kind = find_kind(name)) {
    auto fault = make_fault(*kind, value);
    if (!fault) {
      return fault.error();
    }
    behaviour.faults.push_back(*fault);
    return {};
  }
  if (name == "ttft") {
    const auto duration = parse_duration(value);
    if (!duration) {
      return duration.error();
    }
    behaviour.ttft = *duration;
    return {};
  }
  if (name == "usage") {
    const auto usage = parse_usage(value);
    if (!usage) {
      return usage.error();
    }
    behaviour.usage = *usage;
    return {};
  }
  if (name == "echo") {
    return set_echo(behaviour, value);
  }
  if (name == "rate") {
    const auto rate = parse_real(value);
    if (!rate) {
      return invalid_directive("rate is a number of tokens a second.");
    }
    behaviour.rate = *rate;
    return {};
  }
  const auto count = parse_count(value);
  if (count && set_count(behaviour, name, static_cast<std::size_t>(*count))) {
    return {};
  }
  return invalid_directive("The simulator has no directive `" + printable(name) + "=" +
                           printable(value) + "`.");
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
      {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}}};
  double factor = 1e3;
  std::string_view digits = text;
  for (const auto& [unit, microseconds] : kUnits) {
    if (text.ends_with(unit)) {
      factor = microseconds;
      digits = text.substr(0, text.size() - unit.size());
      break;
    }
  }
  const auto value = parse_real(digits);
  if (!value || *value * factor > 1e12) {
    return invalid_directive("`" + printable(text) + "` is no duration; write 200ms, 1.5s or 2m.");
  }
  return Duration(static_cast<std::int64_t>(*value * factor));
}

Result<UsageReport> parse_usage(std::string_view text) {
  if (text == "always") {
    return UsageReport::Always;
  }
  if (text == "asked") {
    return UsageReport::Asked;
  }
  if (text == "never") {
    return UsageReport::Never;
  }
  return invalid_directive("usage is always, asked or never.");
}

Result<Fault> parse_fault(std::string_view text) {
  double probability = 1;
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    const auto value = parse_real(text.substr(at + 1));
    if (!value || *value > 1) {
      return invalid_directive("The probability after '@' is a number from 0 to 1.");
    }
    probability = *value;
    text = text.substr(0, at);
  }
  const std::size_t equals = text.find('=');
  const std::string name = plain_name(text.substr(0, equals));
  const KindName* kind = find_kind(name);
  if (kind == nullptr) {
    std::vector<std::string_view> names;
    names.reserve(kKinds.size());
    for (const KindName& known : kKinds) {
      names.push_back(known.name);
    }
    std::string sentence = "There is no fault `" + printable(name) + "`.";
    if (const auto near = closest(name, names)) {
      sentence += " Did you mean `" + std::string(*near) + "`?";
    }
    return invalid_directive(std::move(sentence));
  }
  auto fault = make_fault(*kind, equals == std::string_view::npos ? "" : text.substr(equals + 1));
  if (fault) {
    fault->probability = probability;
  }
  return fault;
}

Result<Behaviour> apply_directives(Behaviour base, std::string_view directives) {
  while (!directives.empty()) {
    const std::size_t end = directives.find('&');
    const std::string_view pair = directives.substr(0, end);
    directives = end == std::string_view::npos ? std::string_view{} : directives.substr(end + 1);
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    const auto applied = apply(base, plain_name(pair.substr(0, equals)), value);
    if (!applied) {
      return applied.error();
    }
  }
  return base;
}

}  // namespace waybill::app::simulator
