// The coroutine vocabulary: Task<T> and its completion tokens.
//
// One worker is one thread running one io_context.  Everything a request
// touches lives on the worker that accepted it, so there are no strands and no
// locks here; data crosses workers only by post()ing a value.

#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "waybill/base/time.hpp"

namespace waybill::net {

namespace asio = boost::asio;

// The concrete executor, not any_io_executor: no type erasure per operation.
using Executor = asio::io_context::executor_type;

template <class T = void>
using Task = asio::awaitable<T, Executor>;

// Completion token of coroutines awaited from coroutines.
inline constexpr asio::use_awaitable_t<Executor> use_task{};

}  // namespace waybill::net
