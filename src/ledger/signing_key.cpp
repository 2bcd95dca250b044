#include "signing_key.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "file.hpp"

namespace waybill::ledger {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

// Nobody could trust a ledger whose library cannot sign (no memory, no algorithm).
void require(bool done) noexcept {
  if (!done) {
    std::abort();
  }
}

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// An empty passphrase: a file that asks for one is no key of ours.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return -1;
}

Error invalid(const std::string& path) {
  return {ErrorKind::InvalidRequest, "signing_key_invalid",
          "The file " + path +
              " holds no Ed25519 key in PEM; put the right file back, or remove it and a new key "
              "is made."};
}

Error exposed(const std::string& path) {
  return {ErrorKind::InvalidRequest, "signing_key_exposed",
          "The signing key " + path +
              " may be read or changed by others; run `chmod 600` on it, or remove it and a new "
              "key is made."};
}

std::optional<PublicKey> raw_public(const EVP_PKEY* key) noexcept {
  PublicKey out{};
  std::size_t size = out.size();
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, out.data(), &size) != 1 || size != out.size()) {
    return std::nullopt;
  }
  return out;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// Through another name, so that the file is whole or not there.
int write_whole(const std::string& path, std::string_view text, mode_t mode) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const File file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.is_open() || ::fchmod(file.fd(), mode) != 0) {
    return errno;
  }
  int failed = file.write_at(text, 0);
  if (failed == 0) {
    failed = file.sync_data();
  }
  if (failed == 0 && std::rename(fresh.c_str(), path.c_str()) != 0) {
    failed = errno;
  }
  return failed == 0 ? sync_folder_of(path) : failed;
}

}  // namespace

void SigningKey::Free::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

SigningKey::SigningKey(Handle key)
    : key_(std::move(key)),
      public_key_(raw_public(key_.get()).value_or(PublicKey{})) {}

Result<SigningKey> SigningKey::open(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) {
      return file_error("Opening", path, errno);
    }
    auto made = make(path);
    if (!made) {
      return made.error();
    }
    return SigningKey(std::move(*made));
  }
  constexpr mode_t kNotForOthers = S_IWGRP | S_IROTH | S_IWOTH;
  if ((info.st_mode & kNotForOthers) != 0) {
    return exposed(path);
  }
  // Not by File::open(): a secret mounted into a container is a symbolic link.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return file_error("Opening", path, errno);
  }
  auto pem = file.read_all();
  if (!pem) {
    return pem.error();
  }
  auto key = parse(*pem, path);
  OPENSSL_cleanse(pem->data(), pem->size());
  if (!key) {
    return key.error();
  }
  return SigningKey(std::move(*key));
}

Result<SigningKey::Handle> SigningKey::make(const std::string& path) {
  Handle key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio bio(BIO_new(BIO_s_mem()));
  require(key && bio &&
          PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                        nullptr) == 1);
  std::string pem = text_of(bio.get());
  const int failed = write_whole(path, pem, S_IRUSR | S_IWUSR);
  OPENSSL_cleanse(pem.data(), pem.size());
  if (failed != 0) {
    return file_error("Writing", path, failed);
  }
  return key;
}

Result<SigningKey::Handle> SigningKey::parse(const std::string& pem, const std::string& path) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  require(bio != nullptr);
  Handle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!raw_public(key.get())) {
    return invalid(path);
  }
  return key;
}

Signature SigningKey::sign(std::string_view text) const {
  const Context context(EVP_MD_CTX_new());
  Signature out{};
  std::size_t size = out.size();
  require(context &&
          EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
          EVP_DigestSign(context.get(), out.data(), &size, bytes_of(text), text.size()) == 1 &&
          size == out.size());
  return out;
}

int SigningKey::publish(const std::string& path) const {
  if (read_public_key(path) == public_key_) {
    return 0;
  }
  const Bio bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1);
  constexpr mode_t kForAll = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
  return write_whole(path, text_of(bio.get()), kForAll);
}

bool is_signed_by(const PublicKey& key,
                  std::string_view text,
                  const Signature& signature) noexcept {
  const Key handle(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Context context(EVP_MD_CTX_new());
  return handle && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

std::optional<PublicKey> read_public_key(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return std::nullopt;
  }
  auto pem = file.read_all();
  if (!pem) {
    return std::nullopt;
  }
  const Bio bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  require(bio != nullptr);
  Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    BIO_reset(bio.get());
    key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  }
  OPENSSL_cleanse(pem->data(), pem->size());
  return raw_public(key.get());
}

}  // namespace waybill::ledger
