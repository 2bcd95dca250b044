#include "key_book.hpp"

#include <algorithm>
#include <utility>

#include "keys.hpp"

namespace waybill::ledger {
namespace {

// One change in a transaction of its own.
template <class Write>
auto in_transaction(Store& store, Write write) -> decltype(write()) {
  if (auto begun = store.begin(); !begun) {
    return begun.error();
  }
  auto written = write();
  if (!written) {
    store.rollback();
    return written;
  }
  if (auto committed = store.commit(); !committed) {
    store.rollback();
    return committed.error();
  }
  return written;
}

}  // namespace

KeyBook::KeyBook(Store& store, std::vector<KeyRecord> keys)
    : store_(store),
      keys_(std::move(keys)) {
  publish();
}

void KeyBook::publish() {
  std::vector<KeyRecord> present;
  std::ranges::copy_if(keys_, std::back_inserter(present),
                       [](const KeyRecord& key) { return !key.deleted; });
  const std::uint64_t version = version_.load(std::memory_order_relaxed) + 1;
  auto index = std::make_shared<const KeyIndex>(std::move(present), version);
  {
    const std::scoped_lock lock(mutex_);
    index_ = std::move(index);
  }
  version_.store(version, std::memory_order_release);
}

std::shared_ptr<const KeyIndex> KeyBook::index() const {
  const std::scoped_lock lock(mutex_);
  return index_;
}

Result<CreatedKey> KeyBook::create(const NewKey& wanted, WallTime now) {
  auto key = mint_key(wanted, now);
  if (!key) {
    return key;
  }
  const auto id = in_transaction(store_, [&] { return store_.add_key(key->record); });
  if (!id) {
    return id.error();
  }
  key->record.id = *id;
  keys_.push_back(key->record);
  publish();
  return key;
}

Result<KeyRecord> KeyBook::change(const Sha256& hash, Change change) {
  const auto found = std::ranges::find_if(keys_, [&](const KeyRecord& key) {
    return !key.deleted && equal_constant_time(key.hash, hash);
  });
  if (found == keys_.end()) {
    return Error(ErrorKind::NotFound, "key_not_found",
                 "There is no key with this hash; `waybill keys list` shows those there are.");
  }
  KeyRecord changed = *found;
  switch (change) {
    case Change::Disable: changed.disabled = true; break;
    case Change::Enable: changed.disabled = false; break;
    case Change::Delete: changed.deleted = true; break;
  }
  if (auto done = in_transaction(store_, [&] { return store_.update_key(changed); }); !done) {
    return done.error();
  }
  *found = changed;
  publish();
  return changed;
}

}  // namespace waybill::ledger
