#include "waybill/net/tls.hpp"

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include <arpa/inet.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace waybill::net {
namespace {

constexpr std::array<unsigned char, 9> kAlpnHttp11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

Error failure(std::string_view code, std::string detail) {
  const unsigned long reason = ERR_peek_last_error();
  if (reason != 0 && ERR_reason_error_string(reason) != nullptr) {
    detail += std::string(": ") + ERR_reason_error_string(reason);
  }
  ERR_clear_error();
  return {ErrorKind::InvalidRequest, code, std::move(detail) + "."};
}

// NOLINTNEXTLINE(readability-function-size): the signature is OpenSSL's
int choose_alpn(SSL*,
                const unsigned char** out,
                unsigned char* out_size,
                const unsigned char* in,
                unsigned in_size,
                void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpnHttp11.data(), kAlpnHttp11.size(), in,
                            in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // an h2-only client: RFC 7301 §3.2
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void set_common(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A retried write may come from another buffer, and an idle session keeps none.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
}

// Changes when a file or folder of authorities does.
std::string state_of(const char* variable, const char* fallback) {
  const char* const named = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): never set here
  struct stat found{};
  if (::stat(named == nullptr ? fallback : named, &found) != 0) {
    return "none";
  }
  return std::to_string(found.st_ino) + " " + std::to_string(found.st_size) + " " +
         std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec);
}

// What a context trusts: a file of authorities by its bytes, the system's by its state.
std::string trust_in(const std::string& ca_file) {
  if (ca_file.empty()) {
    return state_of(X509_get_default_cert_file_env(), X509_get_default_cert_file()) + " " +
           state_of(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
  }
  std::ifstream in(ca_file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool is_ip_literal(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

}  // namespace

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::load(
    const std::string& certificate_file, const std::string& key_file) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  std::shared_ptr<const TlsServerContext> owner(new TlsServerContext(context));
  set_common(context);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return failure("tls_certificate",
                   "The certificate chain '" + certificate_file + "' cannot be read");
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return failure("tls_certificate", "The private key '" + key_file + "' cannot be read");
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return failure(
        "tls_certificate",
        "The key '" + key_file + "' does not belong to the certificate '" + certificate_file + "'");
  }
  return owner;
}

TlsServerContext::~TlsServerContext() {
  SSL_CTX_free(context_);
}

SSL* TlsServerContext::make_session() const {
  SSL* const session = SSL_new(context_);
  SSL_set_accept_state(session);
  return session;
}

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::make(const std::string& ca_file) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  // What it is made of is noted first: a change that comes meanwhile is seen later.
  std::shared_ptr<const TlsClientContext> owner(new TlsClientContext(context, ca_file));
  set_common(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context, kAlpnHttp11.data(), kAlpnHttp11.size());
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1) {
    return failure("tls_ca_file", "The file of authorities '" + ca_file + "' cannot be read");
  }
  return owner;
}

TlsClientContext::TlsClientContext(SSL_CTX* context, std::string ca_file)
    : context_(context),
      ca_file_(std::move(ca_file)),
      trust_(trust_in(ca_file_)) {}

bool TlsClientContext::is_current() const {
  return trust_ == trust_in(ca_file_);
}

TlsClientContext::~TlsClientContext() {
  SSL_CTX_free(context_);
}

SSL* TlsClientContext::make_session(const std::string& host) const {
  SSL* const session = SSL_new(context_);
  SSL_set_connect_state(session);
  X509_VERIFY_PARAM* const expected = SSL_get0_param(session);
  if (is_ip_literal(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str());
  } else {
    SSL_set_tlsext_host_name(session, host.c_str());
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size());
  }
  return session;
}

}  // namespace waybill::net
