// One client connection of a Server.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "waybill/http/server.hpp"

namespace waybill::http {

// Reads requests off one stream and serves them in turn.
//
// Lifetime: owned by the Server; run() is its only task.
class Connection {
 public:
  Connection(Server& server, net::Stream stream, net::Peer peer, int tag);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves until the client closes, breaks a rule, or the server drains.
  Task<> run(std::shared_ptr<const net::TlsServerContext> tls);

  // Ends the connection as soon as no request is being served.
  void drain();
  // Ends it now.
  void abort();

  SharedUse::Part place;  // among the connections of all workers; given back with it

 private:
  friend class ServerExchange;

  enum class Next : unsigned char {
    Serve,
    Close,
    Reject
  };

  Task<Next> read_head();
  Next take_head(std::string_view bytes);
  Next check_head();
  Task<> serve();
  Next refuse_unread(Rejection rejection, std::string_view bytes);
  [[nodiscard]] std::string rejection_fields();
  Task<> reject(Rejection rejection);
  Task<> linger();
  bool discard_buffered_body();
  [[nodiscard]] bool may_keep_alive(const ServerExchange& exchange);

  Server& server_;
  net::Stream stream_;
  net::Peer peer_;
  int tag_;
  std::string pending_;  // read, not yet consumed
  std::size_t scanned_ = 0;
  RequestHead head_;
  std::optional<BodyDecoder> decoder_;
  std::optional<Rejection> rejection_;
  TimePoint started_{};
  std::uint64_t served_ = 0;
  bool idle_ = false;       // between requests
  bool keep_alive_ = true;  // another request may follow
};

}  // namespace waybill::http
