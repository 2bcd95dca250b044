#include "translated_relay.hpp"

#include "waybill/base/text.hpp"

namespace waybill::gateway {
namespace {

using dialects::Event;
using dialects::EventKind;

// A preamble is a few hundred bytes; more than this is not one.
constexpr std::size_t kMostHeld = 256UL * 1024UL;
constexpr std::size_t kMostIdBytes = 128;
constexpr std::size_t kMostWordBytes = 64;

}  // namespace

TranslatedRelay::TranslatedRelay(const dialects::Dialect& upstream,
                                 const dialects::Dialect& client,
                                 const dialects::UsageQuirks& quirks,
                                 const dialects::ReplyContext& context)
    : decoder_(upstream, quirks) {
  if (&upstream == &client && client.make_passer != nullptr) {
    passer_ = client.make_passer(context, written_);
  } else {
    writer_ = client.make_writer(context, written_);
  }
}

void TranslatedRelay::take(const Event& event) {
  meter(event);
  if (failed_) {
    return;  // behind an error nothing counts
  }
  if (writer_) {
    writer_->take(event);
  }
  content_sent_ = content_sent_ || dialects::is_content(event);
}

void TranslatedRelay::Tap::take(const dialects::Frame& frame) {
  if (!owner_.failed_) {
    owner_.passer_->take(frame);
  }
}

void TranslatedRelay::meter(const Event& event) {
  output_bytes_ += dialects::output_bytes(event);
  switch (event.kind) {
    case EventKind::Start:
      if (upstream_id_.empty()) {
        upstream_id_ = event.id.substr(0, kMostIdBytes);
      }
      break;
    case EventKind::Usage:
      usage_ = event.usage == nullptr ? std::nullopt : std::optional(*event.usage);
      usage_fault_ = event.usage_fault;
      so_far_ = event.so_far;
      break;
    case EventKind::Finish:
      finish_ = event.finish;
      native_finish_ = event.name.substr(0, kMostWordBytes);
      break;
    case EventKind::Fault:
      fault_ = *event.fault;
      error_event_ = true;
      failed_ = true;
      break;
    default: break;
  }
}

AnswerRelay::Step TranslatedRelay::feed(std::string_view bytes, std::string& out) {
  if (failed_) {
    return Step::Failed;
  }
  if (decoder_.ended()) {
    spoke_after_end_ = spoke_after_end_ || bytes.find_first_not_of(" \t\r\n") != bytes.npos;
    return Step::Ended;
  }
  const bool good = decoder_.feed(bytes, *this, passer_ ? &tap_ : nullptr);
  return step_after(good, out);
}

AnswerRelay::Step TranslatedRelay::finish(std::string& out) {
  if (failed_) {
    return Step::Failed;
  }
  const bool good = decoder_.finish(*this, passer_ ? &tap_ : nullptr);
  return step_after(good, out);
}

AnswerRelay::Step TranslatedRelay::step_after(bool good, std::string& out) {
  if (content_sent_) {
    out += written_;
    written_.clear();
  }
  failed_ = failed_ || !good || written_.size() > kMostHeld;
  if (failed_) {
    return Step::Failed;
  }
  return decoder_.ended() ? Step::Ended : Step::Continue;
}

void TranslatedRelay::write_end(std::string& out, const dialects::ReplyBill& bill) {
  passer_ ? passer_->end(bill) : writer_->end(bill);
  out += written_;
  free_memory(written_);
}

void TranslatedRelay::write_error(std::string& out, const dialects::StreamError& error) {
  passer_ ? passer_->fail(error) : writer_->fail(error);
  out += written_;
  free_memory(written_);
}

}  // namespace waybill::gateway
