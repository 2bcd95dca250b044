// What a process that holds keys and many connections sets up first.

#pragma once

#include <cstddef>

#include "waybill/base/result.hpp"

namespace waybill::app {

// No core dumps and no reading of our memory by other processes of the user:
// keys live in it (attacks.md L4).
void forbid_dumps() noexcept;

// The process never ends without a word: where memory runs out mimalloc aborts in
// silence (attacks.md O6).
void say_when_aborted() noexcept;

// Raises the soft limit of open files to the hard one; gives what it is now.
std::size_t raise_file_limit() noexcept;

// Fails with "too_few_files" where `files`, the limit of open ones, does not even let the daemon
// start with so many workers.
Result<void> check_file_limit(std::size_t files, std::size_t workers);

// Cores this process may run on (not those of the machine).
[[nodiscard]] std::size_t usable_cores() noexcept;

}  // namespace waybill::app
