#include "waybill/ledger/ledger.hpp"

#include <bit>
#include <cerrno>
#include <utility>

#include <sys/stat.h>

#include <sqlite3.h>

#include "actor.hpp"
#include "file.hpp"
#include "intent_log.hpp"
#include "recovery.hpp"
#include "sqlite_store.hpp"

namespace waybill::ledger {

struct Ledger::Parts {
  RecoveryReport recovery;
  std::unique_ptr<LedgerReader> reader;
  std::unique_ptr<Actor> actor;
  std::vector<std::unique_ptr<IntentWriter>>
      writers;  // by worker; before the actor goes, which owns their log
};

namespace {

Error missing(const std::string& path) {
  return {ErrorKind::Internal, "ledger_missing",
          "The ledger " + path +
              " is gone, though its lock file knows of one; restore it, or remove " + path +
              ".lock to begin a new ledger."};
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

// What stands, held against what was told of it elsewhere, before anything is added.
Result<void> load(Journal& journal,
                  const LockFile& lock,
                  const CheckpointFile& checkpoints,
                  AfterRestore after_restore) {
  if (auto done = journal.load(); !done) {
    return done.error();
  }
  if (lock.anchor()) {
    if (auto done = journal.check_anchor(*lock.anchor(), after_restore); !done) {
      return done.error();
    }
  }
  if (auto done = journal.check_line(checkpoints.last_line(), after_restore); !done) {
    return done.error();
  }
  const catalog::PriceTable free = catalog::free_price_table();
  return journal.add_prices({&free, 1});
}

// Closes what the last run left open, and vouches for the whole.
Result<SpillFile> close_open_ones(const Options& options,
                                  Journal& journal,
                                  RecoveryReport& report) {
  auto spill = SpillFile::open(options.path, options.spill_bytes);
  if (!spill) {
    return spill.error();
  }
  if (auto done = recover(options.path, journal, *spill, report); !done) {
    return done.error();
  }
  const auto vouched = journal.vouch();
  if (!vouched) {
    return vouched.error();
  }
  report.new_voucher = *vouched == Journal::Vouched::Now;
  report.epoch = journal.epoch();
  report.head_seq = journal.anchor().seq;
  report.rows_checked = journal.rows_checked();
  report.sqlite_version = sqlite3_libversion();
  return spill;
}

// Everything that is done before the first settlement is taken.
Result<WriterParts> start_up(Options options, RecoveryReport& report) {
  auto lock = LockFile::acquire(options.path);
  if (!lock) {
    return lock.error();
  }
  if (lock->anchor() && !exists(options.path)) {
    return missing(options.path);
  }
  auto key = SigningKey::open(signing_key_path(options.checkpoints, options.path));
  if (!key) {
    return key.error();
  }
  auto signing = std::make_unique<SigningKey>(std::move(*key));
  if (const int failed = signing->publish(public_key_path(options.path)); failed != 0) {
    return file_error("Writing", public_key_path(options.path), failed);
  }
  auto store = SqliteStore::open(options);
  if (!store) {
    return store.error();
  }
  CheckpointFile checkpoints(checkpoint_lines_path(options.checkpoints, options.path));
  auto journal = std::make_unique<Journal>(**store, *signing, options.clock, options.largest_entry);
  if (auto done = load(*journal, *lock, checkpoints, options.after_restore); !done) {
    return done.error();
  }
  auto spill = close_open_ones(options, *journal, report);
  if (!spill) {
    return spill.error();
  }
  auto keys = std::make_unique<KeyBook>(**store, journal->take_keys());
  auto intents = std::make_unique<IntentLog>(options.path, journal->epoch());
  const auto remembered = (*store)->idempotency(options.clock());
  if (!remembered) {
    return remembered.error();
  }
  auto idempotency = std::make_unique<IdempotencyIndex>(options.idempotency_keys);
  idempotency->load(*remembered);
  return WriterParts{.options = std::move(options),
                     .lock = std::move(*lock),
                     .signing = std::move(signing),
                     .checkpoints = std::move(checkpoints),
                     .store = std::move(*store),
                     .journal = std::move(journal),
                     .spill = std::move(*spill),
                     .keys = std::move(keys),
                     .intents = std::move(intents),
                     .idempotency = std::move(idempotency)};
}

}  // namespace

Ledger::Ledger(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<Ledger>> Ledger::open(Options options) {
  if (!std::has_single_bit(options.queue_capacity) || options.queue_capacity < 2 ||
      options.workers == 0) {
    return Error(
        ErrorKind::InvalidRequest, "ledger_options_invalid",
        "The ledger needs at least one worker and a queue capacity that is a power of two.");
  }
  auto parts = std::make_unique<Parts>();
  const std::string path = options.path;
  auto writer = start_up(std::move(options), parts->recovery);
  if (!writer) {
    return writer.error();
  }
  auto reader = LedgerReader::open(path);
  if (!reader) {
    return reader.error();
  }
  parts->reader = std::move(*reader);
  parts->actor = std::make_unique<Actor>(std::move(*writer));
  for (std::size_t worker = 0; worker < parts->actor->options().workers; ++worker) {
    parts->writers.push_back(std::make_unique<IntentWriter>(parts->actor->intents(), worker));
  }
  parts->actor->start();
  return std::unique_ptr<Ledger>(new Ledger(std::move(parts)));
}

Ledger::~Ledger() {
  (void)stop();  // whoever wants to know its result calls it
}

const RecoveryReport& Ledger::recovery() const noexcept {
  return parts_->recovery;
}

void Ledger::set_sink(std::size_t worker, CompletionSink& sink) noexcept {
  parts_->actor->set_sink(worker, sink);
}

bool Ledger::has_room() const noexcept {
  return parts_->actor->has_room();
}

void Ledger::refuse_new(const Error& reason) {
  parts_->actor->refuse_new(reason);
}

Result<void> Ledger::log_intents(std::size_t worker, std::span<const Intent* const> intents) {
  if (!parts_->actor->can_settle()) {
    return Error(ErrorKind::Unavailable, "ledger_unavailable",
                 "The ledger has stopped, so nothing may be sent to a provider; restart Waybill.");
  }
  return parts_->writers[worker]->log(intents);
}

Result<void> Ledger::log_progress(std::size_t worker,
                                  const GenerationId& generation,
                                  const catalog::UsageCounts& delivered) {
  return parts_->writers[worker]->log_progress(generation, delivered);
}

bool Ledger::settle(std::size_t worker,
                    Settlement&& settlement,
                    std::uint64_t token,
                    const IdempotencyMark* mark) {
  IntentWriter& intents = *parts_->writers[worker];
  auto item = std::make_unique<QueuedSettlement>();
  item->trace = intents.take(settlement.generation);
  item->settlement = std::move(settlement);
  item->token = token;
  if (mark != nullptr) {
    item->mark = *mark;
  }
  item->worker = worker;
  if (parts_->actor->push(item)) {
    return true;
  }
  settlement = std::move(item->settlement);
  intents.put_back(settlement.generation, std::move(item->trace));
  return false;
}

IdempotencyIndex& Ledger::idempotency() noexcept {
  return parts_->actor->idempotency();
}

Result<void> Ledger::register_prices(std::span<const catalog::PriceTable> tables) {
  return parts_->actor->run([&] { return parts_->actor->journal().add_prices(tables); });
}

Result<Adjusted> Ledger::adjust(const NewAdjustment& wanted) {
  std::optional<Result<Adjusted>> adjusted;
  const auto done = parts_->actor->run([&]() -> Result<void> {
    adjusted = parts_->actor->journal().adjust(wanted);
    return *adjusted ? Result<void>{} : Result<void>{adjusted->error()};
  });
  if (!done) {
    return done.error();
  }
  return std::move(*adjusted);
}

Result<CreatedKey> Ledger::create_key(const NewKey& key) {
  std::optional<Result<CreatedKey>> created;
  const auto done = parts_->actor->run([&]() -> Result<void> {
    created = parts_->actor->keys().create(key, parts_->actor->options().clock());
    return *created ? Result<void>{} : Result<void>{created->error()};
  });
  if (!done) {
    return done.error();
  }
  return std::move(*created);
}

namespace {

Result<KeyRecord> change_key(Actor& actor, const Sha256& hash, KeyBook::Change change) {
  std::optional<Result<KeyRecord>> changed;
  const auto done = actor.run([&]() -> Result<void> {
    changed = actor.keys().change(hash, change);
    return *changed ? Result<void>{} : Result<void>{changed->error()};
  });
  if (!done) {
    return done.error();
  }
  return std::move(*changed);
}

}  // namespace

Result<KeyRecord> Ledger::disable_key(const Sha256& hash) {
  return change_key(*parts_->actor, hash, KeyBook::Change::Disable);
}

Result<KeyRecord> Ledger::enable_key(const Sha256& hash) {
  return change_key(*parts_->actor, hash, KeyBook::Change::Enable);
}

Result<KeyRecord> Ledger::delete_key(const Sha256& hash) {
  return change_key(*parts_->actor, hash, KeyBook::Change::Delete);
}

std::uint64_t Ledger::key_version() const noexcept {
  return parts_->actor->keys().version();
}

std::shared_ptr<const KeyIndex> Ledger::keys() const {
  return parts_->actor->keys().index();
}

LedgerReader& Ledger::reader() noexcept {
  return *parts_->reader;
}

std::optional<Error> Ledger::failure() const {
  const auto failed = parts_->actor->failure();
  return failed ? failed : parts_->actor->refusal();
}

LedgerStats Ledger::stats() const noexcept {
  return parts_->actor->stats();
}

Result<void> Ledger::stop() {
  return parts_->actor->stop();
}

}  // namespace waybill::ledger
