// A generation and the Idempotency-Key of its request.

#include <utility>

#include "waybill/net/offload.hpp"

#include "generation.hpp"
#include "idempotency.hpp"

namespace waybill::gateway {
namespace {

using State = ledger::IdempotencyIndex::State;

}  // namespace

// Claims the key for this request, or says why not.
Task<std::optional<Generation::Refusal>> Generation::claim(std::string_view key) {
  ledger::IdempotencyRecord wanted;
  wanted.tenant = caller_.key->id;
  wanted.mark = {.key = sha256(key),
                 .body = fingerprint(api_.api, body_),
                 .expires = created_ + settings().idempotency.keep};
  wanted.generation = id_;
  ledger::IdempotencyIndex& index = gateway_.ledger_.idempotency();
  const auto answer = index.claim(wanted, created_);
  switch (answer.state) {
    case State::Claimed:
      claim_ = std::make_unique<ledger::IdempotencyClaim>(index, wanted);
      co_return std::nullopt;
    case State::UnderWay: co_return under_way(answer.earlier);
    case State::Remembered: break;
    case State::OtherBody: {
      Refusal refusal{
          422, Error(ErrorKind::InvalidRequest, "idempotency_conflict",
                     "This Idempotency-Key names another request, generation " +
                         answer.earlier.to_string() + "; send a new key with a new request.")};
      refusal.earlier = answer.earlier;
      refusal.metadata = earlier_metadata(answer.earlier);
      co_return refusal;
    }
    case State::Full:
      co_return Refusal{503, Error(ErrorKind::Unavailable, "idempotency_keys_full",
                                   "No further Idempotency-Key can be remembered at the moment; "
                                   "try again later, or send the request without one.")};
  }
  auto refusal = co_await repeated(answer.earlier);
  co_return refusal;
}

Generation::Refusal Generation::under_way(const GenerationId& earlier) {
  Refusal refusal{409, Error(ErrorKind::InvalidRequest, "idempotency_in_flight",
                             "A request with this Idempotency-Key is under way as generation " +
                                 earlier.to_string() + "; try again after Retry-After.")};
  refusal.earlier = earlier;
  refusal.metadata = earlier_metadata(earlier);
  refusal.fields = "Retry-After: 5\r\n";  // as long as a short answer takes
  return refusal;
}

Task<Generation::Refusal> Generation::repeated(GenerationId earlier) {
  auto lookup = [&ledger = gateway_.ledger_, earlier] {
    return ledger.reader().find_generation(earlier);
  };
  const auto found = co_await net::offload(gateway_.blocking_, client_.worker(), std::move(lookup));
  if (!found) {
    co_return Refusal{503, found.error()};
  }
  if (!*found) {  // its settlement waits in the spill file
    co_return under_way(earlier);
  }
  Refusal refusal{409,
                  Error(ErrorKind::InvalidRequest, "idempotency_repeated",
                        "This request was served before, as generation " + earlier.to_string() +
                            ", and its answer is not kept; send a new Idempotency-Key to ask "
                            "again.")};
  refusal.earlier = earlier;
  refusal.metadata = repeat_metadata((*found)->settlement);
  // OpenAI's SDKs take a 409 for a lock and would try in vain, but for this field.
  refusal.fields = "X-Should-Retry: false\r\n";
  co_return refusal;
}

// Before the client is told anything, so that it may send the key again at once.
void Generation::settle_claim(bool durable, bool stands) {
  if (durable && stands) {
    claim_->finish();
  } else if (!durable && marked_bytes_ > 0) {
    // Some of the answer is out, and the next start will charge for it.
    claim_->leave_open();
  } else {
    claim_->release();
  }
}

}  // namespace waybill::gateway
