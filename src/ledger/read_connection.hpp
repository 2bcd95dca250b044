// The connection behind a LedgerReader.

#pragma once

#include <functional>

#include "waybill/ledger/reader.hpp"

#include "sqlite.hpp"

namespace waybill::ledger {

class ReadConnection {
 public:
  static Result<std::unique_ptr<ReadConnection>> open(const std::string& path);

  [[nodiscard]] Connection& sqlite() noexcept { return connection_; }
  [[nodiscard]] Statement& find() noexcept { return find_; }
  [[nodiscard]] Statement& attempts() noexcept { return attempts_; }
  [[nodiscard]] Statement& refunds() noexcept { return refunds_; }

 private:
  explicit ReadConnection(Connection connection) noexcept : connection_(std::move(connection)) {}

  Connection connection_;  // before the statements: they are finalized first
  Statement find_;
  Statement attempts_;
  Statement refunds_;
};

// verify.cpp; the caller holds the reader's mutex, and `checkpoints` has gathered.
class CheckpointAudit;
Result<VerifyReport> verify_ledger(ReadConnection& connection,
                                   CheckpointAudit& checkpoints,
                                   const std::function<void(VerifyProgress)>& progress);

}  // namespace waybill::ledger
