#include "generation.hpp"

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/gateway/error_reply.hpp"

#include "idempotency.hpp"

namespace waybill::gateway {
namespace {

// Clients of Ollama name models with a tag.
constexpr std::string_view kLatestTag = ":latest";

// After the deadline the client is still told that it has passed.
constexpr std::chrono::seconds kLastWords{5};

// What both sides of a splice speak.
constexpr std::string_view kChatDialect = "openai_chat";

}  // namespace

Generation::Generation(Gateway& gateway, http::ServerExchange& client, InferenceCall asked)
    : gateway_(gateway),
      client_(client),
      asked_(std::move(asked)),
      api_(client_api(asked_.api)),
      view_(gateway.view_),
      created_(wall_now()),
      started_(client.started()),
      ticker_(*this),
      pause_(client.worker()) {
  id_ = gateway.ids_.next(created_);
  id_text_ = id_.to_string();
  deadline_ = started_ + settings().defaults.timeouts.total;
  client_.limit_writes(deadline_ + kLastWords);
}

Generation::~Generation() = default;

Task<> Generation::run() {
  auto refusal = co_await prepare();
  if (refusal) {
    claim_.reset();  // what was not tried may come again
    status_ = refusal->status;
    std::string fields = view_->fields_for(client_.head());
    http::append_field(fields, "X-Generation-Id",
                       refusal->earlier ? refusal->earlier->to_string() : id_text_);
    if (!api_.dialect->id_field.empty()) {
      http::append_field(fields, api_.dialect->id_field, id_text_);
    }
    fields.append("Content-Type: application/json\r\n").append(refusal->fields);
    if (status_ == 503) {
      fields += "Retry-After: 1\r\n";
    }
    const std::string body = told(status_, refusal->error, refusal->metadata);
    const bool sent = co_await client_.respond(status_, fields, body);
    static_cast<void>(sent);  // a client that is gone needs no answer
    report(nullptr, {}, refusal->error.code());
    co_return;
  }
  client_.watch_client([this] { on_client_gone(); });
  if (facts_.stream) {
    last_sent_ = Clock::now();
    client_.worker().arm(ticker_, last_sent_ + settings().defaults.commit_after);
    ++gateway_.metrics_.streams_open;
  }
  co_await make_attempts();
  if (facts_.stream) {
    ticker_.unlink();
    --gateway_.metrics_.streams_open;
  }
  client_.unwatch_client();
}

Task<std::optional<Generation::Refusal>> Generation::prepare() {
  auto caller = gateway_.identify(client_);
  if (!caller) {
    co_return Refusal{status_of(caller.error()), caller.error()};
  }
  caller_ = std::move(*caller);
  const auto key = presented_idempotency_key(client_.head());
  if (!key) {
    co_return Refusal{status_of(key.error()), key.error()};
  }
  if (auto refusal = admit()) {
    co_return refusal;
  }
  if (auto refusal = check_content_type()) {
    co_return refusal;
  }
  auto rejection = co_await client_.read_body(body_);
  if (rejection) {
    co_return Refusal{rejection->status, rejection->error};
  }
  if (*key) {
    if (auto refusal = co_await claim(**key)) {
      co_return refusal;
    }
  }
  if (auto refusal = understand()) {
    co_return refusal;
  }
  if (auto refusal = choose_models()) {
    co_return refusal;
  }
  co_return make_plan();
}

// Between two sides that speak OpenAI's dialect bytes are passed on; all else is read into a
// conversation.
std::optional<Generation::Refusal> Generation::understand() {
  if (api_.dialect->name == kChatDialect) {
    auto facts = dialects::read_request(api_.kind, body_);
    if (!facts) {
      return Refusal{status_of(facts.error()), facts.error()};
    }
    facts_ = std::move(*facts);
    return std::nullopt;
  }
  auto conversation = api_.dialect->decode_request(body_);
  if (!conversation) {
    return Refusal{status_of(conversation.error()), conversation.error()};
  }
  if (!asked_.model.empty()) {
    conversation->model = asked_.model;
  }
  conversation->stream = asked_.stream.value_or(conversation->stream);
  facts_ = dialects::facts_of(*conversation);
  conversation_ = std::make_unique<dialects::Conversation>(*std::move(conversation));
  return std::nullopt;
}

std::optional<Generation::Refusal> Generation::admit() {
  if (!gateway_.ledger_.has_room()) {
    return Refusal{503, Error(ErrorKind::Unavailable, "ledger_unavailable",
                              "The ledger takes no new work at the moment; try again shortly.")};
  }
  const WorkerShare& share = gateway_.share_;
  const std::size_t most = settings().limits.max_concurrent_requests;
  const bool has_room = share.divides(most) ? in_flight_.take(gateway_.admitted_, 1, share.of(most))
                                            : in_flight_.take(share.use->generations, 1, most);
  if (!has_room) {
    return Refusal{503, Error(ErrorKind::Unavailable, "too_many_requests_in_flight",
                              "Too many requests are being served; try again shortly.")};
  }
  return std::nullopt;
}

std::optional<Generation::Refusal> Generation::check_content_type() const {
  const std::string_view coding = client_.head().header(http::Field::content_encoding);
  if (!coding.empty() && !iequals(coding, "identity")) {
    return Refusal{415,
                   Error(ErrorKind::InvalidRequest, "unsupported_content_encoding",
                         "Compressed request bodies are not accepted; send the JSON as it is.")};
  }
  const std::string_view type = client_.head().header(http::Field::content_type);
  if (type == "application/json") {  // as nearly all say it
    return std::nullopt;
  }
  const std::string_view media = trim_ows(type.substr(0, type.find(';')));
  const std::size_t charset = type.find("charset=");
  const bool utf8 = charset == std::string_view::npos ||
                    iequals(type.substr(charset + 8), "utf-8") ||
                    iequals(type.substr(charset + 8), "\"utf-8\"");
  if (!iequals(media, "application/json") || !utf8) {
    return Refusal{415,
                   Error(ErrorKind::InvalidRequest, "unsupported_media_type",
                         "The body must be sent with 'Content-Type: application/json' in UTF-8.")};
  }
  return std::nullopt;
}

std::optional<Generation::Refusal> Generation::choose_models() {
  std::vector<std::string_view> wanted;
  if (!facts_.model.empty()) {
    wanted.push_back(facts_.model);
  }
  for (const std::string& model : facts_.models) {
    if (std::find(wanted.begin(), wanted.end(), model) == wanted.end()) {
      wanted.push_back(model);
    }
  }
  if (wanted.empty()) {
    return Refusal{400, Error(ErrorKind::InvalidRequest, "invalid_request",
                              "'model' is missing; GET /v1/models lists what there is.")};
  }
  // Along a list every failure moves on, an unknown name too; alone it is an error.
  for (const std::string_view name : wanted) {
    const catalog::Model* model = catalog().resolve(name);
    if (model == nullptr && name.ends_with(kLatestTag)) {
      model = catalog().resolve(name.substr(0, name.size() - kLatestTag.size()));
    }
    if (model != nullptr && std::find(models_.begin(), models_.end(), model) == models_.end()) {
      models_.push_back(model);
    }
  }
  if (!models_.empty()) {
    return std::nullopt;
  }
  std::string detail = "There is no model '" + printable(wanted.front()) + "' here";
  if (const auto nearest = catalog().nearest(wanted.front())) {
    detail += "; did you mean '" + std::string(*nearest) + "'?";
  } else {
    detail += "; GET /v1/models lists what there is.";
  }
  return Refusal{404, Error(ErrorKind::NotFound, "model_not_found", std::move(detail))};
}

// Whether some provider of the models speaks another dialect than the client.
bool Generation::needs_conversation() const {
  return api_.kind == dialects::RequestKind::Chat &&
         std::ranges::any_of(models_, [this](const catalog::Model* model) {
           return std::ranges::any_of(view_->live->endpoints[model->index],
                                      [this](const routing::EndpointView& view) {
                                        return view.dialect != api_.dialect->name;
                                      });
         });
}

std::optional<Generation::Refusal> Generation::make_plan() {
  routing::RequestFeatures features;
  features.stream = facts_.stream;
  features.tools = facts_.has_tools;
  features.images = facts_.has_images;
  features.audio = facts_.has_audio;
  features.structured_outputs = facts_.wants_json_schema;
  features.reasoning = facts_.wants_reasoning;
  features.prefill = facts_.ends_with_assistant;
  features.prompt_bytes = facts_.text_bytes;
  features.max_output = facts_.max_output_tokens;
  features.allowed_models = caller_.key->allowed_models;
  features.dialect = api_.dialect->name;
  features.translatable = api_.kind == dialects::RequestKind::Chat;
  if (needs_conversation() && !conversation_) {
    auto conversation = api_.dialect->decode_request(body_);
    if (!conversation) {
      return Refusal{status_of(conversation.error()), conversation.error()};
    }
    conversation_ = std::make_unique<dialects::Conversation>(*std::move(conversation));
  }
  if (conversation_) {
    features.essential = dialects::features_of(*conversation_).essential();
  }
  std::vector<routing::ModelView> views;
  views.reserve(models_.size());
  for (const catalog::Model* const model : models_) {
    views.push_back({model->id, view_->live->endpoints[model->index]});
  }
  plan_ = routing::plan(features, views, *view_->live->health, ++gateway_.plans_, Clock::now());
  if (plan_.attempts.empty()) {
    const Error error = routing::no_route(plan_);
    return Refusal{status_of(error), error};
  }
  return std::nullopt;
}

Task<> Generation::make_attempts() {
  routing::AttemptPlanner planner({}, plan_.attempts.size(), deadline_);
  routing::StatusRules rules;
  routing::Action action = planner.start(Clock::now());
  for (;;) {
    if (const auto* const step = std::get_if<routing::Attempt>(&action)) {
      auto failure = co_await attempt(*step);
      if (!failure) {
        co_return;  // answered, or broken off after content: the attempt has told the client
      }
      const catalog::Provider& provider =
          catalog().provider_of(catalog().endpoint(plan_.attempts[step->candidate].endpoint));
      rules = {provider.retry_on, provider.final_on};
      failures_.push_back({provider.name, *failure});
      action = planner.failed(Clock::now(), *failure, rules);
    } else if (const auto* const wait = std::get_if<routing::Pause>(&action)) {
      co_await pause(wait->until);
      action = planner.resume(Clock::now());
    } else {
      break;
    }
    if (client_gone_ || cut_off_) {
      break;
    }
  }
  co_await conclude_failure(rules);
}

Task<> Generation::pause(TimePoint until) {
  const TimePoint began = Clock::now();
  const net::Wake wake = co_await pause_.wait(until);
  upstream_wait_ += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
  static_cast<void>(wake);  // a client that has gone is seen by the caller
}

// Every attempt failed before content: closes the generation and tells the client.
Task<> Generation::conclude_failure(const routing::StatusRules& rules) {
  routing::FinalFailure failure = routing::summarize(failures_, rules);
  status_ = client_gone_ ? 499 : static_cast<unsigned>(failure.status);
  if (intent_logged_) {
    const bool durable = co_await settle(failed_settlement(failure.error.code()));
    static_cast<void>(durable);  // start-up closes it from the intent log
  }
  claim_.reset();  // nothing was delivered or charged: the request may come again
  if (!client_gone_) {
    co_await tell_failure(failure);
  }
  report(nullptr, {},
         client_gone_ ? std::string_view("client_disconnected") : failure.error.code());
}

Task<> Generation::tell_failure(const routing::FinalFailure& failure) {
  std::string provider_name = failure.provider;
  for (const catalog::Provider& provider : catalog().providers()) {
    provider_name = provider.name == failure.provider ? provider.display_name : provider_name;
  }
  if (client_.stream_begun()) {
    std::string out;
    dialects::ReplyContext context;
    context.id = id_text_;
    context.model = models_.front()->id;
    context.provider = provider_name;
    context.created =
        std::chrono::duration_cast<std::chrono::seconds>(created_.time_since_epoch()).count();
    context.request = body_;
    api_.dialect->make_writer(context, out)
        ->fail({failure.status, failure.error.detail(), failure.error_type, failure.provider_code});
    const bool sent = co_await client_.end_stream(out);
    static_cast<void>(sent);
    co_return;
  }
  std::string fields = response_fields("application/json", provider_name);
  if (failure.retry_after) {
    http::append_field(fields, "Retry-After", std::to_string(failure.retry_after->count()));
  }
  const std::string body = failure_body(*api_.dialect, failure, provider_name, id_text_);
  const bool sent = co_await client_.respond(status_, fields, body);
  static_cast<void>(sent);
}

void Generation::on_client_gone() {
  client_gone_ = true;
  pause_.wake_later(net::Wake::Cancelled);
  if (call_ != nullptr) {
    call_->exchange.cancel();
  }
}

void Generation::cut_off() {
  cut_off_ = true;
  pause_.wake_later(net::Wake::Cancelled);
  if (call_ != nullptr) {
    call_->exchange.cancel();
  }
}

// Runs from the worker's timer: nothing here may wait.
void Generation::on_tick() {
  if (client_gone_) {
    return;
  }
  const TimePoint now = Clock::now();
  if (!client_.stream_begun()) {
    begin_stream_head({});
    last_sent_ = TimePoint::min();
  }
  const auto pause_length = settings().defaults.keep_alive_comment;
  if (last_sent_ == TimePoint::min() || now - last_sent_ >= pause_length) {
    last_sent_ = now;
    const std::string_view comment = api_.dialect->keep_alive;
    if (!comment.empty() && !client_.try_send(comment)) {
      on_client_gone();
      return;
    }
  }
  client_.worker().arm(ticker_, last_sent_ + pause_length);
}

telemetry::Route Generation::route() const noexcept {
  return api_.route;
}

}  // namespace waybill::gateway
