// One client request on its way: authenticate, admit, understand, plan, attempt,
// relay, settle, report.

#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/dialects/codec.hpp"
#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/openai_request.hpp"
#include "waybill/gateway/client_api.hpp"
#include "waybill/gateway/gateway.hpp"
#include "waybill/routing/attempt_planner.hpp"
#include "waybill/routing/final_failure.hpp"
#include "waybill/routing/route_plan.hpp"

#include "answer_relay.hpp"
#include "billing.hpp"

namespace waybill::gateway {

// Owns all that one generation needs and dies with it.
//
// Thread safety: none; lives in the frame of the task that serves the request.
class Generation {
 public:
  Generation(Gateway& gateway, http::ServerExchange& client, InferenceCall asked);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation();

  Task<> run();

  // The daemon stops and waits no longer: ends the upstream call, and tells the
  // client in the stream that the answer is not whole.
  void cut_off();

 private:
  // An answer to the client instead of a generation.
  struct Refusal {
    unsigned status = 500;
    Error error;
    std::string fields{};                   // further header lines
    std::string metadata{};                 // further members, as error_body() takes them
    std::optional<GenerationId> earlier{};  // the generation it speaks of, if not this one
  };

  // One upstream call and what is known of it.
  struct Call;

  // Sends the keep-alive comments of a stream.
  class Ticker final : public net::TimerWheel::Entry {
   public:
    explicit Ticker(Generation& owner) noexcept : owner_(owner) {}

   private:
    void on_deadline() override { owner_.on_tick(); }
    Generation& owner_;
  };

  // --- stages (generation.cpp)
  Task<std::optional<Refusal>> prepare();
  std::optional<Refusal> admit();
  std::optional<Refusal> check_content_type() const;
  std::optional<Refusal> understand();
  std::optional<Refusal> choose_models();
  [[nodiscard]] bool needs_conversation() const;
  std::optional<Refusal> make_plan();
  Task<> make_attempts();
  Task<> pause(TimePoint until);
  Task<> conclude_failure(const routing::StatusRules& rules);
  Task<> tell_failure(const routing::FinalFailure& failure);
  void on_client_gone();
  [[nodiscard]] routing::OutcomeKind interrupted() const noexcept {
    return client_gone_ ? routing::OutcomeKind::ClientGone : routing::OutcomeKind::ShuttingDown;
  }
  void on_tick();

  // --- the request's Idempotency-Key (repeats.cpp)
  Task<std::optional<Refusal>> claim(std::string_view key);
  static Refusal under_way(const GenerationId& earlier);
  Task<Refusal> repeated(GenerationId earlier);
  void settle_claim(bool durable, bool stands);

  // --- one attempt (attempt.cpp); nothing: it told the client
  Task<std::optional<routing::AttemptOutcome>> attempt(const routing::Attempt& step);
  Task<std::optional<routing::AttemptOutcome>> call_upstream(Call& call);
  struct UpstreamBytes {
    std::string head;
    std::string body;
  };
  [[nodiscard]] dialects::UpstreamRequest splice_wishes(const Call& call) const;
  [[nodiscard]] dialects::EncodeTarget translation_target(const Call& call) const;
  [[nodiscard]] Result<UpstreamBytes> upstream_request(Call& call) const;
  Task<bool> log_intent(const Call& call);
  // outcome_of(), and the operator is told what may need a hand.
  routing::AttemptOutcome failed_by(const Call& call, const Error& error);
  [[nodiscard]] routing::AttemptOutcome outcome_of(const Call& call, const Error& error) const;
  Task<std::optional<routing::AttemptOutcome>> gather(Call& call,
                                                      std::string& body,
                                                      std::size_t limit,
                                                      TimePoint deadline);
  Task<routing::AttemptOutcome> read_failure(Call& call, const http::ResponseHead& head);
  Task<std::optional<routing::AttemptOutcome>> relay_body(Call& call,
                                                          const http::ResponseHead& head);
  Task<> answer_body(Call& call, std::string body, const dialects::ReplyFacts& facts);
  Task<std::optional<routing::AttemptOutcome>> relay_translated(Call& call, std::string body);
  Task<> answer_translated(Call& call, const dialects::Answer& answer, std::string body);
  Task<routing::AttemptOutcome> read_unstreamed(Call& call);

  // --- the relay of an attempt's stream (attempt_stream.cpp)
  Task<std::optional<routing::AttemptOutcome>> relay_stream(Call& call);
  [[nodiscard]] std::unique_ptr<AnswerRelay> make_relay(const Call& call) const;
  Task<std::optional<routing::AttemptOutcome>> pump_stream(Call& call, AnswerRelay& relay);
  Task<bool> send_events(Call& call, TimePoint now);
  void begin_content(Call& call, TimePoint now);
  Task<> end_stream(Call& call, AnswerRelay& relay);
  Task<> break_stream(Call& call, AnswerRelay& relay, const routing::AttemptOutcome& outcome);
  static void drop_rest(Call& call, AnswerRelay& relay);

  // --- the bill and the books (bookkeeping.cpp)
  [[nodiscard]] ledger::Endpoint api() const noexcept;
  [[nodiscard]] Reported seen() const;
  [[nodiscard]] ledger::Settlement settlement(const Call& call,
                                              const Bill& bill,
                                              ledger::Outcome outcome) const;
  ledger::Settlement failed_settlement(std::string_view error_code);
  void fill_from_stream(ledger::Settlement& record, const AnswerRelay& relay) const;
  Task<bool> settle(ledger::Settlement settlement);
  Task<> refuse_unsettled();
  void record_failure(Call& call, const routing::AttemptOutcome& outcome);
  void count_failure(const Call& call, const routing::AttemptOutcome& outcome);
  void count_success(const Call& call, const Bill& bill);
  void count_bill(const Call& call, const Bill& bill);
  void mark_progress(const Call& call, TimePoint now);
  void log_progress();
  void note_upstream_time(Call& call);
  // Of the call under way, as long as it has not been noted.
  [[nodiscard]] std::chrono::microseconds pending_wait() const;
  // Waybill's part of `whole`, the time since the request was read.
  [[nodiscard]] std::chrono::microseconds own_time(std::chrono::microseconds whole) const noexcept {
    return std::max(whole - upstream_wait_, std::chrono::microseconds(0));
  }
  void report(const Call* call, const Bill& bill, std::string_view error_code);
  [[nodiscard]] telemetry::Route route() const noexcept;

  // In the client's dialect.
  [[nodiscard]] std::string told(unsigned status,
                                 const Error& error,
                                 std::string_view metadata) const;
  [[nodiscard]] dialects::ReplyContext reply_context(const Call& call) const;
  [[nodiscard]] bool tells_usage() const noexcept;
  [[nodiscard]] std::string response_fields(std::string_view content_type,
                                            std::string_view provider_name) const;
  // What the translation left out or changed, for the call under way.
  void append_losses(std::string& fields) const;
  void begin_stream_head(std::string_view provider_name);
  [[nodiscard]] const catalog::Catalog& catalog() const noexcept { return view_->live->catalog(); }
  [[nodiscard]] const config::Settings& settings() const noexcept {
    return view_->live->settings();
  }

  Gateway& gateway_;
  http::ServerExchange& client_;
  InferenceCall asked_;
  const ClientApi& api_;
  std::shared_ptr<const WorkerView> view_;

  GenerationId id_;
  std::string id_text_;
  WallTime created_;
  TimePoint started_;
  TimePoint deadline_{};

  SharedUse::Part in_flight_;  // of a limit below the number of workers
  Caller caller_;
  std::unique_ptr<ledger::IdempotencyClaim> claim_;  // where the request has an Idempotency-Key
  std::string body_;
  dialects::RequestFacts facts_;
  // What is asked, in no dialect: where it is needed.
  std::unique_ptr<dialects::Conversation> conversation_;
  std::vector<const catalog::Model*> models_;
  routing::RoutePlan plan_;
  std::vector<routing::FailedAttempt> failures_;        // what summarize() reads
  std::vector<ledger::FailedAttempt> failed_attempts_;  // what the ledger keeps
  std::optional<ledger::Settlement> last_failed_;       // of the last attempt that failed

  Ticker ticker_;
  Call* call_ = nullptr;  // the upstream call under way
  net::Waiter pause_;     // the wait for a Retry-After
  TimePoint last_sent_{};
  std::uint64_t marked_bytes_ = 0;  // output covered by the last progress mark
  TimePoint marked_at_{};
  AnswerRelay* relay_ = nullptr;  // of the call under way, once it streams
  std::optional<std::chrono::microseconds> first_token_;
  std::chrono::microseconds upstream_wait_{0};  // time that was the provider's, not ours
  unsigned status_ = 0;
  bool client_gone_ = false;
  bool cut_off_ = false;
  bool intent_logged_ = false;
};

// One upstream call: the endpoint, the connection, and its timings.
struct Generation::Call {
  Call(http::ClientPool& pool,
       const catalog::Endpoint& to,
       const catalog::Provider& of,
       const catalog::Model& model_of,
       const ProviderLink& over)
      : exchange(pool),
        endpoint(to),
        provider(of),
        model(model_of),
        link(over) {}

  http::ClientExchange exchange;
  const catalog::Endpoint& endpoint;
  const catalog::Provider& provider;
  const catalog::Model& model;
  const ProviderLink& link;
  dialects::Losses losses;  // of the translation
  bool translated = false;  // by a codec, and not spliced
  bool passed = false;      // by a codec, which passes bytes on: both sides speak its dialect
  routing::AttemptKind kind = routing::AttemptKind::First;
  std::uint32_t number = 1;
  TimePoint deadline{};
  TimePoint began{};
  TimePoint sent{};   // the first byte of the request
  TimePoint asked{};  // its last byte
  std::optional<TimePoint> first_content;
  std::uint64_t mark_every_bytes = 0;  // of output, between two progress marks
  unsigned status = 0;
  bool dispatched = false;  // a byte may have reached the provider
  bool wait_noted = false;  // its time is in Generation::upstream_wait_
};

}  // namespace waybill::gateway
