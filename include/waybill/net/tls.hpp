// TLS contexts: what a listener shows, and what a client trusts.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;  // NOLINT(readability-identifier-naming): OpenSSL's name

namespace waybill::net {

// TLS 1.2 and later, ALPN http/1.1, no renegotiation, no compression.
//
// Thread safety: immutable after load(); sessions may be made on any worker.
class TlsServerContext {
 public:
  // Reads a PEM chain and its key.  Fails with code "tls_certificate" naming the
  // file at fault.
  static Result<std::shared_ptr<const TlsServerContext>> load(const std::string& certificate_file,
                                                              const std::string& key_file);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  // A session in accept state, owned by the caller (give it to Stream::start_tls).
  [[nodiscard]] SSL* make_session() const;

 private:
  explicit TlsServerContext(SSL_CTX* context) noexcept : context_(context) {}
  SSL_CTX* context_;
};

// Verifies the chain and the name, always: there is no option to turn it off.
class TlsClientContext {
 public:
  // Trusts the system's authorities, or only those in `ca_file` if it is not
  // empty.  Fails with code "tls_ca_file".
  static Result<std::shared_ptr<const TlsClientContext>> make(const std::string& ca_file);
  ~TlsClientContext();
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;

  // Whether make() of the same file would trust the same authorities now.  Reads
  // from disk: for a reload, which keeps a context and the connections made with it
  // where it can.
  [[nodiscard]] bool is_current() const;

  // A session in connect state that expects `host` (a name for SNI and the
  // certificate, or an IP address), owned by the caller.
  [[nodiscard]] SSL* make_session(const std::string& host) const;

 private:
  TlsClientContext(SSL_CTX* context, std::string ca_file);
  SSL_CTX* context_;
  std::string ca_file_;
  std::string trust_;  // what it was made of
};

}  // namespace waybill::net
