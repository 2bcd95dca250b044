// A certificate made for one test.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace waybill::net {

// A self-signed certificate for `name`, valid from `from` to `until` seconds
// relative to now, with its key, as PEM files in a folder of its own.
class Certificate {
 public:
  Certificate(const std::string& name, long from, long until) {
    std::string pattern = (std::filesystem::temp_directory_path() / "waybill-tls-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), from);
    X509_gmtime_adj(X509_getm_notAfter(cert), until);
    X509_set_pubkey(cert, key);
    X509_NAME* const subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(cert, subject);
    X509_EXTENSION* const san =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(cert, key, EVP_sha256());
    BIO* const cert_out = BIO_new_file(certificate_file().c_str(), "w");
    PEM_write_bio_X509(cert_out, cert);
    BIO_free(cert_out);
    BIO* const key_out = BIO_new_file(key_file().c_str(), "w");
    PEM_write_bio_PrivateKey(key_out, key, nullptr, nullptr, 0, nullptr, nullptr);
    BIO_free(key_out);
    X509_free(cert);
    EVP_PKEY_free(key);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate() { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string certificate_file() const { return folder_ + "/cert.pem"; }
  [[nodiscard]] std::string key_file() const { return folder_ + "/key.pem"; }

 private:
  std::string folder_;
};

}  // namespace waybill::net
