#include "waybill/net/tls.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

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

Task<std::string> read_all(Stream* stream) {
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

Task<std::string> talk(Stream* stream) {
  const auto shaken = co_await stream->handshake(soon());
  if (!shaken) {
    co_return shaken.error().detail();
  }
  co_return co_await read_all(stream);
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

using MakeSession = std::function<SSL*()>;
using Layers = std::array<MakeSession, 2>;  // the outer one first

// "" once all layers stand.
Task<std::string> start_layers(Stream* stream, Layers layers) {
  for (const MakeSession& make_session : layers) {
    stream->start_tls(make_session());
    const auto shaken = co_await stream->handshake(soon());
    if (!shaken) {
      co_return shaken.error().detail();
    }
  }
  co_return "";
}

// One end of TLS within TLS: a text that ends in a point comes back twice over.
Task<> echo_within(Stream* stream, Layers layers) {
  const std::string fault = co_await start_layers(stream, std::move(layers));
  if (!fault.empty()) {
    co_return;
  }
  std::string all;
  std::array<char, 1000> buffer{};
  while (!all.ends_with('.')) {
    const IoResult got = stream->try_read(buffer);
    if (got.state == IoState::Done) {
      all.append(buffer.data(), got.size);
    } else if (got.state == IoState::WouldBlock) {
      const Wake wake = co_await stream->readable(soon());
      EXPECT_EQ(wake, Wake::Ready);
    } else {
      co_return;
    }
  }
  const IoOutcome sent = co_await stream->write_all(all + all, soon());
  EXPECT_EQ(sent, IoOutcome::Ok);
  stream->close();
}

Task<std::string> ask_within(Stream* stream, Layers layers, std::string question) {
  std::string fault = co_await start_layers(stream, std::move(layers));
  if (!fault.empty()) {
    co_return fault;
  }
  const IoOutcome sent = co_await stream->write_all(question, soon());
  EXPECT_EQ(sent, IoOutcome::Ok);
  co_return co_await read_all(stream);
}

// Far more than the socket holds, so that both layers have to wait for each other's bytes.
TEST(TlsHandshake, WithinTlsToAProxyBytesGoBothWaysAndBothNamesAreChecked) {
  const Certificate proxy("proxy.example", -60, 3600);
  const Certificate api("api.example", -60, 3600);
  const auto serve_proxy = TlsServerContext::load(proxy.certificate_file(), proxy.key_file());
  const auto serve_api = TlsServerContext::load(api.certificate_file(), api.key_file());
  const auto trust_proxy = TlsClientContext::make(proxy.certificate_file());
  const auto trust_api = TlsClientContext::make(api.certificate_file());
  ASSERT_TRUE(serve_proxy && serve_api && trust_proxy && trust_api);
  const std::string question = std::string(3'000'000, 'q') + ".";
  const auto ask = [&](const std::string& proxy_name, const std::string& name) {
    Worker worker(0);
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    Stream server(worker, fds[0]);
    Stream client(worker, fds[1]);
    worker.spawn(echo_within(&server, {[&] { return (*serve_proxy)->make_session(); },
                                       [&] { return (*serve_api)->make_session(); }}));
    return run_task(worker, ask_within(&client,
                                       {[&] { return (*trust_proxy)->make_session(proxy_name); },
                                        [&] { return (*trust_api)->make_session(name); }},
                                       question));
  };
  EXPECT_TRUE(ask("proxy.example", "api.example") == question + question);
  EXPECT_NE(ask("other.example", "api.example").find("ostname"), std::string::npos);
  EXPECT_NE(ask("proxy.example", "other.example").find("ostname"), std::string::npos);
}

TEST(TlsContext, AMissingFileIsNamed) {
  const auto context = TlsServerContext::load("no-such.pem", "no-such.key");
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().detail().find("no-such.pem"), std::string::npos);
}

}  // namespace
}  // namespace waybill::net
