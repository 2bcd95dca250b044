"""A listener with TLS: clients that leave are noticed, and certificates are renewed all or none."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from certificates import Authority
from waybill_harness import Answer, Daemon, End, HarnessTestCase, canned, chat_request, main, settings_for, wait_until
from wire import HttpConnection

FIRST_EVENT = canned.chunk(canned.event(canned.delta("first words")))


def free_port() -> int:
    """Two listeners on port 0 could not be told apart by a reload."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TlsListener(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = self.own(Authority())
        self.provider = self.upstream(Answer((canned.stream_head() + FIRST_EVENT,), End.HOLD))
        certificate = self.authority.issue("localhost")
        self.chain, self.private = Path(certificate.chain), Path(certificate.key)
        tls = {"certificate": str(self.chain), "key": str(self.private)}
        plain = {"address": "127.0.0.1", "port": 0}
        self.settings = settings_for(self.provider, listen=[plain, {**plain, "port": free_port(), "tls": tls}])
        self.server: Daemon = self.daemon(self.settings)
        self.port = int(self.server.urls[1].rsplit(":", 1)[1])
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def connect(self) -> HttpConnection:
        return self.own(HttpConnection(self.port, tls=self.context, server_name="localhost"))

    def settled(self, generation_id: str) -> dict:
        def found():  # noqa: ANN202 - a record or None
            answer = self.server.request("GET", f"/v1/generation?id={generation_id}")
            return answer.json()["data"] if answer.status == 200 else None

        return wait_until(found, f"settlement of {generation_id}")

    def test_u3_a_client_that_says_goodbye_over_tls_takes_its_upstream_call_with_it(self) -> None:
        connection = self.connect()
        connection.send(chat_request(self.server.key, stream=True))
        head = connection.read_head()
        pieces = connection.body_pieces(head)
        while b"first words" not in next(pieces):
            pass
        connection.socket.unwrap()  # close_notify: bytes like any other to the kernel
        connection.close()
        asked = self.provider.wait_for_requests(1)[0]
        self.assertTrue(asked.gone.wait(5), "the upstream was never hung up on")
        self.assertTrue(self.settled(head.header("x-generation-id") or "")["cancelled"])

    def test_u3_a_client_that_asks_ahead_and_leaves_is_noticed(self) -> None:
        for tls in (True, False):
            with self.subTest(tls=tls):
                self.provider.script(Answer((canned.stream_head() + FIRST_EVENT,), End.HOLD))
                connection = self.connect() if tls else self.server.connect()
                connection.send(chat_request(self.server.key, stream=True))
                connection.read_head()
                connection.send(chat_request(self.server.key))  # pipelined, and never waited for
                connection.close()
                asked = self.provider.wait_for_requests(1)[0]
                self.assertTrue(asked.gone.wait(5), "the upstream was never hung up on")

    def test_a_request_sent_ahead_is_answered_in_its_turn(self) -> None:
        self.provider.script(canned.stream(["one"]), canned.plain("two"))
        connection = self.connect()
        connection.send(chat_request(self.server.key, stream=True) + chat_request(self.server.key))
        first = connection.read_response()
        self.assertTrue(first.ended_with_done())
        self.assertEqual(connection.read_response().text(), "two")

    def test_http_1_1_is_agreed_on_whatever_else_is_offered(self) -> None:
        self.provider.script(canned.plain("agreed"))
        for offered in (["http/1.1"], ["h2", "http/1.1"]):
            with self.subTest(offered):
                self.context.set_alpn_protocols(offered)
                connection = self.connect()
                self.assertEqual(connection.socket.selected_alpn_protocol(), "http/1.1")
                connection.send(chat_request(self.server.key))
                self.assertEqual(connection.read_response().text(), "agreed")

    def test_a_client_that_speaks_h2_alone_is_told_so_in_the_handshake(self) -> None:
        self.context.set_alpn_protocols(["h2"])
        with self.assertRaisesRegex(ssl.SSLError, "(?i)no.application.protocol"):  # RFC 7301 section 3.2
            self.connect()

    def served_certificate(self) -> bytes:
        connection = self.connect()
        return connection.socket.getpeercert(binary_form=True)

    def test_a_reload_renews_the_certificate_or_changes_nothing(self) -> None:
        before = self.served_certificate()
        self.chain.write_text("no certificate at all")
        self.settings["models"]["demo/added"] = self.settings["models"]["demo/model"] | {"aliases": ["added"]}
        self.server.write_settings(self.settings)
        self.server.reload()
        self.assertEqual(self.served_certificate(), before)
        self.assertEqual(self.server.request("GET", "/v1/models/demo/added").status, 404)
        renewed = self.authority.issue("localhost")
        self.chain.write_bytes(Path(renewed.chain).read_bytes())
        self.private.write_bytes(Path(renewed.key).read_bytes())
        self.server.reload()
        self.assertNotEqual(self.served_certificate(), before)
        self.assertEqual(self.server.request("GET", "/v1/models/demo/added").status, 200)


if __name__ == "__main__":
    main()
