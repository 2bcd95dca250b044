#include "reasoning_plan.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "bedrock_converse.hpp"

namespace waybill::dialects::bedrock {
namespace {

using PlanKind = ReasoningPlan::Kind;

constexpr std::uint64_t kLeastBudget = 1'024;
// Where a budget must fit below a limit that nobody names.
constexpr std::uint64_t kRoom = 4'096;

// The last turn called tools and its thoughts are not here, or not signed: Claude then
// refuses to go on thinking ("Extended thinking with tool use", Anthropic docs).
bool in_unsigned_tool_loop(const Conversation& conversation) {
  const auto& messages = conversation.messages;
  if (messages.empty() || messages.back().role != Role::Tool) {
    return false;
  }
  const auto assistant =
      std::find_if(messages.rbegin(), messages.rend(),
                   [](const Message& message) { return message.role == Role::Assistant; });
  return assistant != messages.rend() &&
         std::ranges::none_of(assistant->parts, [](const Part& part) {
           const auto* const thought = std::get_if<ReasoningPart>(&part.value);
           return thought != nullptr && (!thought->signature.empty() || !thought->data.empty()) &&
                  (thought->format == kClaudeFormat || thought->format.empty());
         });
}

std::string_view reason_against_thinking(const Conversation& conversation,
                                         const std::optional<std::uint64_t>& limit) {
  using Mode = ToolChoice::Mode;
  const Mode mode = conversation.tool_choice.mode;
  if (limit && *limit <= kLeastBudget) {
    return "was left out: with max_tokens of 1024 or less there is no room for it";
  }
  if (mode == Mode::Required || mode == Mode::Named) {
    return "was left out: the provider cannot think where a tool call is forced";
  }
  if (in_unsigned_tool_loop(conversation)) {
    return "was left out: the thoughts before the tool calls are not in the messages";
  }
  return {};
}

void plan_budget(const ReasoningWish& wish,
                 const EncodeTarget& target,
                 ReasoningPlan& plan,
                 Losses& losses) {
  if (!plan.limit) {
    plan.limit = target.max_output.value_or(wish.budget.value_or(0) + kRoom);
  }
  const std::uint64_t limit = *plan.limit;
  if (limit <= kLeastBudget) {
    losses.change("reasoning", "was left out: the model's answers have no room for it");
    return;
  }
  plan.kind = PlanKind::Budget;
  plan.budget = wish.budget ? std::max(*wish.budget, kLeastBudget)
                            : budget_of(wish.effort.value_or(Effort::Medium), limit);
  if (plan.budget >= limit) {  // the answer needs room behind the thoughts
    const std::uint64_t room = std::max<std::uint64_t>(1, limit / 20);
    plan.budget = std::min(std::max(kLeastBudget, limit - room), limit - 1);
    losses.change("reasoning", "was lowered to " + std::to_string(plan.budget) +
                                   " tokens: it must be less than max_tokens");
  }
}

void plan_claude(const Conversation& conversation,
                 const EncodeTarget& target,
                 ReasoningPlan& plan,
                 Losses& losses) {
  const ReasoningWish& wish = conversation.reasoning;
  if (wish.refused()) {
    plan.kind = PlanKind::Refused;
    return;
  }
  const std::string_view reason = reason_against_thinking(conversation, plan.limit);
  if (!reason.empty()) {
    losses.change("reasoning", std::string(reason));
  } else if (target.adaptive_reasoning) {
    plan.kind = PlanKind::Adaptive;
    plan.effort = wish.effort;
    if (!plan.effort && wish.budget) {
      plan.effort = effort_of(*wish.budget,
                              plan.limit.value_or(target.max_output.value_or(*wish.budget * 2)));
    }
    plan.effort = plan.effort == Effort::Minimal ? Effort::Low : plan.effort;
  } else {
    plan_budget(wish, target, plan, losses);
  }
}

// Nova and OpenAI's models know three words.
void plan_effort(const Conversation& conversation,
                 Maker maker,
                 ReasoningPlan& plan,
                 Losses& losses) {
  const ReasoningWish& wish = conversation.reasoning;
  if (wish.refused()) {
    if (maker == Maker::OpenAiOss || maker == Maker::OpenAi) {
      plan.kind = PlanKind::Effort;
      plan.effort = Effort::Low;
      losses.change("reasoning", "became low: the model always thinks");
    }
    return;  // Nova thinks only when it is asked to
  }
  plan.kind = PlanKind::Effort;
  Effort effort = wish.effort.value_or(Effort::Medium);
  if (!wish.effort && wish.budget) {
    effort = effort_of(*wish.budget, plan.limit.value_or(*wish.budget * 2));
  }
  effort = std::clamp(effort, Effort::Low, Effort::High);
  // "Extended thinking in Amazon Nova 2": with high no limit may be set.
  if (maker == Maker::Amazon && effort == Effort::High && plan.limit) {
    effort = Effort::Medium;
    losses.change("reasoning", "was lowered to medium: with high the model takes no max_tokens");
  }
  plan.effort = effort;
}

}  // namespace

Maker maker_of(std::string_view model) noexcept {
  constexpr std::array<std::pair<std::string_view, Maker>, 6> kMakers{{
      {"anthropic.", Maker::Anthropic},
      {"amazon.nova", Maker::Amazon},
      {"openai.gpt-oss", Maker::OpenAiOss},
      {"openai.", Maker::OpenAi},
      {"mistral.", Maker::Mistral},
      {"cohere.", Maker::Cohere},
  }};
  for (const auto& [word, maker] : kMakers) {
    if (model.find(word) != std::string_view::npos) {
      return maker;
    }
  }
  return model.starts_with("arn:") && model.find("inference-profile/") != std::string_view::npos &&
                 model.rfind('.') == std::string_view::npos
             ? Maker::Anthropic
             : Maker::Other;
}

ReasoningPlan plan_reasoning(const Conversation& conversation,
                             const EncodeTarget& target,
                             Maker maker,
                             Losses& losses) {
  ReasoningPlan plan;
  plan.limit = conversation.max_output_tokens;
  if (target.output_cap) {
    plan.limit = std::min(plan.limit.value_or(*target.output_cap), *target.output_cap);
  }
  const ReasoningWish& wish = conversation.reasoning;
  if (!wish.wanted() && !wish.refused()) {
    return plan;
  }
  if (maker == Maker::Anthropic) {
    plan_claude(conversation, target, plan, losses);
  } else if (maker == Maker::Amazon || maker == Maker::OpenAi || maker == Maker::OpenAiOss) {
    plan_effort(conversation, maker, plan, losses);
  } else {
    losses.drop(Feature::Reasoning);
  }
  return plan;
}

void write_reasoning_fields(JsonWriter& fields,
                            const ReasoningPlan& plan,
                            Maker maker,
                            bool hidden) {
  if (plan.kind == PlanKind::None) {
    return;
  }
  if (plan.kind == PlanKind::Effort) {
    const std::string_view word = name(plan.effort.value_or(Effort::Medium));
    if (maker == Maker::OpenAiOss) {
      fields.text("reasoning_effort", word);
      return;
    }
    const bool nova = maker == Maker::Amazon;
    fields.begin_object(nova ? "reasoningConfig" : "reasoning");
    if (nova) {
      fields.text("type", "enabled");
    }
    fields.text(nova ? "maxReasoningEffort" : "effort", word);
    fields.end_object();
    return;
  }
  fields.begin_object("thinking");
  if (plan.kind == PlanKind::Budget) {
    fields.text("type", "enabled");
    fields.number("budget_tokens", plan.budget);
  } else if (plan.kind == PlanKind::Adaptive) {
    fields.text("type", "adaptive");
    fields.text("display", hidden ? "omitted" : "summarized");
  } else {
    fields.text("type", "disabled");
  }
  fields.end_object();
  if (plan.kind == PlanKind::Adaptive && plan.effort) {
    fields.begin_object("output_config");
    fields.text("effort", name(*plan.effort));
    fields.end_object();
  }
}

void write_top_k(JsonWriter& fields,
                 const std::optional<std::uint64_t>& top_k,
                 const ReasoningPlan& plan,
                 Maker maker,
                 Losses& losses) {
  if (!top_k || *top_k == 0) {
    return;
  }
  const bool high = maker == Maker::Amazon && plan.effort == Effort::High;
  if (plan.claude_thinks() || high) {
    losses.change("top_k", "was left out: the provider allows none while it thinks");
    return;
  }
  // "Inference request parameters and response fields for foundation models", AWS docs.
  switch (maker) {
    case Maker::Anthropic:
    case Maker::Mistral: fields.number("top_k", *top_k); break;
    case Maker::Cohere: fields.number("k", *top_k); break;
    case Maker::Amazon:
      fields.begin_object("inferenceConfig");
      fields.number("topK", *top_k);
      fields.end_object();
      break;
    case Maker::OpenAi:
    case Maker::OpenAiOss:
    case Maker::Other: losses.drop(Feature::TopK); break;
  }
}

}  // namespace waybill::dialects::bedrock
