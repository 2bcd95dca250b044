// What the pieces of a request cost by themselves: heads, dialects, the bill, the ledger.
//
//   build/release/bench/waybill_pieces [--benchmark_filter=REGEX]
//
// For comparing two versions of one piece on one machine; what a request costs as a whole
// is bench/run's to say.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include <benchmark/benchmark.h>

#include "waybill/dialects/openai_chunk.hpp"
#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/openai_request.hpp"
#include "waybill/http/head.hpp"
#include "waybill/http/sse_parser.hpp"

#include "unit/ledger/support.hpp"

namespace waybill {
namespace {

constexpr std::string_view kRequestHead =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:8080\r\nAccept-Encoding: gzip, "
    "deflate\r\n"
    "Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
    "User-Agent: OpenAI/Python 2.8.1\r\nX-Stainless-Lang: python\r\nX-Stainless-OS: Linux\r\n"
    "Authorization: Bearer sk-wb-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJK\r\n"
    "X-Stainless-Retry-Count: 0\r\nContent-Length: 1600\r\n\r\n";
constexpr std::string_view kResponseHead =
    "HTTP/1.1 200 OK\r\nDate: Fri, 27 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: 900\r\nConnection: keep-alive\r\nServer: cloudflare\r\nX-Request-Id: "
    "req_0123\r\n\r\n";
constexpr std::string_view kChunk =
    R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m",)"
    R"("choices":[{"index":0,"delta":{"content":" tariff"},"finish_reason":null}]})";

// A conversation of some 1.6 KB.
std::string request_body() {
  std::string body = R"({"model":"openai/gpt-4o-mini","temperature":0.7,"messages":[)"
                     R"({"role":"system","content":"You answer shortly."})";
  for (int i = 0; i < 5; ++i) {
    body += R"(,{"role":"user","content":")" + std::string(220, static_cast<char>('a' + i)) +
            R"( and \"so\" on.\n"})";
  }
  return body + "]}";
}

// An answer of some 0.9 KB.
std::string reply_body() {
  return R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini-2024",)"
         R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
         std::string(480, 'w') +
         R"("},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":412,)"
         R"("completion_tokens":96,"total_tokens":508,"prompt_tokens_details":{"cached_tokens":128},)"
         R"("completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_1"})";
}

void bm_request_head(benchmark::State& state) {
  for (auto _ : state) {
    const auto scan = http::find_head_end(kRequestHead);
    auto head = http::parse_request_head(kRequestHead.substr(0, scan.size));
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(bm_request_head);

void bm_response_head(benchmark::State& state) {
  for (auto _ : state) {
    const auto scan = http::find_head_end(kResponseHead);
    auto head = http::parse_response_head(kResponseHead.substr(0, scan.size), http::Verb::post);
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(bm_response_head);

void bm_request_body(benchmark::State& state) {
  const std::string body = request_body();
  dialects::UpstreamRequest upstream;
  upstream.upstream_model = "gpt-4o-mini-2024-07-18";
  std::string out;
  for (auto _ : state) {
    const auto facts = dialects::read_request(dialects::RequestKind::Chat, body);
    out.clear();
    dialects::write_upstream_request(out, body, *facts, upstream);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(bm_request_body);

void bm_reply_body(benchmark::State& state) {
  const std::string body = reply_body();
  const dialects::ReplyIdentity identity{"gen-1795773600-0123456789abcdefghij",
                                         "openai/gpt-4o-mini", "OpenAI"};
  std::string out;
  for (auto _ : state) {
    const auto facts = dialects::read_reply(dialects::RequestKind::Chat, body);
    dialects::ReplyBill bill;
    bill.usage = facts->usage.value_or(dialects::Usage{});
    bill.charge.total = Money::picodollars(119'400'000);
    out.clear();
    dialects::write_reply(out, body, *facts, identity, bill);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(bm_reply_body);

void bm_stream_event(benchmark::State& state) {
  const std::string event = "data: " + std::string(kChunk) + "\n\n";
  const dialects::ReplyIdentity identity{"gen-1795773600-0123456789abcdefghij",
                                         "openai/gpt-4o-mini", "OpenAI"};
  http::SseParser parser;
  std::string out;
  for (auto _ : state) {
    parser.feed(event);
    out.clear();
    while (const auto got = parser.next()) {
      const auto facts = dialects::read_chunk(got->data);
      dialects::write_chunk(out, got->data, facts, identity);
    }
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(bm_stream_event);

void bm_cost(benchmark::State& state) {
  const catalog::PriceTable prices = ledger::test::prices();
  const catalog::UsageCounts counts{.prompt = 412, .cached_read = 128, .completion = 96};
  for (auto _ : state) {
    const auto cost = catalog::compute_cost(prices, counts);
    std::string text = to_decimal(cost->total);
    benchmark::DoNotOptimize(text.data());
  }
}
BENCHMARK(bm_cost);

class CountingSink final : public ledger::CompletionSink {
 public:
  void deliver(std::span<const ledger::Settled> batch) noexcept override {
    done_.fetch_add(batch.size());
    done_.notify_one();
  }
  void wait_for(std::size_t count) const {
    for (std::size_t done = done_.load(); done < count; done = done_.load()) {
      done_.wait(done);
    }
  }

 private:
  std::atomic<std::size_t> done_{0};
};

// Generations a strict ledger takes: so many at once, each with its intent, until all are
// durable.  The disk's flush is in it.
void bm_settle(benchmark::State& state) {
  const auto at_once = static_cast<std::uint32_t>(state.range(0));
  const ledger::test::TempFolder folder;
  CountingSink sink;
  auto ledger = ledger::Ledger::open(ledger::test::options(folder));
  const catalog::PriceTable prices = ledger::test::prices();
  if (!ledger || !(*ledger)->register_prices({&prices, 1})) {
    state.SkipWithError("the ledger did not open");
    return;
  }
  (*ledger)->set_sink(0, sink);
  std::uint32_t next = 0;
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < at_once; ++i, ++next) {
      const auto logged =
          ledger::test::log_intent(**ledger, ledger::test::intent(next, prices.version));
      if (!logged || !(*ledger)->settle(0, ledger::test::settlement(next), next)) {
        state.SkipWithError("the ledger took no more");
        return;
      }
    }
    sink.wait_for(next);
  }
  state.SetItemsProcessed(state.iterations() * at_once);
}
BENCHMARK(bm_settle)->Arg(1)->Arg(16)->Arg(64)->UseRealTime();

}  // namespace
}  // namespace waybill

BENCHMARK_MAIN();
