// Reading a ledger: generations, keys, usage, reports, verification.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "waybill/base/generation_id.hpp"
#include "waybill/base/result.hpp"
#include "waybill/base/time.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

class ReadConnection;

// Where signed checkpoints go beside the database, and what signs them.
struct CheckpointFiles {
  std::string lines;        // one line each is appended to it; empty: `<ledger>.checkpoints`
  std::string signing_key;  // PEM, made where it is missing; empty: `<ledger>.signing-key`
};

// What verify() found.
struct VerifyReport {
  std::int64_t rows = 0;         // checked: generations and adjustments
  std::int64_t adjustments = 0;  // among them
  std::int64_t head_seq = 0;     // of the last row
  std::string head_hash;         // hexadecimal
  std::size_t checkpoints = 0;
  std::size_t signed_checkpoints = 0;  // among them
  std::size_t checkpoint_lines = 0;    // of the second file, that fit the chain
  std::int64_t unsigned_rows = 0;      // after the last signed checkpoint
  MoneySum customer_total;             // sum of all charges
  MoneySum refund_total;               // given back of them
  MoneySum provider_total;             // sum of all provider costs, failed attempts included
  std::vector<std::string> notes;      // sentences: what could not be checked, and why
};

struct VerifyProgress {
  std::int64_t row = 0;
  std::int64_t of = 0;
};

// A read-only connection: it never writes the file and never checkpoints, so it
// may stand beside a running daemon.
//
// Thread safety: every method may be called from any thread; calls take turns on
// one mutex and read from disk, so never from a worker's event loop under load.
// Errors: "ledger_missing", "ledger_unreadable", "ledger_newer_schema" from open();
// "ledger_unreadable" from the rest; NotFound where stated.
class LedgerReader {
 public:
  static Result<std::unique_ptr<LedgerReader>> open(const std::string& path);
  LedgerReader(const LedgerReader&) = delete;
  LedgerReader& operator=(const LedgerReader&) = delete;
  ~LedgerReader();

  // Nothing where there is no such generation (yet).
  Result<std::optional<GenerationRecord>> find_generation(const GenerationId& id);

  Result<std::vector<GenerationRecord>> list_generations(const GenerationFilter& filter);

  // All keys, deleted ones included, by id.
  Result<std::vector<KeyRecord>> list_keys();

  // Zeros for a key without generations.
  Result<KeyUsage> key_usage(KeyId key, WallTime now);

  // Sums over generations that started in [from, until), by group, largest cost first.
  Result<std::vector<ReportRow>> report(ReportGroup group, WallTime from, WallTime until);

  // Recomputes every cost, every refund, every balance and the hash chain over one
  // consistent view, checks every checkpoint's signature against the key, and compares
  // the second file with the chain.  Fails with "ledger_corrupt" and a sentence that
  // names the first bad row.  `progress` is called every few thousand rows, on the
  // calling thread.
  Result<VerifyReport> verify(const std::function<void(VerifyProgress)>& progress = {},
                              const CheckpointFiles& files = {});

  // SQLite's own structural check of all pages; "ledger_corrupt" with its first finding.
  Result<void> quick_check();

  // Any thread: a quick_check() that is under way, or comes after, fails with "cancelled",
  // and any other query that is under way fails as well: for a reader of one's own.
  void stop_quick_check() noexcept;

  // A consistent copy that only its owner may read, by SQLite's online backup.  Takes long for
  // a large ledger, and nothing else is read meanwhile: ask a reader of your own.  Fails with
  // "backup_exists" where there is a file, and leaves none where it fails otherwise.
  Result<void> backup(const std::string& path);

 private:
  LedgerReader(std::unique_ptr<ReadConnection> connection, std::string path);
  Result<void> copy_to(const std::string& path);

  std::mutex mutex_;
  std::unique_ptr<ReadConnection> connection_;
  std::string path_;
  std::atomic<bool> check_stopped_{false};
};

}  // namespace waybill::ledger
