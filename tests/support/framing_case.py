"""What the framing tests share."""

from __future__ import annotations

from typing import Iterable

from waybill_harness import (
    ConnectionClosed,
    Daemon,
    HarnessTestCase,
    HttpConnection,
    MockUpstream,
    canned,
    json,
    request_bytes,
    settings_for,
)

BODY = json.dumps({"model": "demo/model", "messages": [{"role": "user", "content": "hi"}]}).encode()
LENGTH = ("Content-Length", str(len(BODY)))
CHUNKED = ("Transfer-Encoding", "chunked")
CHUNKED_BODY = canned.chunk(BODY) + canned.LAST_CHUNK
ANY_REFUSAL = {0, 400, 408, 411, 413, 414, 417, 421, 431, 501, 505}


class FramingCase(HarnessTestCase):
    """A shared daemon, and ways to send it requests byte for byte."""

    shared: Daemon
    upstream_server: MockUpstream

    @classmethod
    def setUpClass(cls) -> None:
        cls.upstream_server = cls.enterClassContext(MockUpstream(canned.plain()))
        cls.shared = cls.enterClassContext(
            Daemon(
                settings_for(
                    cls.upstream_server,
                    limits={"header_timeout": "700ms", "body_timeout": "700ms", "idle_timeout": "75s"},
                )
            )
        )

    def setUp(self) -> None:
        super().setUp()
        self.upstream_server.script(canned.plain())
        self.auth = [("Authorization", f"Bearer {self.shared.key}"), ("Content-Type", "application/json")]

    # ------------------------------------------------------------- helpers

    def post(self, *headers: tuple[str, str], body: bytes = b"") -> bytes:
        return request_bytes("POST", "/v1/chat/completions", headers=[*self.auth, *headers]) + body

    def raw_post(
        self,
        *lines: bytes,
        start: bytes = b"POST /v1/chat/completions HTTP/1.1",
        host: bytes = b"Host: x",
        body: bytes = BODY,
        length: bool = True,
    ) -> bytes:
        fixed = [start, host, f"Authorization: Bearer {self.shared.key}".encode(), b"Content-Type: application/json"]
        if length:
            fixed.append(f"Content-Length: {len(body)}".encode())
        return b"\r\n".join([line for line in [*fixed, *lines] if line]) + b"\r\n\r\n" + body

    def exchange(self, raw: bytes) -> tuple[int, HttpConnection]:
        connection = self.own(self.shared.connect())
        connection.send_pieces([raw])
        try:
            return connection.read_response().status, connection
        except ConnectionClosed:
            return 0, connection

    def refused(self, raw: bytes, statuses: Iterable[int] = (400,), what: object = None) -> None:
        """A refusal with one of the statuses, the connection closed, the upstream untouched."""
        with self.subTest(what or raw[:160]):
            seen = len(self.upstream_server.requests)
            status, connection = self.exchange(raw)
            self.assertIn(status, {*statuses, 0})
            self.assertTrue(connection.peer_closed(), "the connection must not be used again")
            self.assertEqual(len(self.upstream_server.requests), seen, "it reached the upstream")

    def accepted(self, raw: bytes, status: int = 200, what: object = None) -> HttpConnection:
        with self.subTest(what or raw[:160]):
            got, connection = self.exchange(raw)
            self.assertEqual(got, status)
            connection.send(request_bytes("GET", "/health/live"))
            self.assertEqual(connection.read_response(method="GET").status, 200, "the connection is still in sync")
        return connection
