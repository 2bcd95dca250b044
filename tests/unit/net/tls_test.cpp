#include "waybill/net/tls.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "waybill/net/stream.hpp"

#include "unit/net/certificate.hpp"
#include "unit/net/run_task.hpp"

namespace waybill::net {
namespace {

using namespace std::chrono_literals;

TimePoint soon() {
  return Clock::now() + 10s;
}

Task<> serve_one(Stream* stream) {
  const auto shaken = co_await stream->handshake(soon());
  if (shaken) {
    const IoOutcome sent = co_await stream->write_all("over tls", soon());
    EXPECT_EQ(sent, IoOutcome::Ok);
  }
  stream->close();
}

Task<std::string> talk(Stream* stream) {
  const auto shaken = co_await stream->handshake(soon());
  if (!shaken) {
    co_return shaken.error().detail();
  }
  std::string all;
  std::array<char, 4> buffer{};
  for (;;) {
    const IoResult got = stream->try_read(buffer);
    if (got.state == IoState::Done) {
      all.append(buffer.data(), got.size);
    } else if (got.state == IoState::WouldBlock) {
      const Wake wake = co_await stream->readable(soon());
      EXPECT_EQ(wake, Wake::Ready);
    } else {
      co_return all;
    }
  }
}

std::string handshake_and_read(const Certificate& certificate,
                               const std::string& trusted,
                               const std::string& host) {
  Worker worker(0);
  auto server_context =
      TlsServerContext::load(certificate.certificate_file(), certificate.key_file());
  auto client_context = TlsClientContext::make(trusted);
  EXPECT_TRUE(server_context);
  EXPECT_TRUE(client_context);
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
  Stream server(worker, fds[0]);
  Stream client(worker, fds[1]);
  server.start_tls((*server_context)->make_session());
  client.start_tls((*client_context)->make_session(host));
  worker.spawn(serve_one(&server));
  return run_task(worker, talk(&client));
}

TEST(TlsHandshake, ATrustedNameTalks) {
  const Certificate good("api.example", -60, 3600);
  EXPECT_EQ(handshake_and_read(good, good.certificate_file(), "api.example"), "over tls");
}

TEST(TlsHandshake, U6WhatIsNotTrustedIsRefused) {
  const Certificate good("api.example", -60, 3600);
  const Certificate other("api.example", -60, 3600);
  const Certificate expired("api.example", -7200, -3600);
  const Certificate not_yet("api.example", 3600, 7200);
  EXPECT_NE(handshake_and_read(good, good.certificate_file(), "evil.example").find("ostname"),
            std::string::npos);
  EXPECT_NE(handshake_and_read(good, other.certificate_file(), "api.example").find("certificate"),
            std::string::npos);
  EXPECT_NE(handshake_and_read(good, "", "api.example").find("self-signed"), std::string::npos);
  EXPECT_NE(handshake_and_read(expired, expired.certificate_file(), "api.example").find("expired"),
            std::string::npos);
  EXPECT_NE(
      handshake_and_read(not_yet, not_yet.certificate_file(), "api.example").find("not yet valid"),
      std::string::npos);
  EXPECT_NE(handshake_and_read(good, good.certificate_file(), "127.0.0.1").find("IP address"),
            std::string::npos);
}

TEST(TlsContext, AMissingFileIsNamed) {
  const auto context = TlsServerContext::load("no-such.pem", "no-such.key");
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().detail().find("no-such.pem"), std::string::npos);
}

}  // namespace
}  // namespace waybill::net
