"""TLS towards upstreams: only a valid chain to a known root for the right name is spoken to (U6)."""

from __future__ import annotations

import signal
import ssl

from certificates import Authority, Certificate, context_of, record_names
from waybill_harness import (
    CANARY,
    Daemon,
    HarnessTestCase,
    HttpConnection,
    MockUpstream,
    by_bytes,
    canned,
    chat_request,
    main,
    settings_for,
    wait_until,
)


class UpstreamTls(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = self.own(Authority())

    def ask(self, certificate: Certificate, *, ca_file: str | None, host: str = "localhost") -> tuple[int, int, str]:
        """Status, bytes of requests the upstream could read, and log."""
        with self_contained(context_of(certificate)) as upstream:
            members = {"ca_file": ca_file} if ca_file else {}
            with Daemon(settings_for(f"https://{host}:{upstream.port}/v1", provider_members=members)) as server:
                answer = server.chat()
                if answer.status != 200:
                    self.assert_error(answer, answer.status)
                    self.assertNotIn(CANARY, answer.body.decode())
                return answer.status, len(upstream.requests), server.log_text()

    def test_u6_table(self) -> None:
        issue, root = self.authority.issue, str(self.authority.root)
        other = self.own(Authority())
        rsa_weak = ("rsa:1024",)
        refused = {
            "expired": (issue("localhost", start="20200101000000Z", end="20200201000000Z"), root, "localhost"),
            "not yet valid": (issue("localhost", start="20390101000000Z"), root, "localhost"),
            "wrong host": (issue("elsewhere.example"), root, "localhost"),
            "self-signed": (self.authority.self_signed("localhost"), root, "localhost"),
            "unknown authority": (other.issue("localhost"), root, "localhost"),
            "no authority configured": (issue("localhost"), None, "localhost"),
            "wrong key usage": (issue("localhost", extensions="wrong_usage"), root, "localhost"),
            "SHA-1 signature": (issue("localhost", digest="sha1"), root, "localhost"),
            "weak key": (issue("localhost", key=rsa_weak), root, "localhost"),
            "address without an IP name": (issue("localhost"), root, "127.0.0.1"),
            "wildcard of a top level": (issue("*"), root, "localhost"),
            "IP written as a DNS name": (issue("127.0.0.1"), root, "127.0.0.1"),
        }
        for name, (certificate, ca_file, host) in refused.items():
            with self.subTest(name):
                status, requests, _ = self.ask(certificate, ca_file=ca_file, host=host)
                self.assertEqual(status, 502)
                self.assertEqual(requests, 0, "the key must not be sent to an unverified server")

    def test_a_valid_chain_is_spoken_to(self) -> None:
        root = str(self.authority.root)
        for certificate, host in (
            (self.authority.issue("localhost"), "localhost"),
            (self.authority.issue("other.example", "localhost"), "localhost"),
            (self.authority.issue("IP:127.0.0.1"), "127.0.0.1"),
        ):
            with self.subTest(host):
                status, requests, log = self.ask(certificate, ca_file=root, host=host)
                self.assertEqual((status, requests), (200, 1), log[-2000:])

    def test_the_host_of_the_base_url_is_asked_for_by_name(self) -> None:
        for host, told in (("localhost", "localhost"), ("127.0.0.1", None)):  # an address is no name: RFC 6066
            with self.subTest(host):
                context = self.authority.server_context("localhost", "IP:127.0.0.1")
                names = record_names(context)
                with self_contained(context) as upstream:
                    members = {"ca_file": str(self.authority.root)}
                    url = f"https://{host}:{upstream.port}/v1"
                    self.assertEqual(self.daemon(settings_for(url, provider_members=members)).chat().status, 200)
                self.assertEqual(names, [told])

    def test_streams_over_tls_and_connections_are_reused(self) -> None:
        with self_contained(self.authority.server_context("localhost"), canned.stream()) as upstream:
            server = self.daemon(
                settings_for(
                    f"https://localhost:{upstream.port}/v1",
                    workers=1,
                    provider_members={"ca_file": str(self.authority.root)},
                )
            )
            for _ in range(3):
                answer = server.chat(stream=True)
                self.assert_clean_stream(answer)
            self.assertEqual(upstream.connections, 1)

    def test_a_reload_keeps_connections_unless_the_authorities_have_changed(self) -> None:
        with self_contained(self.authority.server_context("localhost"), canned.plain()) as upstream:
            server = self.daemon(
                settings_for(
                    f"https://localhost:{upstream.port}/v1",
                    workers=1,
                    provider_members={"ca_file": str(self.authority.root)},
                )
            )
            self.assertEqual(server.chat().status, 200)
            server.reload()
            self.assertEqual(server.chat().status, 200)
            self.assertEqual(upstream.connections, 1)
            other = self.own(Authority())
            self.authority.root.write_bytes(other.root.read_bytes())
            server.reload()
            self.assert_error(server.chat(), 502)

    def test_a_missing_ca_file_is_a_fault_of_the_settings(self) -> None:
        with self.assertRaises(AssertionError):
            Daemon(settings_for("https://localhost:1/v1", provider_members={"ca_file": "/nowhere/ca.pem"}))


class Listener(HarnessTestCase):
    """TLS towards clients."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = self.own(Authority())
        self.certificate = self.authority.issue("localhost")
        self.provider = self.upstream(canned.stream())
        listen = [
            {"address": "127.0.0.1", "port": 0},
            {
                "address": "127.0.0.1",
                "port": 0,
                "tls": {"certificate": str(self.certificate.chain), "key": str(self.certificate.key)},
            },
        ]
        self.server = self.daemon(settings_for(self.provider, listen=listen))
        self.tls_port = int(next(url for url in self.server.urls if url.startswith("https")).rsplit(":", 1)[1])
        self.context = ssl.create_default_context(cafile=str(self.authority.root))

    def over_tls(self) -> HttpConnection:
        return self.own(HttpConnection(self.tls_port, tls=self.context, server_name="localhost"))

    def test_a_stream_over_tls(self) -> None:
        connection = self.over_tls()
        connection.send(chat_request(self.server.key, stream=True))
        self.assert_clean_stream(connection.read_response())

    def test_h38_one_byte_records_give_the_same_answer(self) -> None:
        connection = self.over_tls()
        connection.send_pieces([bytes([byte]) for byte in chat_request(self.server.key, stream=True)])
        self.assert_clean_stream(connection.read_response())

    def test_h38_hostile_requests_get_the_verdict_they_get_in_the_clear(self) -> None:
        start = b"POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer " + self.server.key.encode() + b"\r\n"
        for rest in (
            b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"Host: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
            b"Host: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            b"Host: x\nContent-Length: 0\r\n\r\n",
            b"Host: x\r\nX: a\r\n b\r\n\r\n",
            b"Host: x\r\nX: a\0b\r\n\r\n",
            b"Content-Length: 0\r\n\r\n",
            b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
            b"Host: x\r\nContent-Length: 99999999999\r\n\r\n",
        ):
            raw = start + rest
            with self.subTest(rest):
                plain = self.verdict(self.own(self.server.connect()), [raw])
                self.assertIn(plain, (400, 413, 501))
                self.assertEqual(self.verdict(self.over_tls(), [raw]), plain)
                self.assertEqual(self.verdict(self.over_tls(), by_bytes(raw)), plain)
        self.assertEqual(len(self.provider.requests), 0)

    def verdict(self, connection: HttpConnection, pieces: list[bytes]) -> int:
        connection.send_pieces(pieces)
        status = connection.read_response().status
        self.assertTrue(connection.peer_closed())
        return status

    def test_h19_plain_http_on_the_tls_port_is_closed(self) -> None:
        connection = self.own(HttpConnection(self.tls_port))
        connection.send(chat_request(self.server.key))
        self.assertNotIn(b"HTTP/1.1 200", connection.read_rest())
        self.assertEqual(len(self.provider.requests), 0)

    def test_s9_only_modern_versions_are_spoken(self) -> None:
        old = ssl.create_default_context(cafile=str(self.authority.root))
        old.set_ciphers("ALL:@SECLEVEL=0")
        try:
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        except (ValueError, ssl.SSLError):
            self.skipTest("this OpenSSL cannot speak TLS 1.1 at all")
        with self.assertRaises((ssl.SSLError, OSError)):
            HttpConnection(self.tls_port, tls=old, server_name="localhost")

    def test_a_renewed_certificate_is_taken_by_a_reload(self) -> None:
        fresh = self.authority.issue("renewed.example")
        self.certificate.chain.write_bytes(fresh.chain.read_bytes())
        self.certificate.key.write_bytes(fresh.key.read_bytes())
        self.server.signal(signal.SIGHUP)

        def renewed() -> bool:
            try:
                HttpConnection(self.tls_port, tls=self.context, server_name="renewed.example").close()
                return True
            except ssl.SSLError:
                return False

        wait_until(renewed, "the renewed certificate")


def self_contained(context: ssl.SSLContext, *script: bytes) -> MockUpstream:
    return MockUpstream(*(script or (canned.plain(),)), tls=context)


if __name__ == "__main__":
    main()
