// How commands beside a running daemon change its ledger.
//
// A second process never writes the ledger's file: where the daemon holds the
// lock, a command sends one line of JSON to a Unix socket beside the file (mode
// 0600) and gets one line of JSON back.
//
//   request  = {"command":"keys.create","name":"laptop",...} LF
//   response = {"ok":true,"key":"sk-wb-...",...} LF
//            / {"ok":false,"code":"key_not_found","message":"..."} LF

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"
#include "waybill/net/listener.hpp"

namespace waybill::app {

// Asks whether the daemon takes requests; "ok" says so.
inline constexpr std::string_view kHealthRequest = "{\"command\":\"health\"}";

// Where the socket of the ledger at this path is.
[[nodiscard]] std::string control_socket_path(const std::string& ledger_path);

// Serves requests on one worker.
class ControlServer {
 public:
  // Turns a request into a response; may block, so the worker must serve no
  // clients of the API.
  using Handle = std::function<std::string(std::string_view request)>;

  static Result<std::unique_ptr<ControlServer>> open(net::Worker& worker,
                                                     const std::string& path,
                                                     Handle handle);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

 private:
  ControlServer(net::Worker& worker, std::string path, Handle handle);
  net::Task<> serve(net::Stream stream);

  net::Worker& worker_;
  std::string path_;
  Handle handle_;
  std::unique_ptr<net::Listener> listener_;
};

// Sends one request and waits for its response, blocking.  Fails with
// NotFound/"no_daemon" where nobody listens.
Result<std::string> ask_daemon(const std::string& socket_path, std::string_view request);

}  // namespace waybill::app
